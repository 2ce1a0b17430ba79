"""What a sweep would rent and cost: the cheapest machine that fits, the lease that it would be, and what is unknown."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bench.billing.offers.query import Answer, Failure, Query
from bench.errors import UsageError
from bench.sweep.planning.duration import History
from bench.sweep.planning.plan import ask_all, plan_sweep
from bench.sweep.planning.render import notes
from bench.sweep.spec import Sweep
from tests.support.plans import V100, WORDS, WriteTask, offer, only, planned, tried


def test_the_dollars_are_those_of_the_lease(task: WriteTask) -> None:
    """Charged from running on: 5 min set-up, 2 min start, and a warm-up run and 5 more of 36 s are 636 s."""
    task("m", V100)
    cell = only(planned(offer("3.60"), history=tried(5, 5)))
    assert cell.time.expected == 120 + 636
    assert cell.cost.billed_seconds == 636
    # An address comes with it, at half a cent an hour for as long as the machine is charged.
    assert cell.dollars == Decimal(636) * Decimal("3.605") / 3600
    assert cell.cost.unpriced == ("disk", "egress")
    assert cell.most_dollars > cell.dollars


def test_the_provider_s_rule_is_applied(task: WriteTask) -> None:
    """Lambda charges started minutes."""
    task("m", V100 | {"infra": "lambda"})
    cell = only(planned(offer("3.60", provider="lambda"), history=tried(5, 5)))
    assert cell.cost.billed_seconds == 660


def test_the_cheapest_machine_that_fits_is_the_one(task: WriteTask) -> None:
    choices = [{"infra": "aws"}, {"infra": "lambda"}]
    task("m", {"accelerators": "A100:1", "max_hourly_cost": 3, "any_of": choices})
    fitting = offer("2.00", provider="lambda", gpu="A100", instance_type="fits")
    others = [
        offer("1.00", gpu="A100-80GB"),
        offer("1.00", gpu="A100", gpus=8),
        offer("1.00", gpu="A100", provider="gcp"),
        offer("1.00", gpu="A100", category="Dynamic"),
        offer("1.00", gpu="A100", currency="CNY"),
        offer(None, gpu="A100"),
        offer("2.50", gpu="A100"),
        offer("3.01", gpu="A100"),
    ]
    assert only(planned(*others, fitting)).offer is fitting


@pytest.mark.parametrize(("asked", "taken"), [("RTXPRO6000", "1.90"), ("rtx-pro-6000", "1.69"), ("H100", "3.29")])
def test_spellings_that_skypilot_keeps_apart_are_apart_in_a_plan(task: WriteTask, asked: str, taken: str) -> None:
    task("m", {"accelerators": f"{asked}:1"})
    offers = [
        offer("1.69", provider="verda", gpu="RTX-PRO-6000", instance_type="v"),
        offer("1.90", provider="runpod", gpu="RTXPRO6000", instance_type="r"),
        offer("3.29", provider="lambda", gpu="H100", instance_type="pcie"),
        offer("2.69", provider="runpod", gpu="H100-SXM", instance_type="sxm"),
    ]
    assert str(only(planned(*offers)).offer.hourly) == taken


def test_a_price_that_is_cheaper_only_because_it_is_old_is_not_taken(task: WriteTask) -> None:
    task("m", V100)
    new = offer("3.50", seen=date(2026, 11, 20))
    assert only(planned(offer("3.00", seen=date(2026, 9, 1)), new)).offer is new
    of_last_week = offer("3.00", seen=date(2026, 11, 10))
    assert only(planned(of_last_week, new)).offer is of_last_week
    of_another_machine = offer("3.00", seen=date(2026, 9, 1), instance_type="p3n.2xlarge")
    assert only(planned(of_another_machine, new)).offer is of_another_machine


def test_a_price_of_another_market_is_not_ranked_but_bounds(task: WriteTask) -> None:
    task("m", {"accelerators": "V100:1"})
    new = offer("3.50", seen=date(2026, 11, 20))
    of_two_years_ago = offer("3.00", seen=date(2024, 12, 13), provider="gcp", instance_type="n1")
    dear = offer("9.00", seen=date(2024, 12, 13), provider="gcp", instance_type="n2")
    plan = planned(of_two_years_ago, dear, new)
    assert (only(plan).offer, only(plan).dearest) == (new, dear)
    bound = "m: at most that of gcp:n2, 9.00 USD/h of 2024-12-13, if others have no capacity"
    assert bound in list(notes(plan, None))
    assert only(planned(of_two_years_ago)).offer is of_two_years_ago  # the only one known
    task("m", {"ordered": [{"infra": "gcp"}, {"infra": "aws"}], "accelerators": "V100:1"})
    assert only(planned(of_two_years_ago, new)).offer is of_two_years_ago  # its user's order, not a ranking


def test_a_machine_can_be_named_by_its_type(task: WriteTask) -> None:
    task("m", {"infra": "aws", "instance_type": "p3.2xlarge"})
    cell = only(planned(offer(), offer("1", instance_type="p2.xlarge", gpu="K80")))
    assert (cell.offer.instance_type, cell.gpu, cell.gpus) == ("p3.2xlarge", "V100", 1)


def test_a_region_is_asked_for(task: WriteTask) -> None:
    task("m", V100)
    east, west = offer("3.00", region="us-east-1"), offer("2.00", region="us-west-2")
    found = planned(east, west, clouds=["aws/us-east-1", "aws/us-west-2", "aws"])
    assert {cell.cell.name: cell.offer for cell in found.cells} == {
        "m-aws-us-east-1": east,
        "m-aws-us-west-2": west,
        "m-aws": west,
    }


def test_without_a_price_the_dollars_are_unknown_and_counted_and_the_time_is_not(task: WriteTask) -> None:
    task("m", V100)
    found = planned(offer(), pricing=["spot", "on-demand"])
    known, unknown = found.cells
    assert (known.cell.name, unknown.cell.name) == ("m", "m-spot")
    assert (unknown.dollars, unknown.why) == (None, "no spot price known")
    assert unknown.time == known.time
    assert (found.unknown, found.dollars, found.most_dollars) == (1, known.dollars, known.most_dollars)


def test_without_a_billing_rule_the_dollars_are_time_by_price_and_at_most_started_hours(task: WriteTask) -> None:
    task("m", V100 | {"infra": "hyperbolic"})
    found = planned(offer(provider="hyperbolic"))
    cell = only(found)
    assert cell.dollars == Decimal("3.06") * Decimal(str(cell.time.expected)) / 3600
    assert cell.most_dollars == Decimal("3.06") * 2  # 1.08 h
    assert cell.cost.unpriced == ("disk", "public-ip", "egress")
    assert (cell.cost.rule, cell.cost.notes) == (None, ("no billing rule known for hyperbolic (Standard)",))
    assert "no billing rule known for hyperbolic: time x price" in list(notes(found, None))


def test_where_nothing_is_known_the_total_is_none(task: WriteTask) -> None:
    task("m", {"cpus": "8+", "infra": "aws"})
    found = planned(offer(), max_cost=1, max_duration="1h")
    assert only(found).why == "neither time nor price is known for a machine without a GPU"
    assert (found.dollars, found.most_dollars, found.seconds, found.most_seconds) == (None, None, None, None)
    assert (found.keeps_cost, found.keeps_duration) == (None, None)


def test_without_a_data_sheet_the_time_is_unknown(task: WriteTask) -> None:
    task("m", V100 | {"accelerators": "K80:1"})
    cell = only(planned(offer("0.90", gpu="K80")))
    assert cell.why == "no record of myrtle on K80, and nothing to extrapolate from"
    assert (cell.time, cell.dollars) == (None, None)


@pytest.mark.parametrize(
    ("resources", "meant"),
    [({"accelerators": "B30:1"}, "B300"), ({"infra": "lamda"}, "lambda"), ({"infra": "scaleway"}, None)],
)
def test_a_gpu_or_a_cloud_that_is_misspelt_has_the_name_that_is_near(
    resources: dict[str, str], meant: str | None, task: WriteTask
) -> None:
    task("m", V100 | resources)
    cell = only(planned(offer()))
    assert cell.dollars is None
    assert (cell.why or "").partition("; did you mean ")[2] == (f"{meant}?" if meant else "")


def test_a_variable_that_is_misspelt_is_noted_with_the_one_that_is_near(task: WriteTask) -> None:
    task("m", V100)
    found = planned(offer(), envs={"BENCH_STORRE": "s3://records", "BENCH_IMAGE": "bench:1", "BENCH_WIDTH": "8"})
    said = "envs: BENCH_STORRE is no variable of bench, which ignores it; did you mean BENCH_STORE?"
    assert [note for note in notes(found, None) if note.startswith("envs: ")] == [said]


def test_cells_come_by_dollars_and_the_unknown_last(task: WriteTask) -> None:
    task("m", V100)
    task("a", V100 | {"accelerators": "A100:1"})
    task("z", V100 | {"accelerators": "T4:1"})
    found = planned(offer(), offer("0.10", gpu="A100"), machines=["z", "m", "a"])
    assert [cell.cell.machine for cell in found.cells] == ["a", "m", "z"]


def test_limits_are_held_against_the_upper_bound(task: WriteTask) -> None:
    task("m", V100)
    free = planned(offer())
    cost, seconds = free.most_dollars, free.most_seconds
    assert cost is not None
    assert seconds is not None
    assert (free.keeps_cost, free.keeps_duration) == (None, None)
    hours = int(seconds // 3600)
    kept = planned(offer(), max_cost=float(cost) + 0.01, max_duration=f"{hours + 1}h")
    assert (kept.keeps_cost, kept.keeps_duration) == (True, True)
    broken = planned(offer(), max_cost=float(cost) - 0.01, max_duration="10m")
    assert (broken.keeps_cost, broken.keeps_duration) == (False, False)
    assert broken.sweep.max_duration == timedelta(minutes=10)


@pytest.mark.parametrize(("parallel", "rounds"), [(None, 1), (3, 1), (2, 2), (1, 3), (7, 1)])
def test_cells_that_wait_for_each_other_take_longer(task: WriteTask, parallel: int | None, rounds: int) -> None:
    for name in "abc":
        task(name, V100)
    one = planned(offer(), machines=["a"])
    found = planned(offer(), machines=["a", "b", "c"], parallel=parallel, max_duration="1m")
    assert one.seconds is not None
    assert one.most_seconds is not None
    assert found.seconds == pytest.approx(rounds * one.seconds)
    assert found.most_seconds == pytest.approx(rounds * one.most_seconds)
    minutes = int(rounds * one.most_seconds // 60)
    bounds = [f"{minutes}m", f"{minutes + 1}m"]
    kept = [
        planned(offer(), machines=["a", "b", "c"], parallel=parallel, max_duration=bound).keeps_duration
        for bound in bounds
    ]
    assert kept == [False, True]


def test_an_unknown_cell_leaves_a_kept_limit_open_and_a_broken_one_broken(task: WriteTask) -> None:
    task("m", V100)
    assert planned(offer(), pricing=["spot", "on-demand"], max_cost=100).keeps_cost is None
    assert planned(offer(), pricing=["spot", "on-demand"], max_cost=0.01).keeps_cost is False
    task("cpu", {})
    assert planned(offer(), machines=["m", "cpu"], max_duration="9d").keeps_duration is None
    assert planned(offer(), machines=["m", "cpu"], max_duration="1m").keeps_duration is False


def test_a_success_costs_the_cell_by_the_runs_that_should_hit(task: WriteTask) -> None:
    task("m", V100)
    cell = only(planned(offer(), history=tried(3, 4)))
    assert cell.per_success == cell.dollars * 4 / (3 * 5)
    assert not cell.hit_rate.elsewhere
    assert only(planned(offer(), history=tried(3, 4, gpu="A100"))).hit_rate.elsewhere


@pytest.mark.parametrize("history", [History(), tried(0, 3)], ids=["no run", "no hit"])
def test_without_a_hit_a_success_costs_nobody_knows_what_but_a_run_at_least(task: WriteTask, history: History) -> None:
    task("m", V100)
    cell = only(planned(offer(), history=history))
    assert cell.per_success is None
    assert cell.per_run == cell.dollars / 5


def test_of_several_recipes_on_a_machine_no_success_is_priced(task: WriteTask) -> None:
    task("m", V100)
    cell = only(planned(offer(), history=tried(3, 4), recipes=["myrtle", "bkj"]))
    assert (cell.runs, cell.hit_rate, cell.per_success) == (10, None, None)


def test_several_gpus_share_the_work(task: WriteTask) -> None:
    task("m", V100 | {"accelerators": "V100:8"}, envs={"BENCH_GPUS": 8})
    cell = only(planned(offer("24.48", gpus=8), recipes=["fastai-wrn"]))
    assert cell.gpus == 8
    assert cell.time.recipes[0].run.expected == pytest.approx(16_361 / (8 * 0.30 * 125))


def test_sources_are_asked_once_a_pricing_and_region_and_failures_named_once(task: WriteTask) -> None:
    task("m", V100)
    task("a", V100 | {"accelerators": "A100:1"})
    asked: list[Query] = []

    def ask(query: Query) -> Answer:
        asked.append(query)
        return Answer(failures=[Failure("gone", "no answer")])

    words = WORDS | {"machines": ["m", "a"], "pricing": ["spot", "on-demand"]}
    found = plan_sweep(Sweep.model_validate(words), History(), ask)
    assert asked == [Query(spot=True), Query(spot=False)]
    assert found.failures == (Failure("gone", "no answer"),)


def test_the_price_book_alone_answers_off_line(task: WriteTask) -> None:
    task("m", V100)
    found = plan_sweep(Sweep.model_validate(WORDS), History(), lambda query: ask_all(query, offline=True))
    assert only(found).offer.source.startswith("price book: ")
    assert found.failures == ()


def test_a_task_file_that_cannot_be_planned_stops_it_all(task: WriteTask) -> None:
    task("m", V100, num_nodes=2)
    with pytest.raises(UsageError, match=r"^sky/m.yaml:1: num_nodes"):
        planned(offer())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.decimals("0.01", "100", places=4), st.integers(1, 100), st.integers(0, 5))
def test_the_bound_is_never_below_what_is_expected(task: WriteTask, hourly: Decimal, runs: int, hits: int) -> None:
    task("m", V100)
    found = planned(offer(str(hourly)), runs=runs, history=tried(hits, 5) if hits else None)
    assert None not in (found.dollars, found.most_dollars, found.seconds, found.most_seconds)
    assert Decimal(0) < (found.dollars or 0) <= (found.most_dollars or 0)
    assert (found.seconds or 0) <= (found.most_seconds or 0)

"""The phases of a planned cell: each has its time and its dollars, and together they are those of the machine."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from bench.billing.estimate import BY_RULE
from bench.sweep.planning.cost import phase_record, phase_table
from bench.text import NOT_APPLICABLE
from tests.support.plans import V100, WriteTask, offer, only, planned, tried

IDLE = {"autostop": {"idle_minutes": 5, "down": True}}


def test_waiting_set_up_runs_and_idle_time_stand_apart(task: WriteTask) -> None:
    """2 min until it runs, which AWS does not charge; 5 of set-up; 2 of start and six runs of 36 s; at most 5 idle."""
    task("m", V100 | IDLE)
    phases = only(planned(offer("3.60"), history=tried(5, 5))).phases
    assert [(phase.name, phase.seconds, phase.dollars) for phase in phases] == [
        ("waiting", 120, 0),
        ("set-up", 300, Decimal("0.3")),
        ("runs", 336, Decimal("0.336")),
        ("idle", 0, 0),
        (BY_RULE, 0, 0),
    ]
    assert [(phase.most_s, phase.most_dollars) for phase in phases] == [
        (600, 0),
        (1200, Decimal("1.2")),
        (816, Decimal("0.816")),
        (300, Decimal("0.3")),
        (0, 0),
    ]


def test_what_the_rule_charges_beyond_the_time_stands_by_itself(task: WriteTask) -> None:
    """Lambda charges started minutes: 636 s are 660."""
    task("m", V100 | {"infra": "lambda"})
    *_, rule = only(planned(offer("3.60", provider="lambda"), history=tried(5, 5))).phases
    assert (rule.name, rule.dollars) == (BY_RULE, Decimal("0.024"))


def test_without_a_rule_the_wait_is_charged_too(task: WriteTask) -> None:
    task("m", V100 | {"infra": "hyperbolic"})
    waiting, *_ = only(planned(offer("3.60", provider="hyperbolic"), history=tried(5, 5))).phases
    assert waiting.dollars == Decimal("0.12")


def test_without_a_price_the_times_are_there_and_the_dollars_unknown(task: WriteTask) -> None:
    task("m", V100)
    cell = only(planned(history=tried(5, 5)))
    assert [(phase.name, phase.seconds, phase.dollars, phase.most_dollars) for phase in cell.phases] == [
        ("waiting", 120, None, None),
        ("set-up", 300, None, None),
        ("runs", 336, None, None),
        ("idle", 0, None, None),
    ]
    record = phase_record(cell.phases)
    assert (record["runs_s"], record["runs_dollars"], record["rule_dollars"]) == (336, None, None)


def test_without_a_time_there_are_no_phases(task: WriteTask) -> None:
    task("m", {"accelerators": "Z9:1", "infra": "aws"})
    cell = only(planned(offer(gpu="Z9")))
    assert cell.phases == ()
    assert set(phase_record(cell.phases).values()) == {None}


@pytest.mark.parametrize("provider", ["aws", "lambda", "hyperbolic"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(hourly=st.decimals("0.05", 100, places=2), runs=st.integers(1, 50))
def test_the_dollars_of_the_phases_are_those_of_the_machine(
    task: WriteTask, provider: str, hourly: Decimal, runs: int
) -> None:
    task("m", V100 | {"infra": provider})
    cell = only(planned(offer(str(hourly), provider=provider), runs=runs))
    machine = cell.cost.parts[0].amount.value
    assert sum(phase.dollars for phase in cell.phases) == pytest.approx(machine, abs=Decimal("0.00001"))
    assert sum(phase.seconds for phase in cell.phases) == pytest.approx(cell.time.expected)
    assert sum(phase.most_s for phase in cell.phases) == pytest.approx(cell.time.upper)


def test_the_table_has_a_row_a_cell(task: WriteTask) -> None:
    task("m", V100 | IDLE)
    cell = only(planned(offer("3.60"), history=tried(5, 5)))
    assert phase_table([("m", cell.phases), ("n", ())]).as_markdown().splitlines()[2:4] == [
        "| m | 2.00 min, 0 | 5.00 min, 0.300 | 5.60 min, 0.336 | 5.00 min, 0.300 | 0 |",
        f"| n |{f' {NOT_APPLICABLE} |' * 5}",
    ]

"""Records to a frame: one row a run, with its price."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analysis.frames.runs import COLUMNS, attempt_costs, counted, runs_frame, train_costs
from analysis.published.runs import published_frame
from analysis.report.render import FORMATS, render
from analysis.report.report import build_report
from bench.record.documents import (
    POLICIES,
    Accelerators,
    Device,
    LeaseClosed,
    Phase,
    Policy,
    PublishedRun,
    RecipeRef,
    Run,
    attempt_seconds,
    policy_seconds,
)
from tests.support import builders, small_store as a
from tests.support.published_runs import published


def test_one_row_a_run_with_its_lease() -> None:
    frame = runs_frame([a.a_run(10, lease_id=a.an_id(1)), a.a_lease(1), LeaseClosed(id=a.an_id(1), stopped=a.NOON)])
    assert len(frame) == 1
    row = frame.iloc[0]
    assert row["machine"] == "Tesla V100-SXM2-16GB"
    assert row["instance"] == "aws:p3.2xlarge"
    assert row["hourly"] == Decimal("3.06")
    assert (row["pricing_category"], row["currency"]) == ("Standard", "USD")
    assert row["airbench_s"] == 60
    assert row["images_per_second"] == pytest.approx(1_200_000 / 57)
    assert row["started"] == pd.Timestamp(a.NOON)
    assert bool(row["hit"])
    assert train_costs(frame, "airbench") == [Decimal("0.051")]


def test_a_quota_of_processor_time_is_part_of_the_machine() -> None:
    run = a.a_run(10)
    xeon = run.device.model_copy(update={"kind": "cpu", "name": "Xeon", "count": 2})
    limited = run.environment.model_copy(update={"cpu_quota": 2.5})
    frame = runs_frame([run.model_copy(update={"device": xeon, "environment": limited})])
    assert frame.iloc[0]["machine"] == "2 x Xeon, quota 2.5"


def test_every_column_has_a_dtype_and_a_meaning_also_where_there_is_no_run() -> None:
    frame = runs_frame([])
    assert list(frame) == list(COLUMNS)
    for name, column in COLUMNS.items():
        assert column.meaning, name
        if column.type in (float, bool):
            assert frame[name].dtype == column.type, name
        assert column.meaning


def test_numbers_of_a_frame_can_be_changed() -> None:
    frame = runs_frame([a.a_run(10), a.a_run(11, 70.0)])
    numbers = [name for name in COLUMNS if frame[name].dtype == "float64"]
    assert {"train_s", "airbench_s", "accuracy"} <= set(numbers)
    for name in numbers:
        frame.loc[0, name] = 7.0
    assert list(frame.loc[0, numbers]) == [7.0] * len(numbers)


def test_without_a_lease_the_price_is_unknown() -> None:
    frame = runs_frame([a.a_run(10, lease_id=a.an_id(1)), a.a_run(11)])
    assert list(frame["hourly"]) == [None, None]
    assert train_costs(frame, "airbench") == [None, None]
    assert frame["instance"].isna().all()


def test_a_price_a_gpu_is_times_the_gpus() -> None:
    def hourly(accelerators: Accelerators | None) -> Decimal | None:
        lease = a.a_lease(1, "2.00", unit="gpu-hour", accelerators=accelerators)
        rate: Decimal | None = runs_frame([lease, a.a_run(10, lease_id=a.an_id(1))])["hourly"][0]
        return rate

    assert hourly(Accelerators(name="V100", count=8)) == 16
    assert hourly(None) is None


def test_a_record_that_is_there_twice_counts_once() -> None:
    assert len(runs_frame([a.a_run(10), a.a_run(10)])) == 1


def test_cores_and_gpus_are_counted() -> None:
    device = Device(kind="cpu", name="Xeon", count=2, precision="float32", path="eager")
    assert runs_frame([a.a_run(10, device=device)])["machine"][0] == "2 x Xeon"


@pytest.mark.slow
@given(st.lists(builders.runs(), max_size=3))
@settings(max_examples=15)  # each makes a report in all formats
def test_any_run_has_a_row_and_can_be_reported(runs: list[Run]) -> None:
    frame, report = runs_frame(runs), build_report(runs)
    for form in FORMATS:
        assert render(report, form, terminal=False)
    assert len(frame) == len({run.id for run in runs})
    for policy in POLICIES:
        assert not (frame[f"{policy}_s"] < 0).any()
        assert len(attempt_costs(frame, policy)) == len(frame)


def test_a_broken_run_used_its_counted_phases_up_to_its_end() -> None:
    broken = a.a_broken_run(10)
    assert policy_seconds(broken, "airbench") is None
    assert {policy: attempt_seconds(broken, policy) for policy in POLICIES} == {
        "airbench": 10,
        "dawnbench": 15,  # it built, too
        "mlperf": 10,
        "cold": None,
    }
    assert attempt_seconds(a.a_broken_run(10, cold=True), "cold") == 15


def test_a_run_that_broke_before_the_clock_ran_used_nothing_of_it() -> None:
    assert attempt_seconds(a.a_broken_run(10, phases=()), "airbench") == 0
    assert attempt_seconds(a.a_broken_run(10, phases=(), cold=True), "cold") == 0


@pytest.mark.parametrize("policy", POLICIES)
def test_a_hit_used_its_policy_time(policy: Policy) -> None:
    run = builders.make_run(cold=True)
    assert attempt_seconds(run, policy) == policy_seconds(run, policy)


def test_a_miss_used_everything_the_clock_counts() -> None:
    crossed_and_fell_back = builders.make_run(evaluations=builders.ending(0.93))
    assert policy_seconds(crossed_and_fell_back, "dawnbench") == 9
    assert attempt_seconds(crossed_and_fell_back, "dawnbench") == 13


def test_a_run_not_synchronised_does_not_count_but_a_broken_one_does() -> None:
    loose = a.a_run(10, phases=(Phase(name="train", start=0, stop=1, synchronised=False),))
    frame = runs_frame([loose, a.a_broken_run(11), a.a_run(12)])
    assert list(counted(frame)["run_id"]) == [a.an_id(11), a.an_id(12)]
    assert attempt_seconds(loose, "airbench") is None


def test_sources_that_differed_in_text_alone_are_one_and_others_are_not() -> None:
    """Hashes over whole files of airbench94-muon at commits 30e91fe, 5baa911 and 1b8c666."""
    shared = "1725d7c0ae4fdc6404e6a78730f7d188d6b40c7119f688752a706d7075a85120"
    reflowed = "60bc06c8c4650a819de8b63b26f891d7490737f9d3efaf1a27e09303ee26b8f0"
    changed = "a5939a513944c409733af9c7c6b611d6ef5538436b026bafe92b54dc909fc253"
    runs = [
        a.a_run(10 + index, recipe=RecipeRef(name="airbench94-muon", source_sha256=source))
        for index, source in enumerate((shared, reflowed, changed))
    ]
    sources = runs_frame(runs)["source_sha256"]
    assert sources[0] == sources[1] != sources[2]


@pytest.mark.parametrize("number", [2**53 + 1, 2**63 - 1])
def test_a_whole_number_beside_an_unknown_one_keeps_every_digit(number: int) -> None:
    told, untold = a.a_run(10, resumed_from=number), a.a_run(11)
    assert runs_frame([told, untold])["resumed_from"].tolist() == [number, pd.NA]
    several = published("x", 10, runs=tuple(PublishedRun(seed=seed, seconds=10, value=0.95) for seed in (number, None)))
    assert published_frame([several])["seed"].tolist() == [number, pd.NA]


def test_published_runs_stay_in_their_order_with_their_times() -> None:
    """By their ids, which end in #0, #1, #10, it would be another one."""
    several = published("x", 12, runs=tuple(PublishedRun(seed=n, seconds=10 + n, value=0.95) for n in range(12)))
    frame = published_frame([several])
    assert frame["seed"].tolist() == list(range(12))
    assert frame["published_s"].tolist() == [10 + n for n in range(12)]

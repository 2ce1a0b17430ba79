"""What shares a row, what counts, what stays unknown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.frames.runs import runs_frame
from analysis.published.dawnbench.entries import read_entries
from analysis.report.report import build_report
from analysis.tables.cost_table import Row, cost_table
from bench.record.documents import (
    DEFAULT_POLICY,
    AnyDocument,
    Device,
    Evaluation,
    LeaseOpened,
    Phase,
    Policy,
    RecipeRef,
    Run,
    Series,
    Target,
)
from tests.support import small_store as a
from tests.support.builders import make_run
from tests.support.checkouts import an_entry
from tests.support.program_runs import losses, make_program_run


def rows(*documents: AnyDocument, policy: Policy = DEFAULT_POLICY) -> list[Row]:
    return [row for row in build_report(documents, policy=policy).rows if row.kind == "measured"]


def only_row(*documents: AnyDocument, policy: Policy = DEFAULT_POLICY) -> Row:
    (row,) = rows(*documents, policy=policy)
    return row


def noted(row: Row, *facts: str) -> bool:
    """Whether one of the row's notes holds all of these."""
    return any(all(fact in note for fact in facts) for note in row.notes)


def test_numbers_of_a_row_by_hand() -> None:
    row = only_row(a.a_lease(1), *a.a_series(10, (60, 90, 66), (0.941, 0.935, 0.945), lease_id=a.an_id(1)))
    assert (row.runs, row.completed, row.hits, row.timed) == (3, 3, 2, 3)
    assert row.p_hit == pytest.approx(2 / 3)
    assert row.accuracy == pytest.approx((0.941 + 0.935 + 0.945) / 3)
    assert row.time_s == 66
    assert row.time_s_interval is None
    assert row.train_cost == Decimal("3.06") * 66 / 3600
    assert row.cost_per_success == Decimal("3.06") * (60 + 90 + 66) / 3600 / 2


def test_a_broken_run_counts_in_n_in_the_share_and_in_the_cost_of_a_success() -> None:
    whole: list[AnyDocument] = [a.a_lease(1), *a.a_series(10, (60, 60), lease_id=a.an_id(1))]
    row = only_row(*whole, a.a_broken_run(20, lease_id=a.an_id(1)))
    assert (row.runs, row.completed, row.failed, row.hits) == (3, 2, 1, 2)
    assert row.p_hit == pytest.approx(2 / 3)
    assert row.time_s == 60
    assert row.cost_per_success == Decimal("3.06") * (60 + 60 + 10) / 3600 / 2
    assert noted(row, "1 failed (OOM)")


def test_an_interrupted_run_counts_too() -> None:
    row = only_row(a.a_run(10), a.a_broken_run(11, status="interrupted", reason="USER"))
    assert (row.runs, row.failed, row.interrupted) == (2, 0, 1)
    assert noted(row, "1 interrupted (USER)")


def test_only_broken_runs_have_a_row_without_a_time() -> None:
    row = only_row(a.a_lease(1), a.a_broken_run(11, lease_id=a.an_id(1)))
    assert (row.runs, row.hits, row.p_hit) == (1, 0, 0)
    assert (row.time_s, row.accuracy, row.train_cost, row.cost_per_success) == (None, None, None, None)
    assert (row.time_ratio, row.cost_ratio) == (None, None)


def test_a_run_not_synchronised_is_counted_nowhere_and_said() -> None:
    loose = (Phase(name="train", start=0, stop=1, synchronised=False),)
    row = only_row(a.a_run(10), a.a_run(11, phases=loose))
    assert (row.runs, row.hits, row.invalid, row.time_s) == (1, 1, 1, 60)
    assert noted(row, "1 run excluded")
    alone = only_row(a.a_run(11, phases=loose))
    assert (alone.runs, alone.p_hit, alone.p_hit_interval, alone.time_s) == (0, None, None, None)


def test_an_unknown_price_stays_unknown() -> None:
    row = only_row(a.a_run(10))
    assert (row.price_per_hour, row.train_cost, row.cost_per_success, row.cost_ratio) == (None,) * 4
    assert row.time_ratio == pytest.approx(60 / 74.041)
    assert noted(row, "price: unknown", "--price-per-hour")


def test_a_machine_that_costs_nothing_costs_0() -> None:
    row = only_row(a.a_lease(1, "0"), a.a_run(10, lease_id=a.an_id(1)))
    assert row.train_cost == row.cost_per_success == row.cost_ratio == 0


def test_on_demand_and_spot_never_share_a_row() -> None:
    leases = [a.a_lease(1), a.a_lease(2, pricing_category="Dynamic")]
    found = rows(*leases, a.a_run(10, lease_id=a.an_id(1)), a.a_run(11, lease_id=a.an_id(2)))
    assert [row.pricing_category for row in found] == ["Standard", "Dynamic"]


@pytest.mark.parametrize(
    "other",
    [
        {"recipe": RecipeRef(name="quick", source_sha256="0" * 64)},
        {"recipe": RecipeRef(name="myrtle", version=2, source_sha256="0" * 64)},
        {"target": Target(at_least=0.93)},
        {"target": Target(at_least=0.94, dataset="made-up")},
        {"device": Device(kind="cuda", name="NVIDIA H200", precision="float16", path="graphs")},
        {"device": Device(kind="cuda", name="Tesla V100-SXM2-16GB", precision="float16", path="eager")},
        {"lease_id": a.an_id(2)},
        {"lease_id": a.an_id(3)},
        {"lease_id": a.an_id(4)},
    ],
)
def test_what_is_not_alike_has_rows_of_its_own(other: dict[str, Any]) -> None:
    leases = [
        a.a_lease(1),
        a.a_lease(2, "2.00"),
        a.a_lease(3, currency="EUR"),
        a.a_lease(4, instance_type="p3.8xlarge"),
    ]
    first, second = a.a_run(10, lease_id=a.an_id(1)), a.a_run(11, **({"lease_id": a.an_id(1)} | other))
    assert len(rows(*leases, first, second)) == 2


def test_leases_of_one_price_share_a_row() -> None:
    leases = [a.a_lease(1), a.a_lease(2)]
    assert only_row(*leases, a.a_run(10, lease_id=a.an_id(1)), a.a_run(11, lease_id=a.an_id(2))).runs == 2


def test_an_interval_of_the_cost_is_that_of_the_time_by_the_price() -> None:
    row = only_row(a.a_lease(1), *a.a_series(10, a.SPREAD, lease_id=a.an_id(1)))
    assert row.train_cost_interval is not None
    assert row.time_s_interval is not None
    assert row.train_cost_interval.low == pytest.approx(row.time_s_interval.low * 3.06 / 3600)
    assert row.train_cost_interval.high == pytest.approx(row.time_s_interval.high * 3.06 / 3600)


@pytest.mark.parametrize(
    ("documents", "facts"),
    [
        (a.a_series(10, (60, 61, 62)), ("n = 3", "median", "6")),
        ([a.a_run(10, series=Series(id=a.an_id(9), index=0, planned=20))], ("19 runs planned",)),
        ([a.a_run(10), a.a_run(11, recipe=RecipeRef(name="myrtle", source_sha256="1"))], ("2 versions", "source")),
        ([a.a_run(10, warnings=("load",))], ("1 run", "warnings")),
    ],
)
def test_what_weakens_a_row_is_said(documents: list[Run], facts: tuple[str, ...]) -> None:
    assert noted(only_row(*documents), *facts)


def test_a_run_that_fell_back_is_a_miss_and_said() -> None:
    crossed = (
        Evaluation(epoch=20, metrics={"accuracy": 0.95}, at=40),
        Evaluation(epoch=24, metrics={"accuracy": 0.93}, at=65, final=True),
    )
    row = only_row(a.a_run(10, evaluations=crossed))
    assert row.hits == 0
    assert noted(row, "1 run", "miss")


def test_a_clock_without_an_answer_gives_no_time_and_says_so() -> None:
    row = only_row(a.a_lease(1), *(a.a_run(n, lease_id=a.an_id(1)) for n in (10, 11)), policy="cold")
    assert (row.time_s, row.train_cost, row.cost_per_success, row.clock) == (None, None, None, "cold")
    assert noted(row, "2 of 2 runs", "cold clock")


def test_ratios_of_the_published_entries() -> None:
    published = build_report([]).rows
    assert [row.time_ratio for row in published] == pytest.approx([1, 2.35, 4.60, 5.46], abs=0.005)
    assert [row.cost_ratio for row in published] == pytest.approx([1, 18.8, 4.60, 4.10], abs=0.01)
    assert [row.same_machine for row in published] == [True, False, True, False]


def test_an_instance_that_the_entry_names_is_the_same_machine() -> None:
    def same(instance_type: str) -> bool | None:
        lease = a.a_lease(1, instance_type=instance_type)
        return only_row(lease, a.a_run(10, lease_id=a.an_id(1))).same_machine

    assert same("p3.2xlarge")
    assert not same("p3.16xlarge")
    assert not same("p3")


@pytest.mark.parametrize(
    "other",
    [
        {"target": Target(at_least=0.60)},
        {"target": Target(at_least=0.94, dataset="made-up")},
        {"evaluations": (Evaluation(epoch=24, metrics={"accuracy": 0.93}, at=65, final=True),)},
    ],
)
def test_no_ratio_to_an_entry_of_another_quality(other: dict[str, Any]) -> None:
    row = only_row(a.a_lease(1), a.a_run(10, lease_id=a.an_id(1), **other))
    assert (row.time_ratio, row.cost_ratio, row.same_machine) == (None, None, None)


def test_costs_in_two_currencies_have_no_ratio() -> None:
    row = only_row(a.a_lease(1, currency="EUR"), a.a_run(10, lease_id=a.an_id(1)))
    assert row.time_ratio is not None
    assert row.cost_ratio is None


def test_without_pages_entry_there_is_no_ratio() -> None:
    report = build_report([a.a_run(10)], which="none")
    assert len(report.rows) == 1
    assert all(row.time_ratio is None for row in report.rows)
    assert not any("Page" in note or "published" in note for note in report.footnotes)


def test_imported_entries_stand_beside_our_runs_each_once_the_fastest_first(tmp_path: Path) -> None:
    for name, hours in (("slow", 0.2), ("fast", 0.001)):
        an_entry(tmp_path, name, f"epoch\thours\ttop1Accuracy\n1\t{hours}\t94.5\n", author=name, costPerHour=None)
    entries, _ = read_entries(tmp_path)
    report = build_report([a.a_run(10), *entries, *entries])
    assert [row.kind for row in report.rows] == ["measured"] + ["published"] * 6
    fast, *_, slow = report.rows[1:]
    assert fast.recipe == "fast: A Model"
    assert [fast.time_s, slow.time_s] == pytest.approx([3.6, 720])
    assert (fast.price_per_hour, fast.train_cost, fast.cost_ratio) == (None,) * 3
    assert fast.time_ratio == pytest.approx(3.6 / 74.041)
    assert any("6 of the 33" in note for note in report.footnotes)


def test_an_imported_entry_that_never_reached_the_target_is_no_hit(tmp_path: Path) -> None:
    an_entry(tmp_path, "miss", "epoch\thours\ttop1Accuracy\n1\t0.1\t93.9\n")
    row = build_report(read_entries(tmp_path)[0]).rows[-1]
    assert (row.hits, row.time_s, row.train_cost, row.time_ratio) == (0, None, None, None)
    assert row.accuracy == pytest.approx(0.939)


def test_what_does_not_fit_is_said() -> None:
    report = build_report([], which="all", most=12)
    assert len(report.rows) == 12
    assert any("not shown: 19" in note for note in report.footnotes)


def test_programs_have_rows_of_their_own_clock_and_target() -> None:
    fell = make_program_run(evaluations=losses(4.0, 3.25, 3.5))
    whole = make_program_run(target=None, evaluations=())
    frame = runs_frame([make_program_run(), fell, whole, make_program_run(ended="sampled"), make_run()])
    rows = {(row.recipe, row.target): row for row in cost_table(frame, "airbench", [])}
    assert {key: (row.runs, row.hits, row.clock, row.time_s) for key, row in rows.items()} == {
        ("gpt2", 3.28): (2, 2, "cold", 20.0),
        ("gpt2", None): (1, 1, "cold", 60.0),
        ("myrtle", 0.94): (1, 1, "airbench", 15.0),
    }
    assert "1 run reached the target but ended worse: counted as a hit" in rows["gpt2", 3.28].notes
    assert (rows["gpt2", 3.28].accuracy, rows["gpt2", 3.28].final) == (None, 3.35)


@pytest.mark.parametrize(
    ("resumed_from", "said"),
    [
        (80, "1 interrupted run repeated: 20 steps were done twice"),
        (None, "1 interrupted run repeated: 100 steps were done twice; 1 began at step 0 or did not show a step"),
    ],
)
def test_what_an_interrupted_program_did_twice(resumed_from: int | None, said: str) -> None:
    taken = make_program_run(status="interrupted", reason="PREEMPTED", evaluations=())
    again = make_program_run(series=taken.series, resumed_from=resumed_from, anchor=taken.anchor + timedelta(hours=1))
    (row,) = cost_table(runs_frame([taken, again]), "cold", [])
    assert said in row.notes


def test_a_report_of_programs_alone_is_under_their_clock() -> None:
    report = build_report([make_program_run(), make_program_run(ended="sampled")], which="none")
    assert report.policy == "cold"
    assert report.headline.startswith("1 run in 1 row")
    assert len(report.samples) == 1
    assert build_report([make_program_run(ended="sampled")], which="none").headline.startswith(
        "1 sample and no complete"
    )
    assert build_report([make_program_run(), make_run()], which="none").policy == "airbench"
    of_programs = [note for note in report.footnotes if note.startswith("programs: ")]
    assert len(of_programs) == 1
    assert not any(note.startswith("programs: ") for note in build_report([make_run()]).footnotes)


def test_a_lease_names_the_tasks_of_programs() -> None:
    lease = LeaseOpened(provider="aws", instance_type="p3.2xlarge", started=datetime(2026, 11, 22, 12, tzinfo=UTC))
    runs = [make_program_run(lease_id=lease.id), make_program_run(lease_id=lease.id, target=None, evaluations=())]
    runs.append(make_program_run(lease_id=lease.id, ended="sampled"))  # which is no run of the lease
    (row,) = build_report([lease, *runs], which="none").paid
    assert (row.runs, row.hits) == (2, 2)
    assert "a success is a hit of any of 2: gpt2 (its end), gpt2 (val_loss at most 3.28)" in row.notes

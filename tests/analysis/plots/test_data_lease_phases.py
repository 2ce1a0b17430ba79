"""What leases went for, by hand: phases before the runs, the runs, idle for the rest; in money or in shares."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from analysis.plots.data import LeasePhases, groups_of, lease_phases
from analysis.plots.lease_figure import lease_figure
from analysis.plots.svg import Figure
from analysis.report.report import build_report
from bench.record.documents import AnyDocument, LeaseClosed, Phase, RecipeRef, Run
from tests.support import small_store as a

BEFORE = (Phase(name="provision", start=0, stop=100), Phase(name="setup", start=100, stop=140))
OTHER = RecipeRef(name="other", source_sha256="0" * 64)


def at(seconds: float) -> datetime:
    """That many seconds after the lease of `a_lease` began."""
    return a.NOON + timedelta(seconds=seconds)


def a_run(number: int, seconds: float, **changes: Any) -> Run:
    """A run of 65 s: 5 of warmup, 1 of prepare, 57 of train, 2 of final_evaluate."""
    return a.a_run(number, anchor=at(seconds), **({"lease_id": a.an_id(1)} | changes))


def found(*documents: AnyDocument) -> list[LeasePhases]:
    report = build_report(documents)
    return lease_phases(groups_of(report.rows, report.runs), report.runs, report.leases)


def figure(*documents: AnyDocument) -> Figure:
    report = build_report(documents)
    return lease_figure(groups_of(report.rows, report.runs), report.runs, report.leases)


def test_a_lease_is_its_phases_its_runs_and_idle_for_the_rest() -> None:
    closed = LeaseClosed(id=a.an_id(1), stopped=at(400))
    (entry,) = found(a.a_lease(1, phases=BEFORE), a_run(10, 150), a_run(11, 250), closed)
    assert (entry.labels, entry.leases, entry.runs, entry.unclosed) == (("myrtle",), 1, 2, 0)
    assert entry.seconds == {
        "provision": 100,
        "setup": 40,
        "warmup": 10,
        "prepare": 2,
        "train": 114,
        "final_evaluate": 4,
        "idle": 130,
    }
    assert entry.cost(entry.whole) == pytest.approx(3.06 * 400 / 3600)


def test_a_lease_that_is_not_closed_ends_with_its_last_run() -> None:
    (entry,) = found(a.a_lease(1), a_run(10, 20))
    assert (entry.whole, entry.seconds["idle"], entry.unclosed) == (85, 20, 1)


def test_like_leases_are_one_entry_and_its_mean() -> None:
    second = {"lease_id": a.an_id(2)}
    (entry,) = found(a.a_lease(1), a.a_lease(2), a_run(10, 0), a_run(11, 0, **second), a_run(12, 65, **second))
    assert (entry.leases, entry.runs, entry.seconds["train"]) == (2, 3, 1.5 * 57)


def test_a_lease_of_two_rows_is_told_from_those_of_one() -> None:
    second = {"lease_id": a.an_id(2)}
    entries = found(a.a_lease(1), a.a_lease(2), a_run(10, 0), a_run(11, 65, recipe=OTHER), a_run(12, 0, **second))
    assert [entry.labels for entry in entries] == [("myrtle",), ("myrtle", "other")]


def test_a_run_that_does_not_count_is_paid_for_all_the_same() -> None:
    loose = (Phase(name="train", start=0, stop=10, synchronised=False),)
    (entry,) = found(a.a_lease(1), a_run(10, 0), a_run(11, 65, phases=loose))
    assert entry.seconds["train"] == 67


def test_gaps_of_a_run_are_its_own_and_without_a_lease_there_is_no_idle() -> None:
    gap = (Phase(name="setup", start=0, stop=2), Phase(name="train", start=5, stop=15))
    (entry,) = found(a.a_run(10, phases=gap), a.a_run(11, phases=gap[1:]))
    assert (entry.leases, entry.runs, entry.cost(1)) == (0, 2, None)
    assert entry.seconds == {"setup": 1, "train": 10, "between phases": 1.5}


def test_dollars_where_the_price_is_known_and_shares_where_not() -> None:
    priced: list[AnyDocument] = [a.a_lease(1, phases=BEFORE, started_source="boot"), a_run(10, 140)]
    said = figure(*priced, a.a_run(20, recipe=OTHER))
    assert said.svg is not None
    assert "cost of a lease, USD" in said.svg.body
    assert "price unknown: share of a lease's time, %" in said.svg.body
    assert [row[:4] for row in said.table.items] == [
        ("myrtle", "1", "1", "USD"),
        ("myrtle", "1", "1", "s"),
        ("other", "0", "1", "money"),
        ("other", "0", "1", "s"),
    ]
    assert said.table.items[0][-1] == "0.174"
    assert set(said.table.items[2][4:]) == {"unknown"}
    assert said.table.items[3][-1] == "65.0"
    assert "myrtle: 0.174 USD, 205 s, provision 48.8 %; other: 65.0 s, train 87.7 %" in said.description
    assert "No lease in the records: other. The bar is the mean run." in said.notes
    assert 'aria-label="train: other&#10;57.0 s, 87.7 % of the lease&#10;cost: unknown"' in said.svg.body
    assert not any("start of bench" in note for note in said.notes)
    assert any("are not closed" in note and note.endswith(": myrtle.") for note in said.notes)


def test_currencies_have_axes_of_their_own() -> None:
    euros = a.a_lease(2, currency="EUR")
    said = figure(a.a_lease(1), euros, a_run(10, 0), a_run(11, 0, lease_id=a.an_id(2)))
    assert said.svg is not None
    assert "cost of a lease, EUR" in said.svg.body
    assert "cost of a lease, USD" in said.svg.body
    assert "share of" not in said.svg.body


def test_no_more_than_eight_kinds_are_drawn() -> None:
    recipes = [RecipeRef(name=f"recipe {k}", source_sha256="0" * 64) for k in range(10)]
    said = figure(*(a.a_run(10 + k, recipe=recipe) for k, recipe in enumerate(recipes)))
    assert len(said.table.items) == 16
    assert said.notes[-1] == "Only the 8 kinds of leases with the most runs are shown, of 10."


def test_without_phases_there_is_nothing_to_draw() -> None:
    assert figure(a.a_broken_run(10, phases=())).svg is None

"""Which runs of a store a sweep counts as they come: also those of days on which nobody looked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.record.documents import Run, Series, derived_id, new_id
from bench.store import FolderStore
from bench.sweep.orchestration.records import RunIndex
from tests.support.builders import make_run

SERIES = new_id()
FRIDAY = datetime(2026, 11, 20, 18, tzinfo=UTC)
Clock = Callable[[timedelta], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`clock(later)`: it is so much later than that Friday."""

    def show(later: timedelta) -> None:
        monkeypatch.setattr("bench.sweep.orchestration.records.utc_now", lambda: FRIDAY + later)

    show(timedelta(0))
    return show


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    store.put(_run(-10))
    return store


def _run(day: int) -> Run:
    """One of the series, made so many days after that Friday."""
    run_id = derived_id((FRIDAY + timedelta(days=day)).date(), str(day))
    return make_run(id=run_id, series=Series(id=SERIES, index=0, planned=9))


@pytest.mark.parametrize("max_age", [0.0, 1e-9])
def test_runs_of_a_weekend_on_which_the_laptop_slept_are_counted(
    store: FolderStore, clock: Clock, max_age: float
) -> None:
    index = RunIndex(store)
    index.refresh()
    for day in range(4):
        store.put(_run(day))
    clock(timedelta(days=3, hours=2))
    index.refresh(max_age)
    assert len(index.runs(SERIES)) == 5


def test_a_run_that_comes_days_after_it_was_made_is_counted_in_the_end(store: FolderStore, clock: Clock) -> None:
    index = RunIndex(store)
    for day in range(5):
        clock(timedelta(days=day))
        index.refresh(1e-9)
    store.put(_run(0))
    index.refresh(1e-9)
    index.refresh()
    assert len(index.runs(SERIES)) == 2


@pytest.mark.parametrize("days", [6, 400])
def test_what_a_machine_made_before_this_call_is_counted(store: FolderStore, clock: Clock, days: int) -> None:
    index = RunIndex(store)
    index.reach_back(FRIDAY - timedelta(days=days))
    index.refresh()
    store.put(_run(-days))
    index.refresh()
    assert len(index.runs(SERIES)) == 2

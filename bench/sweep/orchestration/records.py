"""The records of a sweep in a store: the series of its cells, by their leases' tag, and the runs of each series."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from datetime import datetime, timedelta

from bench.errors import StoreError
from bench.recipes import find
from bench.record.documents import LEASE_TAG, LeaseOpened, Run, utc_now
from bench.store import LEASES, RUNS, Store, read_each
from bench.sweep.spec import SWEEP_TAG, Cell, Sweep
from bench.sweep.task_file import envs_of
from bench.variables import IMAGE, RUNTIME

_DAY, _MOST_DAYS = timedelta(days=1), 31  # listed one by one


def series_by_cell(cells: Iterable[Cell], store: Store) -> dict[Cell, str | None]:
    """The series of each cell's runs, which has the id of the cell's first launch. None: it had none yet.

    Leases that cannot be trusted are skipped.
    """
    tagged = {cell.tag: cell for cell in cells}
    first: dict[Cell, LeaseOpened] = {}
    keys = [key for key in keys_of(store, LEASES) if key.endswith("/opened.json")]
    for lease in read_each(store, keys):
        if isinstance(lease, LeaseOpened) and (cell := tagged.get(lease.tags.get(SWEEP_TAG, ""))):
            first[cell] = min(first.get(cell, lease), lease, key=lambda lease: lease.started)
    return {
        cell: first[cell].tags.get(LEASE_TAG, first[cell].id) if cell in first else None for cell in tagged.values()
    }


class RunIndex:
    """The runs in a store by their series. Thread-safe."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._runs: dict[str, list[Run]] = {}
        self._refreshed = 0.0
        self._since = self._last = utc_now()

    def reach_back(self, to: datetime) -> None:
        """Also look for runs since then: a machine may have made some that arrive only now."""
        with self._lock:
            self._since = min(self._since, to)

    def refresh(self, max_age: float = 0.0) -> None:
        """Read what has arrived: everything the first time, then what was made since the beginning. Raises StoreError.

        Nothing is read if the last time is at most `max_age` seconds ago; otherwise, with a `max_age`, only what was
        made since then. A host may have slept for days in between.
        """
        with self._lock:
            if max_age and time.monotonic() - self._refreshed <= max_age:
                return
            now = utc_now()
            prefixes = _days(min(self._last, now) if max_age else self._since, now) if self._seen else [RUNS]
            keys = [key for prefix in prefixes for key in keys_of(self._store, prefix) if key not in self._seen]
            for run in read_each(self._store, keys) if keys else ():
                if isinstance(run, Run):
                    self._runs.setdefault(run.series.id, []).append(run)
            self._seen.update(keys)
            self._refreshed, self._last = time.monotonic(), now

    def runs(self, series: str | None) -> list[Run]:
        """The runs of a series that have been read."""
        with self._lock:
            return list(self._runs.get(series, ())) if series else []

    def all_runs(self) -> list[Run]:
        """Every run that has been read."""
        with self._lock:
            return [run for runs in self._runs.values() for run in runs]

    def knows(self, key: str) -> bool:
        """Whether the run under `key` has been read."""
        with self._lock:
            return key in self._seen


def _days(since: datetime, now: datetime) -> list[str]:
    """The prefixes of runs made between the two, by clocks up to a day apart; for over a month, that of all runs."""
    first, last = (since - _DAY).date(), (now + _DAY).date()
    days = [first + each * _DAY for each in range((last - first).days + 1)]
    return [f"{RUNS}{day:%Y/%m/%d}/" for day in days] if len(days) <= _MOST_DAYS else [RUNS]


def finished_runs(sweep: Sweep, cell: Cell, runs: Iterable[Run]) -> set[tuple[str, int]]:
    """Recipe and seed of the runs that need not be repeated: those that `bench run --resume` would leave out.

    A recipe whose source has changed counts as another one, as does a program whose task file has. The sources in an
    image, or on a machine where bench is installed, cannot be seen from here.
    """
    over = [run for run in runs if run.status != "interrupted" and run.seed < sweep.runs]
    if task := sweep.task_sha256:
        return {(run.label, run.seed) for run in over if run.program and run.program.task_sha256 == task}
    sources = {name: find(name).source_sha256() for name in sweep.recipes}
    made = [(run.recipe, run.seed) for run in over if run.recipe and run.recipe.name in sources]
    ours = {(recipe.name, seed) for recipe, seed in made if recipe.source == sources[recipe.name]}
    every = {(recipe.name, seed) for recipe, seed in made}
    return every if every != ours and _has_own_recipes(cell, sweep) else ours


def _has_own_recipes(cell: Cell, sweep: Sweep) -> bool:
    """Whether the machine runs a `bench` of its own."""
    given = envs_of(cell, sweep.envs)
    return IMAGE.read(given) is not None or RUNTIME.read(given) == "installed"


def keys_of(store: Store, prefix: str) -> list[str]:
    """The keys of a store; none if nothing was stored yet."""
    try:
        return list(store.keys(prefix))
    except StoreError:
        store.check_writable()  # an unreachable store is not an empty one
        return []

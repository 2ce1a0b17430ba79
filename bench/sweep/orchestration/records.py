"""Brings records home: from a machine into a store, each checked and none overwritten."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from bench.errors import BenchError, ConflictError, RecordError, StoreError
from bench.recipes import find
from bench.record.documents import LEASE_TAG, AnyDocument, LeaseOpened, Run, utc_now
from bench.store import Store
from bench.store.base import parse, read_each
from bench.sweep.provisioning.provisioner import RawRecord
from bench.sweep.spec import Cell, Sweep
from bench.variables import IMAGE


@dataclass
class Collected:
    """How many records came, how many were there already, and what could not be taken."""

    new: int = 0
    known: int = 0
    errors: list[BenchError] = field(default_factory=list)
    documents: list[AnyDocument] = field(default_factory=list)


def collect(packed: Iterable[RawRecord], source: str, store: Store) -> Collected:
    """Put what lies on the machine `source` into `store`.

    A record that is corrupt, or in conflict with another, is named in the answer. Raises StoreError where the store
    does not take records at all.
    """
    store.check_writable()
    there = set(keys_in(store))
    done = Collected()
    for record in packed:
        try:
            document = parse(record.raw, record.key, f"{source}:bench-results/{record.key}")
            store.put(document)
        except (RecordError, ConflictError) as error:
            done.errors.append(error)
            continue
        done.documents.append(document)
        if record.key in there:
            done.known += 1
        else:
            done.new += 1
    return done


def keys_in(store: Store, prefix: str = "v1/") -> list[str]:
    """The keys of a store; none where it has not been begun."""
    try:
        return list(store.keys(prefix))
    except StoreError:
        store.check_writable()  # a store that is away is not an empty one
        return []


SWEEP_TAG = "bench-sweep"


def sweep_tag(cell: Cell) -> str:
    """The tag of a cell's leases, such as `the-claim/v100-aws`."""
    return f"{cell.sweep}/{cell.name}"


def leases_of(cells: Iterable[Cell], store: Store) -> dict[Cell, list[LeaseOpened]]:
    """The leases that each cell has had, by their tag, the oldest first. Corrupt records are passed over."""
    tagged = {sweep_tag(cell): cell for cell in cells}
    found: dict[Cell, list[LeaseOpened]] = {cell: [] for cell in tagged.values()}
    keys = [key for key in keys_in(store, "v1/leases/") if key.endswith("/opened.json")]
    for document in read_each(store, keys):
        if isinstance(document, LeaseOpened) and (cell := tagged.get(document.tags.get(SWEEP_TAG, ""))):
            found[cell].append(document)
    for leases in found.values():
        leases.sort(key=lambda lease: lease.started)
    return found


def series_of(leases: Iterable[LeaseOpened]) -> str | None:
    """The series that a cell's runs belong to: it has the id of the cell's first launch. None: it had none yet."""
    return next((lease.tags.get(LEASE_TAG, lease.id) for lease in leases), None)


class RunIndex:
    """The runs in a store by their series. Any thread may ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._runs: dict[str, list[Run]] = {}

    def refresh(self) -> None:
        """Read what has come: everything the first time, then what is of these days. Raises StoreError."""
        today = utc_now()
        these = [f"v1/runs/{today + timedelta(days=off):%Y/%m/%d}/" for off in (-1, 0, 1)]
        days = these if self._seen else ["v1/runs/"]
        with self._lock:
            keys = [key for day in days for key in keys_in(self._store, day) if key not in self._seen]
            for found in read_each(self._store, keys) if keys else ():
                if isinstance(found, Run):
                    self._runs.setdefault(found.series.id, []).append(found)
            self._seen.update(keys)

    def runs(self, series: str | None) -> list[Run]:
        """The runs of a series that have been read."""
        with self._lock:
            return list(self._runs.get(series, ())) if series else []


def ended(sweep: Sweep, runs: Iterable[Run]) -> set[tuple[str, int]]:
    """Recipe and seed of the runs that need not be made again: those that `bench run --resume` would leave out.

    A recipe whose source has changed since is another one. What an image holds cannot be seen from here.
    """
    sources = {name: find(name).source_sha256() for name in sweep.recipes}
    any_source = bool(IMAGE.read(sweep.envs))
    return {
        (run.recipe.name, run.seed)
        for run in runs
        if run.status != "interrupted"
        and run.recipe.name in sources
        and run.seed < sweep.runs
        and (any_source or run.recipe.source == sources[run.recipe.name])
    }

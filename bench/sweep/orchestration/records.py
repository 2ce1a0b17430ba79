"""The records of a sweep in a store: leases by their tag, runs by their series, leases it closes and earlier calls'."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bench.billing.prices import machine_hourly, train_cost
from bench.errors import StoreError
from bench.recipes import find
from bench.record.documents import (
    LEASE_TAG,
    CloseReason,
    LeaseClosed,
    LeaseOpened,
    Phase,
    Run,
    of_nodes,
    time_of,
    utc_now,
)
from bench.store import Store, read_each
from bench.sweep.orchestration.limited import Limited
from bench.sweep.orchestration.state import Budget
from bench.sweep.provisioning.provisioner import Instance, Uptime
from bench.sweep.spec import SWEEP_TAG, Cell, Sweep, cluster_of
from bench.variables import IMAGE

_CLOCKS = timedelta(minutes=5)  # two clocks may be that far apart, and a machine is opened after it is paid for
_DAY, _MOST_DAYS = timedelta(days=1), 31  # which are listed one by one


def series_by_cell(cells: Iterable[Cell], store: Store) -> dict[Cell, str | None]:
    """The series that each cell's runs belong to: it has the id of the cell's first launch. None: it had none yet.

    Leases that cannot be trusted are skipped.
    """
    tagged = {cell.tag: cell for cell in cells}
    first: dict[Cell, LeaseOpened] = {}
    keys = [key for key in keys_of(store, "v1/leases/") if key.endswith("/opened.json")]
    for lease in read_each(store, keys):
        if isinstance(lease, LeaseOpened) and (cell := tagged.get(lease.tags.get(SWEEP_TAG, ""))):
            first[cell] = min(first.get(cell, lease), lease, key=lambda lease: lease.started)
    return {
        cell: first[cell].tags.get(LEASE_TAG, first[cell].id) if cell in first else None for cell in tagged.values()
    }


class RunIndex:
    """The runs in a store by their series. Any thread may ask."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._runs: dict[str, list[Run]] = {}
        self._refreshed = 0.0
        self._since = self._last = utc_now()

    def reach_back(self, to: datetime) -> None:
        """Look for runs since then, too: a machine has been making some that may come only now."""
        with self._lock:
            self._since = min(self._since, to)

    def refresh(self, max_age: float = 0.0) -> None:
        """Read what has come: everything the first time, then what was made since the beginning. Raises StoreError.

        Nothing is read where the last time is no more than `max_age` seconds ago; else, with a `max_age`, only what
        was made since then. A host may have slept for days in between.
        """
        with self._lock:
            if max_age and time.monotonic() - self._refreshed <= max_age:
                return
            now = utc_now()
            prefixes = _days(min(self._last, now) if max_age else self._since, now) if self._seen else ["v1/runs/"]
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
    """Where runs lie that were made between the two, by clocks up to a day apart; of a month and more, everywhere."""
    first, last = (since - _DAY).date(), (now + _DAY).date()
    days = [first + each * _DAY for each in range((last - first).days + 1)]
    return [f"v1/runs/{day:%Y/%m/%d}/" for day in days] if len(days) <= _MOST_DAYS else ["v1/runs/"]


def finished_runs(sweep: Sweep, runs: Iterable[Run]) -> set[tuple[str, int]]:
    """Recipe and seed of the runs that need not be made again: those that `bench run --resume` would leave out.

    A recipe whose source has changed since is another one, as is a program whose task file has. What an image holds
    cannot be seen from here.
    """
    over = [run for run in runs if run.status != "interrupted" and run.seed < sweep.runs]
    if task := sweep.task_sha256():
        return {(run.label, run.seed) for run in over if run.program and run.program.task_sha256 == task}
    sources = {name: find(name).source_sha256() for name in sweep.recipes}
    any_source = bool(IMAGE.read(sweep.envs))
    return {
        (run.recipe.name, run.seed)
        for run in over
        if run.recipe and run.recipe.name in sources and (any_source or run.recipe.source == sources[run.recipe.name])
    }


def close_lease(
    store: Store,
    lease_id: str,
    instance: Instance,
    uptime: Uptime,
    reason: CloseReason,
    tags: Mapping[str, str] | None = None,
    first_run: datetime | None = None,
) -> None:
    """Close a lease, if it is not closed, at the time that SkyPilot terminated the machine.

    Where the machine never came to open it, it is opened with the launcher's facts and `tags`: prepared from when the
    cloud had it running, and where nobody knows that, paid for from its launch; up to `first_run`, where one is known.
    Raises StoreError where the store does not take it.
    """
    if uptime.stopped is None:
        return
    keys = set(keys_of(store, f"v1/leases/{lease_id}/"))
    closed = LeaseClosed(id=lease_id, stopped=uptime.stopped, stopped_source="launcher", reason=reason)
    if closed.key() in keys:
        return
    prepared = uptime.stopped
    # Two clocks: a run that began before the machine did, or after it went, tells nothing of its set-up.
    if first_run and uptime.started <= first_run <= uptime.stopped:
        prepared = first_run
    one = LeaseOpened(
        id=lease_id,
        provider=instance.provider,
        region=instance.region,
        zone=instance.zone,
        instance_type=instance.instance_type,
        resource_id=instance.resource_id,
        accelerators=instance.accelerators,
        price=instance.price,
        started=uptime.started,
        started_source="launcher",
        attempt=1,
        phases=tuple(_phases(uptime.started, prepared, instance.running)),
        tags={LEASE_TAG: lease_id, **(tags or {})},
    )
    opened = of_nodes(one, instance.nodes)
    if opened.key() not in keys:
        store.put(opened)
    else:
        by_machine = store.read(opened.key())
        if isinstance(by_machine, LeaseOpened):  # two clocks: nothing ends before it began
            closed = closed.model_copy(update={"stopped": max(closed.stopped, by_machine.started)})
    store.put(closed)


def _phases(started: datetime, prepared: datetime, running: datetime | None) -> list[Phase]:
    """All that a launcher sees of a machine before its first run: when it ran, and when that began or it went."""
    whole = (prepared - started).total_seconds()
    provision = min(max((running - started).total_seconds(), 0.0), whole) if running else 0.0
    phases = [Phase(name="provision", start=0, stop=provision), Phase(name="setup", start=provision, stop=whole)]
    return [phase for phase in phases if phase.seconds > 0]


def keys_of(store: Store, prefix: str) -> list[str]:
    """The keys of a store; none where it has not been begun."""
    try:
        return list(store.keys(prefix))
    except StoreError:
        store.check_writable()  # a store that is away is not an empty one
        return []


class _Lease(NamedTuple):
    opened: LeaseOpened
    stopped: datetime | None  # None: it is not known

    @property
    def cluster(self) -> str:
        return cluster_of(self.opened.tags[SWEEP_TAG])

    @property
    def dollars(self) -> Decimal | None:
        price = self.opened.price
        if price is None or price.currency != "USD" or self.stopped is None:
            return None
        seconds = max((self.stopped - self.opened.started).total_seconds(), 0.0)
        return train_cost(seconds, machine_hourly(price, self.opened.accelerators))


class EarlierLeases:
    """The leases of the sweep `name` in `store`, as `read` found them."""

    def __init__(self, name: str, store: Store) -> None:
        self._name, self._store = name, store
        self._leases: list[_Lease] = []
        self._standing: Collection[str] = ()

    def read(self) -> None:
        """Read them. Those that cannot be trusted are skipped. Raises StoreError."""
        opened: dict[str, LeaseOpened] = {}
        closed: dict[str, datetime] = {}
        for lease in read_each(self._store, keys_of(self._store, "v1/leases/")):
            if isinstance(lease, LeaseClosed):
                closed[lease.id] = lease.stopped
            elif isinstance(lease, LeaseOpened) and lease.tags.get(SWEEP_TAG, "").startswith(f"{self._name}/"):
                opened[lease.id] = lease
        self._leases = [_Lease(lease, closed.get(lease.id)) for lease in opened.values()]

    @property
    def unclosed(self) -> bool:
        """Whether a machine of an earlier call may still be there."""
        return any(lease.stopped is None for lease in self._leases)

    @property
    def dollars(self) -> Decimal:
        """What those have cost whose machines are given back and whose price is known: price x time."""
        return sum((lease.dollars or Decimal(0) for lease in self._leases), Decimal(0))

    def close_vanished(self, standing: Collection[str], provisioner: Limited, index: RunIndex) -> None:
        """Close the leases whose machine is not in `standing`, by SkyPilot's books; else charge them to the last run.

        Raises StoreError where the store does not take them.
        """
        self._standing = standing
        for position, lease in enumerate(self._leases):
            if lease.stopped is None and lease.cluster not in standing:
                self._leases[position] = lease._replace(stopped=self._close(lease, provisioner, index))

    def _close(self, lease: _Lease, provisioner: Limited, index: RunIndex) -> datetime | None:
        opened = lease.opened
        uptime = None
        with suppress(Exception):  # SkyPilot and its clouds raise what they like
            uptime = provisioner.uptime(lease.cluster, opened.started - _CLOCKS)
        if uptime and uptime.stopped and uptime.started - _CLOCKS <= opened.started <= uptime.stopped + _CLOCKS:
            close_lease(self._store, opened.id, Instance(opened.provider), uptime, "interrupted")
            return uptime.stopped
        return max((time_of(run.id) for run in index.all_runs() if run.lease_id == opened.id), default=None)

    def notes(self, budget: Budget) -> Iterator[str]:
        """What counts against the budget, and what cannot be counted."""
        if budget.cost is None:
            return
        if self.dollars:
            yield f"{self.dollars:.2f} USD of earlier calls of {self._name} count against max_cost"
        for lease in self._leases:
            if lease.dollars is None and lease.cluster not in self._standing:
                unknown = "its price" if lease.stopped else "when it ended"
                yield f"lease {lease.opened.id} of an earlier call is not counted: {unknown} is not known"

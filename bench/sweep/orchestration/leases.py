"""The leases of a sweep's machines, as their launcher opens and closes them, and those of earlier calls."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bench.billing import machine_hourly, train_cost
from bench.errors import BenchError, RecordError
from bench.record.documents import (
    LEASE_TAG,
    CloseReason,
    LeaseClosed,
    LeaseOpened,
    Phase,
    Price,
    lease_key,
    of_nodes,
    time_of,
)
from bench.store import LEASES, Store, read_each
from bench.sweep.orchestration.launch import RunIndex, keys_of
from bench.sweep.orchestration.limited import Limited
from bench.sweep.orchestration.state import Budget
from bench.sweep.provisioning import Instance, Uptime
from bench.sweep.spec import SWEEP_TAG, cluster_of
from bench.text import plural

_CLOCKS = timedelta(minutes=5)  # two clocks may differ that much, and a lease is opened after payment begins


@dataclass(frozen=True)
class LeasedMachine:
    """A machine as its launcher knows it, with the lease it was rented under.

    `attempt` counts the machines of its cell, `price` is the price per hour given by the user.
    """

    lease_id: str
    instance: Instance
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)
    attempt: int = 1
    price: Price | None = None

    def opened(self, started: datetime, prepared: datetime) -> LeaseOpened:
        """Its lease: prepared from when the cloud had it running or, if unknown, from its launch."""
        instance = self.instance
        one = LeaseOpened(
            id=self.lease_id,
            provider=instance.provider,
            region=instance.region,
            zone=instance.zone,
            instance_type=instance.instance_type,
            resource_id=instance.resource_id,
            accelerators=instance.accelerators,
            price=self.price or instance.price,
            started=started,
            started_source="launcher",
            attempt=self.attempt,
            phases=tuple(_phases(started, prepared, instance.running)),
            tags={LEASE_TAG: self.lease_id, **self.tags},
        )
        return of_nodes(one, instance.nodes)


def open_lease(store: Store, machine: LeasedMachine, started: datetime, prepared: datetime) -> bool:
    """Open a lease that began with the launch at `started`; False if it is already open. Raises StoreError."""
    opened = machine.opened(started, max(started, prepared))
    if opened.key() in keys_of(store, opened.key()):
        return False
    store.put(opened)
    return True


def close_lease(
    store: Store, machine: LeasedMachine, uptime: Uptime, reason: CloseReason, first_run: datetime | None = None
) -> None:
    """Close a lease, if it is not closed, at the time when SkyPilot terminated the machine.

    If the machine never opened it, it is opened with what the launcher knows: prepared up to `first_run`, if known.
    Raises BenchError if SkyPilot's history does not say when it ended, or the store does not accept it.
    """
    lease_id, key = machine.lease_id, lease_key(machine.lease_id, "closed")
    if key in keys_of(store, key):
        return
    if uptime.stopped is None:
        raise BenchError("SkyPilot's books do not say when its machine ended")
    stopped = prepared = uptime.stopped
    # Two clocks: a run that began before the machine did, or after its end, says nothing about its set-up.
    if first_run and uptime.started <= first_run <= uptime.stopped:
        prepared = first_run
    # Nothing ends before it began: the machine may have opened it, by another clock.
    if open_lease(store, machine, uptime.started, prepared):
        stopped = max(stopped, uptime.started)
    elif isinstance(opened := store.read(lease_key(lease_id, "opened")), LeaseOpened):
        stopped = max(stopped, opened.started)
    store.put(LeaseClosed(id=lease_id, stopped=stopped, stopped_source="launcher", reason=reason))


def _phases(started: datetime, prepared: datetime, running: datetime | None) -> list[Phase]:
    """The phases before the first run, or the end, as the launcher sees them: provisioning, and set-up once it runs."""
    whole = (prepared - started).total_seconds()
    provision = min(max((running - started).total_seconds(), 0.0), whole) if running else 0.0
    phases = [Phase(name="provision", start=0, stop=provision), Phase(name="setup", start=provision, stop=whole)]
    return [phase for phase in phases if phase.seconds > 0]


class _Lease(NamedTuple):
    opened: LeaseOpened
    stopped: datetime | None  # None: unknown

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
    """The leases of the sweep `name` in `store`, as found by `read`."""

    def __init__(self, name: str, store: Store) -> None:
        self._name, self._store = name, store
        self._leases: list[_Lease] = []
        self._standing: Collection[str] = ()
        self._damaged = 0

    def read(self) -> None:
        """Read them. Those that cannot be trusted are skipped and counted for `notes`. Raises StoreError."""
        opened: dict[str, LeaseOpened] = {}
        closed: dict[str, datetime] = {}
        self._damaged = 0
        for lease in read_each(self._store, keys_of(self._store, LEASES)):
            self._damaged += isinstance(lease, RecordError)
            if isinstance(lease, LeaseClosed):
                closed[lease.id] = lease.stopped
            elif isinstance(lease, LeaseOpened) and lease.tags.get(SWEEP_TAG, "").startswith(f"{self._name}/"):
                opened[lease.id] = lease
        self._leases = [_Lease(lease, closed.get(lease.id)) for lease in opened.values()]

    @property
    def unclosed(self) -> bool:
        """Whether a machine of an earlier call may still exist."""
        return any(lease.stopped is None for lease in self._leases)

    @property
    def dollars(self) -> Decimal:
        """The cost of leases that ended and whose price is known: price x time."""
        return sum((lease.dollars or Decimal(0) for lease in self._leases), Decimal(0))

    def close_vanished(self, standing: Collection[str], provisioner: Limited, index: RunIndex) -> None:
        """Close the leases whose machine is not in `standing`, by SkyPilot's history, or count them up to the last run.

        Raises StoreError if the store does not accept them.
        """
        self._standing = standing
        for position, lease in enumerate(self._leases):
            if lease.stopped is None and lease.cluster not in standing:
                self._leases[position] = lease._replace(stopped=self._close(lease, provisioner, index))

    def _close(self, lease: _Lease, provisioner: Limited, index: RunIndex) -> datetime | None:
        opened = lease.opened
        uptime = None
        with suppress(Exception):  # SkyPilot and its clouds may raise anything
            uptime = provisioner.uptime(lease.cluster, opened.started - _CLOCKS)
        if uptime and uptime.stopped and uptime.started - _CLOCKS <= opened.started <= uptime.stopped + _CLOCKS:
            close_lease(self._store, LeasedMachine(opened.id, Instance(opened.provider)), uptime, "interrupted")
            return uptime.stopped
        return max((time_of(run.id) for run in index.all_runs() if run.lease_id == opened.id), default=None)

    def notes(self, budget: Budget) -> Iterator[str]:
        """What counts against the budget, and what cannot be counted."""
        if budget.cost is None:
            return
        if self.dollars:
            yield f"{self.dollars:.2f} USD of earlier calls of {self._name} count against max_cost"
        if self._damaged:
            damaged = plural(self._damaged, "record")
            yield f"{damaged} of leases cannot be trusted, and max_cost does not count them: bench store verify"
        for lease in self._leases:
            if lease.dollars is None and lease.cluster not in self._standing:
                unknown = "its price in USD" if lease.stopped else "when it ended"
                yield f"lease {lease.opened.id} of an earlier call is not counted: {unknown} is not known"

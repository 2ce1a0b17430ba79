"""The leases of earlier calls of a sweep: what they have cost, and those that nobody has closed."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from bench.billing.prices import machine_hourly, train_cost
from bench.record.documents import LeaseClosed, LeaseOpened, time_of
from bench.store import Store, read_each
from bench.sweep.orchestration.limited import Limited
from bench.sweep.orchestration.records import RunIndex, close_lease, keys_of
from bench.sweep.orchestration.state import Budget
from bench.sweep.provisioning.provisioner import Instance
from bench.sweep.spec import SWEEP_TAG

_CLOCKS = timedelta(minutes=5)  # two clocks may be that far apart, and a machine is opened after it is paid for


class _Lease(NamedTuple):
    opened: LeaseOpened
    stopped: datetime | None  # None: it is not known

    @property
    def cluster(self) -> str:
        return "bench-" + self.opened.tags[SWEEP_TAG].replace("/", "-", 1)

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

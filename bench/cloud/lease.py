"""The lease that runs on this machine belong to: joined where somebody opened it, else opened here."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

from bench.billing.lease import open_lease
from bench.billing.prices import find_offer, given_price
from bench.cloud.began import Began, began, boot_id, phases
from bench.cloud.here import find_machine
from bench.cloud.launch import known, launch_of, on_launch, tags
from bench.cloud.machine import Machine, name
from bench.errors import RecordError, StoreError, UsageError
from bench.record.documents import Accelerators, LeaseClosed, LeaseOpened, PricingCategory, utc_now
from bench.record.ids import derived_id
from bench.record.lease import TAG, CloseReason
from bench.store import Store

RESOURCE = "BENCH_RESOURCE_ID"
ATTEMPT = "BENCH_LEASE_ATTEMPT"
ACCELERATORS = "BENCH_ACCELERATORS"
PRICE_SOURCE = "BENCH_PRICE_SOURCE"


class Given(NamedTuple):
    """What the user or the launcher says of the machine; it outranks what is found out."""

    instance: str | None = None
    price_per_hour: str | None = None
    currency: str = "USD"
    spot: bool = False


class Stay(NamedTuple):
    """How a call takes part in a lease. `opened` is to be stored first; None: it is open already."""

    lease_id: str
    opened: LeaseOpened | None
    closes: bool


def stay(given: Given, store: Store, environ: Mapping[str, str]) -> Stay:
    """The lease of this call. Raises UsageError where a price or a variable cannot be meant."""
    launch = launch_of(environ)
    machine = find_machine(environ)
    start = began(machine, environ)
    opened = describe(given, machine, start, environ)
    if launch:
        return Stay(*on_launch(launch, opened, store), closes=not launch.closes)
    if start.source == "process":
        return Stay(opened.id, opened, closes=True)
    return _following(opened, start, store)


def describe(given: Given, machine: Machine | None, start: Began, environ: Mapping[str, str]) -> LeaseOpened:
    """The lease of this machine as it would be opened now."""
    told = _told(given, machine)
    price = told.price
    if price and given.price_per_hour and (source := environ.get(PRICE_SOURCE)):
        price = price.model_copy(update={"source": source})
    fields = {
        "price": price,
        "accelerators": _accelerators(environ) or told.accelerators,
        "region": (machine and machine.region) or told.region,
        "zone": machine and machine.zone,
        "resource_id": (machine and machine.resource_id) or name(environ.get(RESOURCE)),
        "started": start.at,
        "started_source": start.source,
        "phases": phases(start, environ),
        "attempt": _attempt(environ),
        "tags": tags(environ),
    }
    return _tagged(told.model_copy(update=fields), told.id)


def close(lease_id: str, stopped: datetime, reason: CloseReason, store: Store) -> str:
    """Close the lease at `stopped`, as the user knows it, and return the record's key.

    Raises UsageError where the store holds no such lease, or the lease began later; ConflictError where it
    was closed at another time.
    """
    lease_id = known(lease_id, "lease")
    closed = LeaseClosed(id=lease_id, stopped=stopped.astimezone(UTC), stopped_source="user", reason=reason)
    key = f"v1/leases/{lease_id}/opened.json"
    if key not in store.keys(f"v1/leases/{lease_id}/"):
        raise UsageError(f"{store.name}: no lease {lease_id} was opened in this store")
    opened = store.read(key)
    if isinstance(opened, LeaseOpened) and closed.stopped < opened.started:
        raise UsageError(f"lease {lease_id} began at {opened.started:%Y-%m-%dT%H:%M:%SZ}, after {stopped}")
    return store.put(closed)


def _told(given: Given, machine: Machine | None) -> LeaseOpened:
    """Machine and price as the user gives them; else as the machine and the price book say."""
    if machine is None or given.instance:
        return open_lease(given.instance, given.price_per_hour, given.currency, spot=given.spot)
    category: PricingCategory = "Dynamic" if given.spot or machine.spot else "Standard"
    offer = None
    if machine.instance_type:
        # A type that the book does not hold is no mistake of the user's: its price is unknown.
        with suppress(UsageError):
            offer = find_offer(f"{machine.provider}:{machine.instance_type}", category, machine.region)
    price = offer.price if offer else None
    if given.price_per_hour is not None:
        price = given_price(given.price_per_hour, given.currency, category)
    return LeaseOpened(
        provider=machine.provider,
        instance_type=machine.instance_type,
        accelerators=offer.accelerators if offer else None,
        price=price,
        started=utc_now(),
    )


def _following(opened: LeaseOpened, start: Began, store: Store) -> Stay:
    """The place of this call among those on the same machine, so that no second of it is paid for twice.

    The first opens a lease. A later one goes on where the one before closed it, with a lease of its own that
    begins there; a lease left open, by a process that was killed, is joined and closed.
    """
    # Firmware and boot ids are hashed into the id, and cannot be read out of it.
    machine = f"{opened.provider} {opened.resource_id or boot_id()} {start.mark}"
    for turn in count():
        lease_id = derived_id(start.at.date(), f"{machine} {turn}")
        opened = _tagged(opened, lease_id)
        try:
            there = set(store.keys(f"v1/leases/{lease_id}/"))
            if opened.key() not in there:
                return Stay(lease_id, opened, closes=True)
            if LeaseClosed(id=lease_id, stopped=start.at).key() not in there:
                return Stay(lease_id, None, closes=True)
            before = store.read(LeaseClosed(id=lease_id, stopped=start.at).key())
        except (StoreError, RecordError):  # no such store yet, or away: the spool will keep what it refuses
            return Stay(lease_id, opened, closes=True)
        assert isinstance(before, LeaseClosed)  # only a closed lease has its place there
        opened = opened.model_copy(update={"started": before.stopped, "started_source": "process", "phases": ()})
    raise AssertionError("count() does not end")


def _tagged(opened: LeaseOpened, lease_id: str) -> LeaseOpened:
    return opened.model_copy(update={"id": lease_id, "tags": opened.tags | {TAG: lease_id}})


def _accelerators(environ: Mapping[str, str]) -> Accelerators | None:
    """As SkyPilot writes them: `V100:8`, or `V100` for one."""
    told = environ.get(ACCELERATORS)
    if not told:
        return None
    name, _, number = told.partition(":")
    if not name or not (number or "1").isdecimal() or int(number or 1) < 1:
        raise UsageError(f"{ACCELERATORS}: {told!r} is not NAME:NUMBER, such as V100:8")
    return Accelerators(name=name, count=int(number or 1))


def _attempt(environ: Mapping[str, str]) -> int | None:
    told = environ.get(ATTEMPT)
    if not told:
        return None
    if not told.isdecimal() or int(told) < 1:
        raise UsageError(f"{ATTEMPT}: {told!r} is no number of an attempt; they count from 1")
    return int(told)

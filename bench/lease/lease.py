"""The lease that runs on this machine belong to: joined where somebody opened it, else opened here."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import count
from typing import NamedTuple

from bench.billing.prices import find_offer, given_price
from bench.errors import RecordError, StoreError, UsageError
from bench.host import boot_id
from bench.lease.detect import find_machine
from bench.lease.metadata import Machine, name
from bench.lease.start import Began, began, phases
from bench.record.documents import (
    LEASE_TAG,
    OWN,
    Accelerators,
    CloseReason,
    LeaseClosed,
    LeaseOpened,
    PricingCategory,
    derived_id,
    time_of,
    utc_now,
)
from bench.store import Store


def open_lease(instance: str | None, price_per_hour: str | None, currency: str, *, spot: bool) -> LeaseOpened:
    """A lease that begins now.

    `instance` is `provider:type`; a price that is given outranks the price book's. With neither, the price is
    unknown. Raises UsageError for an instance that the book does not know, or a price that is none.
    """
    category: PricingCategory = "Dynamic" if spot else "Standard"
    price = given_price(price_per_hour, currency, category) if price_per_hour is not None else None
    if instance is None:
        if spot and price is None:
            raise UsageError("--spot says how a machine is paid for; give --instance or --price-per-hour with it")
        return LeaseOpened(provider=OWN, price=price, started=utc_now())
    if price is None:
        offer = find_offer(instance, category)
        return LeaseOpened(
            provider=offer.provider,
            region=offer.region,
            instance_type=offer.instance_type,
            accelerators=offer.accelerators,
            price=offer.price,
            started=utc_now(),
        )
    provider, colon, instance_type = instance.partition(":")
    if not (provider and colon and instance_type):
        raise UsageError(f"--instance {instance!r} is not PROVIDER:TYPE, such as aws:p3.2xlarge")
    return LeaseOpened(provider=provider, instance_type=instance_type, price=price, started=utc_now())


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
    return opened.model_copy(update={"id": lease_id, "tags": opened.tags | {LEASE_TAG: lease_id}})


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


ID = "BENCH_LEASE_ID"
SERIES = "BENCH_SERIES_ID"
TAGS = "BENCH_LEASE_TAGS"
MANAGED, TASK = "SKYPILOT_MANAGED_JOB_ID", "SKYPILOT_TASK_ID"
MACHINE_TAG = "bench-machine"
_TAGGED = re.compile(r"([a-z0-9][a-z0-9_-]{0,62})=([A-Za-z0-9][A-Za-z0-9._/-]{0,254})", re.ASCII)
_DAY = re.compile(r"20\d\d-\d\d-\d\d")


class Launch(NamedTuple):
    """A launch by its `id`. `closes`: whoever launched closes its leases too."""

    id: str
    closes: bool


def launch_of(environ: Mapping[str, str]) -> Launch | None:
    """What the launcher calls this launch; in a managed job of SkyPilot, the task, which stays when it recovers.

    Raises UsageError for an id that is none.
    """
    if given := environ.get(ID):
        # The machines of a managed job are the controller's: whoever launched it cannot see when they end.
        return Launch(known(given, "lease"), closes=not environ.get(MANAGED))
    task = environ.get(TASK)
    if not task or not environ.get(MANAGED):
        return None
    day = date(1970, 1, 1)
    if found := _DAY.search(task):
        with suppress(ValueError):
            day = date.fromisoformat(found[0])
    return Launch(derived_id(day, task), closes=False)


def series_of(environ: Mapping[str, str]) -> str | None:
    """The series that `bench run --resume` goes on with: the one that is named, else the launch's own."""
    if given := environ.get(SERIES):
        return known(given, "series")
    launch = launch_of(environ)
    return launch.id if launch else None


def on_launch(launch: Launch, opened: LeaseOpened, store: Store) -> tuple[str, LeaseOpened | None]:
    """The id of this machine's lease in `launch`, and its document where it is not open yet.

    The first machine's lease has the id of the launch; each further one an id derived from it.
    """
    machine = _fingerprint(opened)
    for attempt in count(1):
        lease_id = launch.id if attempt == 1 else derived_id(time_of(launch.id).date(), f"{launch.id} {attempt}")
        tags = opened.tags | {LEASE_TAG: launch.id} | ({MACHINE_TAG: machine} if machine else {})
        ours = opened.model_copy(update={"id": lease_id, "tags": tags, "attempt": opened.attempt or attempt})
        try:
            there = store.read(ours.key()) if ours.key() in store.keys(f"v1/leases/{lease_id}/") else None
        except (StoreError, RecordError):  # no such store yet, or away: the spool will keep what it refuses
            return lease_id, ours
        if not isinstance(there, LeaseOpened):
            return lease_id, ours
        # One that the launcher opened, or that knows no machine, is taken to be ours.
        if there.tags.get(MACHINE_TAG, machine) == machine:
            return lease_id, None
    raise AssertionError("count() does not end")


def tags(environ: Mapping[str, str]) -> dict[str, str]:
    """The tags that the launcher wants in the lease: `name=value name=value`. Raises UsageError for anything else."""
    told = environ.get(TAGS, "").split()
    found = [_TAGGED.fullmatch(word) for word in told]
    for word, match in zip(told, found, strict=True):
        if match is None:
            raise UsageError(f"{TAGS}: {word!r} is not NAME=VALUE, such as bench-sweep=the-claim/v100")
    return {match[1]: match[2] for match in found if match}


def known(identifier: str, what: str) -> str:
    """`identifier`, if it can be one. Raises UsageError."""
    try:
        time_of(identifier)
    except ValueError as error:
        raise UsageError(f"{error}; it is no id of a {what}") from None
    return identifier


def _fingerprint(opened: LeaseOpened) -> str | None:
    """Tells this machine from another; neither the provider's name for it nor the boot can be read out of it."""
    machine = opened.resource_id or boot_id()
    return hashlib.sha256(f"{opened.provider} {machine}".encode()).hexdigest()[:16] if machine else None

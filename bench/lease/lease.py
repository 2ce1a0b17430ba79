"""The lease that runs on this machine belong to: joined if already open, otherwise opened here; closed at the end.

Machines of one launch have one lease each: the first has the id of the launch, each further one an id derived from
it. Calls on one machine without a launch follow each other, so that no second is counted twice.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from functools import partial
from itertools import count
from typing import NamedTuple

from bench import variables
from bench.errors import RecordError, StoreError, UsageError
from bench.host import boot_id
from bench.lease.machine import LeaseStart, MachineOptions, describe, find_machine, lease_start
from bench.record.documents import (
    LEASE_TAG,
    CloseReason,
    LeaseClosed,
    LeaseOpened,
    derived_id,
    lease_key,
    time_of,
)
from bench.store import Store, lease_edges

_MANAGED, _TASK = "SKYPILOT_MANAGED_JOB_ID", "SKYPILOT_TASK_ID"
_MACHINE_TAG = "bench-machine"
_DAY = re.compile(r"20\d\d-\d\d-\d\d")


class LeaseHandle(NamedTuple):
    """How a call takes part in a lease. `opened` is to be stored first; None: the lease is already open.

    `later`, for a lease that all calls on the machine share: which one is open when this call ends, and what opens it.
    """

    lease_id: str
    opened: LeaseOpened | None
    closes: bool
    later: Callable[[], tuple[str, LeaseOpened | None]] | None = None


class Launch(NamedTuple):
    """A launch and its `id`. `closes`: the launcher closes its leases as well."""

    id: str
    closes: bool


def acquire_lease(options: MachineOptions, store: Store, environ: Mapping[str, str]) -> LeaseHandle:
    """The lease of this call. Raises UsageError for an invalid option or variable."""
    variables.check(environ)  # all of them: some are not read until the end
    launch = launch_of(environ)
    machine = find_machine(environ)
    start = lease_start(machine, environ)
    opened = describe(options, machine, start, environ)
    if launch:
        return _of_launch(launch, opened, store)
    if start.source == "process":
        return LeaseHandle(opened.id, opened, closes=True)
    handle = _following(opened, start, store)
    return handle._replace(later=partial(_open_in_the_end, handle.lease_id, opened, start, store))


def close_lease(lease_id: str, stopped: datetime, reason: CloseReason, store: Store) -> str:
    """Close the lease at `stopped`, as stated by the user, and return the record's key.

    Raises UsageError if the store holds no such lease, the lease began later, or `stopped` is not plausible;
    ConflictError if it was closed at another time.
    """
    if variables.is_future(stopped):
        raise UsageError(f"--stopped {stopped.isoformat()} is in the future; a record cannot be corrected afterwards")
    if stopped < variables.FIRST_RENTED:
        raise UsageError(f"--stopped {stopped.isoformat()} is too early to be right")
    try:
        variables.lease_or_series_id(lease_id)
    except ValueError as error:
        raise UsageError(f"lease {error}") from None
    if "opened" not in lease_edges(store, lease_id):
        raise UsageError(f"{store.name}: no lease {lease_id} was opened in this store")
    opened = store.read(lease_key(lease_id, "opened"))
    closed = LeaseClosed(id=lease_id, stopped=stopped.astimezone(UTC), stopped_source="user", reason=reason)
    if isinstance(opened, LeaseOpened) and closed.stopped < opened.started:
        raise UsageError(
            f"lease {lease_id} began at {opened.started:%Y-%m-%dT%H:%M:%SZ}, after {closed.stopped:%Y-%m-%dT%H:%M:%SZ}"
        )
    return store.put(closed)


def launch_of(environ: Mapping[str, str]) -> Launch | None:
    """The launch that this machine belongs to; in a managed job of SkyPilot its task, whose id survives a recovery.

    Raises UsageError for an invalid id.
    """
    if launch := variables.LEASE_ID.read(environ):
        # The machines of a managed job belong to its controller: the launcher cannot see when they end.
        return Launch(launch, closes=not environ.get(_MANAGED))
    task = environ.get(_TASK)
    if not task or not environ.get(_MANAGED):
        return None
    day = date(1970, 1, 1)
    if match := _DAY.search(task):
        with suppress(ValueError):
            day = date.fromisoformat(match[0])
    return Launch(derived_id(day, task), closes=False)


def series_of(environ: Mapping[str, str]) -> str | None:
    """The series that `bench run --resume` continues: the one that is named, otherwise that of the launch."""
    if series := variables.SERIES_ID.read(environ):
        return series
    launch = launch_of(environ)
    return launch.id if launch else None


def _of_launch(launch: Launch, opened: LeaseOpened, store: Store) -> LeaseHandle:
    """This machine's lease in `launch`: its own, or the first unclaimed one."""
    machine = _fingerprint(opened)
    for attempt in count(1):
        lease_id = launch.id if attempt == 1 else derived_id(time_of(launch.id).date(), f"{launch.id} {attempt}")
        tags = opened.tags | {LEASE_TAG: launch.id} | ({_MACHINE_TAG: machine} if machine else {})
        own = opened.model_copy(update={"id": lease_id, "tags": tags, "attempt": opened.attempt or attempt})
        try:
            stored = store.read(own.key()) if "opened" in lease_edges(store, lease_id) else None
        except (StoreError, RecordError):  # no such store yet, or unreachable: the spool keeps what it refuses
            stored = None
        if not isinstance(stored, LeaseOpened):
            return LeaseHandle(lease_id, own, closes=not launch.closes)
        # A lease that the launcher opened, or that names no machine, is taken to be ours.
        if stored.tags.get(_MACHINE_TAG, machine) == machine:
            return LeaseHandle(lease_id, None, closes=not launch.closes)
    raise AssertionError("count() does not end")


def _following(opened: LeaseOpened, start: LeaseStart, store: Store) -> LeaseHandle:
    """The lease of this call among those of the same machine.

    The first call opens one. A later call continues where the one before closed it, with a lease of its own that
    begins there; a lease that a killed process left open is joined and closed.
    """
    # Firmware and boot ids are hashed into the id, and cannot be recovered from it.
    machine = f"{opened.provider} {opened.resource_id or boot_id()} {start.key}"
    for number in count():
        lease_id = derived_id(start.at.date(), f"{machine} {number}")
        opened = opened.model_copy(update={"id": lease_id, "tags": opened.tags | {LEASE_TAG: lease_id}})
        try:
            edges = lease_edges(store, lease_id)
            if "opened" not in edges:
                return LeaseHandle(lease_id, opened, closes=True)
            if "closed" not in edges:
                return LeaseHandle(lease_id, None, closes=True)
            previous = store.read(lease_key(lease_id, "closed"))
        except (StoreError, RecordError):  # no such store yet, or unreachable: the spool keeps what it refuses
            return LeaseHandle(lease_id, opened, closes=True)
        assert isinstance(previous, LeaseClosed)  # only a closed lease is stored under that key
        opened = opened.model_copy(update={"started": previous.stopped, "started_source": "process", "phases": ()})
    raise AssertionError("count() does not end")


def _open_in_the_end(
    lease_id: str, opened: LeaseOpened, start: LeaseStart, store: Store
) -> tuple[str, LeaseOpened | None]:
    """The lease that is open when a call on `lease_id` ends, and what opens it: a parallel call may have closed it."""
    with suppress(Exception):  # no fault of a store may keep a lease open; the spool keeps what it refuses
        if "closed" in lease_edges(store, lease_id):
            later = _following(opened, start, store)
            return later.lease_id, later.opened
    return lease_id, None


def _fingerprint(opened: LeaseOpened) -> str | None:
    """Distinguishes this machine from others; neither the provider's id nor the boot id can be recovered from it."""
    machine = opened.resource_id or boot_id()
    return hashlib.sha256(f"{opened.provider} {machine}".encode()).hexdigest()[:16] if machine else None

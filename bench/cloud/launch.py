"""The launch that this machine was rented by: its id, and which of its machines this is.

A launcher that rents again after a pre-emption keeps the id: every machine has a lease of its own, all of them with the
tag `bench-lease` of the launch, and the runs of all of them can be one series.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date
from itertools import count
from typing import NamedTuple

from bench.cloud.began import boot_id
from bench.errors import RecordError, StoreError, UsageError
from bench.record.ids import derived_id, time_of
from bench.record.lease import TAG, LeaseOpened
from bench.store import Store

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
        tags = opened.tags | {TAG: launch.id} | ({MACHINE_TAG: machine} if machine else {})
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

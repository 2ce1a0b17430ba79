"""When the lease of this machine began, who says so, and the phases before the first run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import NamedTuple

from bench import variables
from bench.host import boot_id, boot_time, process_time
from bench.lease.metadata import Machine
from bench.record.documents import Phase, PhaseName, StartedSource


class LeaseStart(NamedTuple):
    """The beginning of a lease; `key` tells one beginning from another on the same machine."""

    at: datetime
    source: StartedSource
    key: str


def lease_start(machine: Machine | None, environ: Mapping[str, str]) -> LeaseStart:
    """The first that is known: what the launcher says, the provider's launch time, the boot, this process.

    Raises UsageError where BENCH_LEASE_STARTED is no instant of the past.
    """
    now = datetime.now(UTC)
    if stated := variables.LEASE_STARTED.read(environ):
        at = min(stated, now)
        return LeaseStart(at, "launcher", at.isoformat())
    if machine and machine.launched and machine.launched <= now:
        return LeaseStart(machine.launched, "provider", machine.launched.isoformat())
    booted = boot_time() if machine and not machine.container else None
    if booted is not None:
        return LeaseStart(booted, "boot", boot_id() or booted.isoformat(timespec="minutes"))
    at = process_time()
    return LeaseStart(at, "process", at.isoformat())


def phases_until_now(start: LeaseStart, environ: Mapping[str, str]) -> tuple[Phase, ...]:
    """The phases of BENCH_LEASE_PHASES up to the start of this process, in seconds after the lease began.

    The time up to the boot is `provision`, and from there to the first phase that is named, `setup`. Raises UsageError
    for a variable that cannot be meant.
    """
    now = process_time()
    named = [(name, min(at, now)) for name, at in variables.LEASE_PHASES.read(environ) or ()]
    if start.source == "process":
        return ()
    edges: list[tuple[PhaseName | None, datetime]] = [*named, (None, now)]
    booted, first = boot_time(), edges[0][1]
    # A machine is charged for from its boot, where its launch is not: provisioning must not end later.
    if booted is not None and start.at <= booted <= first:
        edges = [("provision", start.at), ("setup" if named else None, booted), *edges]
    elif named:
        edges.insert(0, ("provision", start.at))
    phases = []
    for (name, begin), (_, end) in pairwise(edges):
        after, until = _seconds_after(start.at, begin), _seconds_after(start.at, end)
        if name is not None and until > after:
            phases.append(Phase(name=name, start=after, stop=until))
    return tuple(phases)


def _seconds_after(start: datetime, instant: datetime) -> float:
    return max(0.0, round((instant - start).total_seconds(), 6))

"""When the lease of this machine began, who says so, and what happened in it before the first run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple, get_args

from bench.errors import UsageError
from bench.host import boot_id, boot_time, process_time
from bench.lease.metadata import Machine
from bench.record.documents import Phase, PhaseName, StartedSource

STARTED = "BENCH_LEASE_STARTED"
PHASES = "BENCH_LEASE_PHASES"
_NAMES: tuple[PhaseName, ...] = get_args(PhaseName)


class Began(NamedTuple):
    """The beginning of a lease; `mark` tells one beginning from another on the same machine."""

    at: datetime
    source: StartedSource
    mark: str


def began(machine: Machine | None, environ: Mapping[str, str]) -> Began:
    """The first that is known: what the launcher says, the provider's launch time, the boot, this process.

    Raises UsageError where BENCH_LEASE_STARTED is no instant of the past.
    """
    now = datetime.now(UTC)
    if told := environ.get(STARTED):
        at = min(_instant(told, STARTED, now), now)
        return Began(at, "launcher", at.isoformat())
    if machine and machine.launched and machine.launched <= now:
        return Began(machine.launched, "provider", machine.launched.isoformat())
    booted = boot_time() if machine and not machine.container else None
    if booted is not None:
        return Began(booted, "boot", boot_id() or booted.isoformat(timespec="minutes"))
    at = process_time()
    return Began(at, "process", at.isoformat())


def phases(start: Began, environ: Mapping[str, str]) -> tuple[Phase, ...]:
    """What BENCH_LEASE_PHASES names, up to the start of this process, in seconds after the lease began.

    The variable holds `phase=instant` for the beginning of each, in order, such as `setup=1795345200
    data=1795345320`. The time up to the boot is `provision`, and from there to the first that is named, `setup`.
    Raises UsageError where it says anything else.
    """
    now = process_time()
    marks = [_mark(word, now) for word in environ.get(PHASES, "").split()]
    if any(later < earlier for (_, earlier), (_, later) in pairwise(marks)):
        raise UsageError(f"{PHASES}: the phases are not in order of time")
    if start.source == "process":
        return ()
    edges: list[tuple[PhaseName | None, datetime]] = [*marks, (None, now)]
    booted, first = boot_time(), edges[0][1]
    # A machine is charged for from its boot, where its launch is not: provisioning must not end later.
    if booted is not None and start.at <= booted <= first:
        edges = [("provision", start.at), ("setup" if marks else None, booted), *edges]
    elif marks:
        edges.insert(0, ("provision", start.at))
    made = []
    for (name, begin), (_, end) in pairwise(edges):
        after, until = _after(start.at, begin), _after(start.at, end)
        if name is not None and until > after:
            made.append(Phase(name=name, start=after, stop=until))
    return tuple(made)


def _after(start: datetime, instant: datetime) -> float:
    return max(0.0, round((instant - start).total_seconds(), 6))


def _mark(word: str, now: datetime) -> tuple[PhaseName, datetime]:
    told, _, instant = word.partition("=")
    name = next((known for known in _NAMES if known == told), None)
    if name is None or not instant:
        raise UsageError(f"{PHASES}: {word!r} is not PHASE=TIME, such as setup=1795345200")
    return name, min(_instant(instant, PHASES, now), now)


def _instant(told: str, variable: str, now: datetime) -> datetime:
    """An instant as Unix seconds or in ISO 8601 with its zone; a clock may be a minute off."""
    try:
        at = datetime.fromtimestamp(float(told), UTC)
    except (ValueError, OverflowError, OSError):
        try:
            at = datetime.fromisoformat(told)
            at = at.astimezone(UTC) if at.tzinfo else at
        except (ValueError, OverflowError):
            at = datetime.max
    if at.tzinfo is None:
        raise UsageError(f"{variable}: {told!r} is no time; give Unix seconds (date +%s) or 2026-11-22T12:00:00Z")
    if at > now + timedelta(minutes=1):
        raise UsageError(f"{variable}: {told} has not come yet; is the clock of one machine wrong?")
    return at

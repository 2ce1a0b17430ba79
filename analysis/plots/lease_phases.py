"""Where the time of leases went, and so their cost: by phase, and idle for the rest.

A lease has the phases before its first run; its runs have theirs. What lies between and after the runs, up to the
end of the lease, is idle. Leases that served the same rows of the table are one entry, the mean of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import get_args

from analysis.plots.data import Group
from bench.record.documents import LeaseClosed, LeaseOpened, PhaseName, Run

# In the order of a bar: how a lease goes.
PARTS = (*get_args(PhaseName), "between phases")
# Less than a tenth of a millisecond is the reading of the clock.
_LEAST = 1e-4


@dataclass(frozen=True, kw_only=True)
class LeasePhases:
    """The mean lease of `leases` like ones: seconds by part, those of 0 s left out.

    `labels` are those of the rows whose runs were in it. Without a lease in the records `leases` is 0, and the
    seconds are those of the mean run. `unclosed` leases are counted up to the end of their last run, and
    `unlaunched` ones from the start of `bench`, as when the machine was launched is not known.
    """

    labels: tuple[str, ...]
    leases: int
    runs: int
    seconds: dict[str, float]
    hourly: Decimal | None
    currency: str | None
    unclosed: int = 0
    unlaunched: int = 0

    @property
    def whole(self) -> float:
        """Seconds of all parts."""
        return sum(self.seconds.values())

    def cost(self, seconds: float) -> float | None:
        """What `seconds` cost, in `currency`; None where the price is unknown."""
        return None if self.hourly is None else float(self.hourly) * seconds / 3600


def lease_phases(
    groups: Sequence[Group], runs: Iterable[Run], leases: Iterable[LeaseOpened | LeaseClosed]
) -> list[LeasePhases]:
    """The phases of the leases whose runs are in the rows `groups`, in the order of the rows.

    `runs` that do not count are in no row, but cost money all the same: they are those of their lease.
    """
    places = {run.id: place for place, group in enumerate(groups) for run in group.runs}
    opened = {lease.id: lease for lease in leases if isinstance(lease, LeaseOpened)}
    closed = {lease.id: lease.stopped for lease in leases if isinstance(lease, LeaseClosed)}
    together: dict[str, list[Run]] = defaultdict(list)
    for run in runs:
        together[run.lease_id if run.lease_id in opened else run.id].append(run)
    alike: dict[tuple[tuple[int, ...], bool], list[str]] = defaultdict(list)
    for key, runs_of_key in together.items():
        rows = tuple(sorted({places[run.id] for run in runs_of_key if run.id in places}))
        if rows:
            alike[rows, key in opened].append(key)
    return [
        _mean([groups[place] for place in rows], [(opened.get(key), closed.get(key), together[key]) for key in keys])
        for (rows, _), keys in sorted(alike.items())
    ]


def _mean(
    groups: Sequence[Group], members: Sequence[tuple[LeaseOpened | None, datetime | None, list[Run]]]
) -> LeasePhases:
    total = dict.fromkeys(PARTS, 0.0)
    for lease, stopped, runs in members:
        for part, seconds in _seconds(lease, stopped, runs).items():
            total[part] += seconds
    leases = [lease for lease, _, _ in members if lease]
    row = groups[0].row  # the price is the lease's, and so that of all its rows
    return LeasePhases(
        labels=tuple(group.label for group in groups),
        leases=len(leases),
        runs=sum(len(runs) for _, _, runs in members),
        seconds={part: total[part] / len(members) for part in PARTS if total[part] / len(members) > _LEAST},
        hourly=row.price_per_hour,
        currency=row.currency,
        unclosed=sum(lease is not None and stopped is None for lease, stopped, _ in members),
        unlaunched=sum(lease.started_source == "process" for lease in leases),
    )


def _seconds(lease: LeaseOpened | None, stopped: datetime | None, runs: Sequence[Run]) -> dict[str, float]:
    """Seconds by part of one lease, or of one run that has none."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for phase in (*(lease.phases if lease else ()), *(phase for run in runs for phase in run.phases)):
        seconds[phase.name] += phase.seconds
    for run in runs:
        if run.phases:
            inside = sum(phase.seconds for phase in run.phases)
            seconds["between phases"] += max(0.0, run.phases[-1].stop - run.phases[0].start - inside)
    if lease:
        end = stopped or max([lease.started, *(_end(run) for run in runs)])
        seconds["idle"] += max(0.0, (end - lease.started).total_seconds() - sum(seconds.values()))
    return seconds


def _end(run: Run) -> datetime:
    return run.anchor + timedelta(seconds=run.phases[-1].stop if run.phases else 0)

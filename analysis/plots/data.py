"""The numbers behind the plots, computed before anything is drawn."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import get_args

from analysis.plots.names import full_names, short_names
from analysis.stats import Interval, wilson
from analysis.tables.cost_table import Row
from bench.record.documents import (
    COUNTED,
    Evaluation,
    LeaseClosed,
    LeaseOpened,
    PhaseName,
    Policy,
    Run,
    attempt_seconds,
    spent,
)

# In the order of a bar: how a lease goes.
PARTS = (*get_args(PhaseName), "between phases")
# Less than a tenth of a millisecond is the reading of the clock.
_LEAST = 1e-4


@dataclass(frozen=True)
class Group:
    """A row of the table. `runs` are those that count, oldest first; none for a published entry.

    `label` is its short name and `name` its full one, which no other row of the report has. `taken` is what each of
    the runs took by the row's clock: its time and what it used however it ended, NaN for unknown.
    """

    label: str
    name: str
    row: Row
    runs: tuple[Run, ...] = ()
    taken: tuple[tuple[float, float], ...] = ()


def groups_of(rows: Sequence[Row], runs: Iterable[Run]) -> list[Group]:
    """The rows of the table, each with those of `runs` that it was made of."""
    by_id = {run.id: run for run in runs}
    groups = []
    for label, name, row in zip(short_names(rows), full_names(rows), rows, strict=True):
        taken = zip(row.run_ids, row.run_seconds, row.run_attempts, strict=True)
        there = [(by_id[run_id], seconds, used) for run_id, seconds, used in taken if run_id in by_id]
        counted, times = tuple(run for run, *_ in there), tuple((seconds, used) for _, seconds, used in there)
        groups.append(Group(label, name, row, counted, times))
    return groups


@dataclass(frozen=True)
class Reading:
    """An evaluation of a run, with the seconds the clock had counted by then."""

    seconds: float
    accuracy: float
    epoch: float


def curves(group: Group, policy: Policy) -> list[list[Reading]]:
    """The evaluations of each of the group's runs along the clock; of none whose time by it is unknown."""
    found = []
    for run, (_, used) in zip(group.runs, group.taken, strict=True):
        own = attempt_seconds(run, policy)
        if policy == "cold":
            found.append(readings(run, policy))
        elif own is None or math.isnan(used):
            found.append([])
        else:  # what an earlier run of its process did for it stands on the clock before it begins
            found.append(readings(run, policy, before=used - own))
    return found


def readings(run: Run, policy: Policy, *, before: float = 0.0) -> list[Reading]:
    """The run's evaluations along the clock, which stood at `before` when its record begins.

    None under `cold` for a run not the first of its process.
    """
    if policy == "cold" and not (run.cold and run.phases):
        return []
    return [
        Reading(before + _seconds_by(run, policy, e), e.metrics["accuracy"], e.epoch or 0.0)
        for e in run.evaluations
        if run.recipe
    ]


def _seconds_by(run: Run, policy: Policy, evaluation: Evaluation) -> float:
    if policy == "cold":
        return evaluation.at - run.phases[0].start
    counted = [phase for phase in run.phases if phase.name in COUNTED[policy] and phase.start < evaluation.at]
    return spent(policy, [(phase.start, min(phase.stop, evaluation.at)) for phase in counted])


@dataclass(frozen=True)
class Epoch:
    """The evaluations of a group after as many epochs."""

    epoch: float
    runs: int
    seconds: float
    accuracies: tuple[float, float, float]  # lowest, median, highest


def epochs(of_runs: Iterable[Iterable[Reading]]) -> list[Epoch]:
    """The curves of a group, epoch by epoch; of several of a run at one epoch, the last."""
    last = [{reading.epoch: reading for reading in each} for each in of_runs]
    curve = []
    for epoch in sorted(set().union(*last)):
        at_epoch = [by_epoch[epoch] for by_epoch in last if epoch in by_epoch]
        accuracies = sorted(reading.accuracy for reading in at_epoch)
        middle = statistics.median(accuracies)
        seconds = statistics.median(reading.seconds for reading in at_epoch)
        curve.append(Epoch(epoch, len(at_epoch), seconds, (accuracies[0], middle, accuracies[-1])))
    return curve


@dataclass(frozen=True)
class Hits:
    """When the runs of a group hit: sorted seconds of those that did, out of `n`; `until` when the last ended.

    `interval` is that of P(hit), of the runs that are drawn.
    """

    seconds: tuple[float, ...]
    n: int
    until: float
    unplaced: int
    interval: Interval

    def share_by(self, count: int) -> float:
        """The share of the runs once `count` of them have hit."""
        return count / self.n

    def quantile(self, share: float) -> float | None:
        """Seconds by which at least `share` of all runs had hit; None where so many never did."""
        return next((s for k, s in enumerate(self.seconds, start=1) if k >= share * self.n - 1e-9), None)


def hits(group: Group, policy: Policy) -> Hits | None:
    """When the group's runs hit under the clock. Hits without such a time are left out and counted.

    None where no run is left.
    """
    taken = group.taken if group.row.clock == policy else [(math.nan, math.nan)] * len(group.runs)
    times = [time for run, (time, _) in zip(group.runs, taken, strict=True) if run.hit]
    known = sorted(time for time in times if not math.isnan(time))
    unplaced = len(times) - len(known)
    n = len(group.runs) - unplaced
    attempts = [0.0 if math.isnan(used) else used for _, used in taken]
    if not n:
        return None
    # Where all are drawn it is that of the table, which may be about a type of machine.
    interval = (None if unplaced else group.row.p_hit_interval) or wilson(len(known), n)
    return Hits(tuple(known), n, max([*known, *attempts]), unplaced, interval)


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

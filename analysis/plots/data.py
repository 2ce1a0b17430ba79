"""The numbers behind three of the four plots, computed before anything is drawn; the fourth has lease_phases."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from analysis.tables.cost_table import Row
from bench.record.documents import COUNTED, Evaluation, Policy, Run, attempt_seconds, policy_seconds


@dataclass(frozen=True)
class Group:
    """A row of the table. `runs` are those that count, oldest first; none for a published entry."""

    label: str
    row: Row
    runs: tuple[Run, ...] = ()

    @property
    def name(self) -> str:
        """What tells the row from the others, in a line."""
        row = self.row
        how = [row.machine, row.precision, row.path, None if row.convolution == "direct" else row.convolution]
        if row.pricing_category in ("Dynamic", "Committed"):
            how.append("spot" if row.pricing_category == "Dynamic" else "committed")
        return f"{row.recipe}, {', '.join(part for part in how if part)}"


def groups_of(rows: Iterable[Row], runs: Iterable[Run]) -> list[Group]:
    """The rows of the table, each with those of `runs` that it was made of."""
    by_id = {run.id: run for run in runs}
    return [
        Group(row_label(number), row, tuple(by_id[run_id] for run_id in row.run_ids if run_id in by_id))
        for number, row in enumerate(rows)
    ]


def row_label(number: int) -> str:
    """A, B, … Z, AA, AB, … for 0, 1, …; the notes have the numbers."""
    high, low = divmod(number, 26)
    return (row_label(high - 1) if high else "") + chr(ord("A") + low)


_T = TypeVar("_T")

# More lines than these cannot be told apart, and would make the page slow.
GROUPS_DRAWN = 8
LINES_DRAWN = 240
STEPS_DRAWN = 200


def subsample(items: Sequence[_T], limit: int) -> list[_T]:
    """At most `limit` of the items, evenly spread, the first and the last among them."""
    if len(items) <= limit:
        return list(items)
    if limit < 2:
        return list(items[:limit])
    return [items[round(k * (len(items) - 1) / (limit - 1))] for k in range(limit)]


def plotted(groups: Iterable[Group]) -> list[Group]:
    """The groups whose runs are drawn one by one: those with the most runs, in the order of the table."""
    measured = [group for group in groups if group.runs]
    most = sorted(measured, key=lambda group: -len(group.runs))[:GROUPS_DRAWN]
    labels = {group.label for group in most}
    return [group for group in measured if group.label in labels]


def cannot_be_placed(group: Group) -> str | None:
    """Why the row has no point among times and dollars, or None where it has one."""
    row = group.row
    if not row.hits:
        return "no run reached the target"
    if row.price_per_hour is None:
        return "price unknown"
    if row.time_s is None or row.train_cost is None:
        return "no time under this clock"
    if row.currency != "USD":
        return f"priced in {row.currency}"
    if not row.train_cost or not row.time_s:
        return "costs nothing, and a logarithmic scale has no 0"
    return None


def pareto_front(groups: Iterable[Group]) -> list[Group]:
    """Those that no other of the groups beats in both cost and time, cheapest first."""
    best: list[Group] = []
    for group in sorted(groups, key=lambda group: (group.row.train_cost or 0, group.row.time_s or 0)):
        if not best or (group.row.time_s or 0) < (best[-1].row.time_s or 0):
            best.append(group)
    return best


def pareto_fronts(groups: Iterable[Group]) -> list[list[Group]]:
    """The front of each task: times to another target, or on other images, are no rivals."""

    def task(group: Group) -> tuple[str, float]:
        return group.row.dataset, group.row.target

    return [pareto_front(rivals) for _, rivals in groupby(sorted(groups, key=task), task)]


@dataclass(frozen=True)
class Reading:
    """An evaluation of a run, with the seconds the clock had counted by then."""

    seconds: float
    accuracy: float
    epoch: float


def readings(run: Run, policy: Policy) -> list[Reading]:
    """The run's evaluations along the clock; none under `cold` for a run not the first of its process."""
    if policy == "cold" and not (run.cold and run.phases):
        return []
    return [Reading(_seconds_by(run, policy, e), e.accuracy, e.epoch) for e in run.evaluations]


def _seconds_by(run: Run, policy: Policy, evaluation: Evaluation) -> float:
    if policy == "cold":
        return evaluation.at - run.phases[0].start
    counted = [phase for phase in run.phases if phase.name in COUNTED[policy] and phase.start < evaluation.at]
    return sum(min(phase.stop, evaluation.at) - phase.start for phase in counted)


@dataclass(frozen=True)
class Epoch:
    """The evaluations of a group after as many epochs."""

    epoch: float
    runs: int
    seconds: float
    accuracies: tuple[float, float, float]  # lowest, median, highest


def epochs(group: Group, policy: Policy) -> list[Epoch]:
    """The group's evaluations, epoch by epoch; of several of a run at one epoch, the last."""
    last = [{reading.epoch: reading for reading in readings(run, policy)} for run in group.runs]
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
    """When the runs of a group hit: sorted seconds of those that did, out of `n`; `until` when the last ended."""

    seconds: tuple[float, ...]
    n: int
    until: float
    unplaced: int

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
    times = [policy_seconds(run, policy) for run in group.runs if run.hit]
    known = sorted(time for time in times if time is not None)
    unplaced = len(times) - len(known)
    n = len(group.runs) - unplaced
    attempts = [attempt_seconds(run, policy) or 0.0 for run in group.runs]
    return Hits(tuple(known), n, max([*known, *attempts]), unplaced) if n else None

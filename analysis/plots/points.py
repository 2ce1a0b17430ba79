"""The points of a plot: their positions, the Pareto front, and their tooltips."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from analysis.plots.data import Group, Hits, LeasePhases, Reading
from analysis.stats import Interval
from bench.record.documents import Run
from bench.text import UNKNOWN, percent, plural, significant

UNPRICED = "price unknown"


def is_what_if(group: Group) -> bool:
    """Whether the row is plotted at the what-if price, because it has no price of its own."""
    row = group.row
    return row.price_per_hour is None and row.what_if_currency == "USD" and bool(row.what_if_train_cost)


def cost_of(group: Group) -> float:
    """The row's median train cost: at its own price, otherwise at the what-if price, otherwise 0."""
    row = group.row
    return float((row.what_if_train_cost if is_what_if(group) else row.train_cost) or 0)


def time_of(group: Group) -> float:
    """The row's median time in s, or else 0."""
    return group.row.time_s or 0.0


def cannot_be_placed(group: Group) -> str | None:
    """Why the row has no point among times and dollars, or None where it has one. UNPRICED has a time alone."""
    row = group.row
    if not row.hits:
        return "no run reached the target"
    if row.time_s is None:
        return "no time under this clock"
    if is_what_if(group):
        return None
    if row.price_per_hour is None or row.train_cost is None:
        return UNPRICED if row.time_s else "takes 0 s, which a logarithmic scale cannot show"
    if row.currency != "USD":
        return f"priced in {row.currency}"
    if not row.train_cost or not row.time_s:
        return "costs 0, which a logarithmic scale cannot show"
    return None


def pareto_front(groups: Iterable[Group]) -> list[Group]:
    """The groups that no other one beats in both cost and time, cheapest first."""
    best: list[Group] = []
    for group in sorted(groups, key=lambda group: (group.row.train_cost or 0, time_of(group))):
        if not best or time_of(group) < time_of(best[-1]):
            best.append(group)
    return best


def pareto_fronts(groups: Iterable[Group]) -> list[list[Group]]:
    """The front of each task: times to another target, or on other images, are no rivals."""

    def task(group: Group) -> tuple[str, str, str, float]:
        row = group.row
        return row.dataset or "", row.metric or "", row.direction or "", row.target or 0.0

    return [pareto_front(rivals) for _, rivals in groupby(sorted(groups, key=task), task)]


def point_tip(group: Group) -> str:
    """The tooltip of a row in the scatter plot: time, cost, and how often it hit."""
    row = group.row
    cost = f"median train cost: {UNKNOWN}"
    if is_what_if(group):
        cost = (
            f"what-if train cost: {_estimate(cost_of(group), row.what_if_train_cost_interval)} USD, which nobody paid"
        )
    elif row.train_cost is not None:
        cost = f"median train cost: {_estimate(float(row.train_cost), row.train_cost_interval)} {row.currency}"
    lines = [f"median time: {_estimate(row.time_s, row.time_s_interval)} s ({row.clock} clock)", cost]
    if not row.single_entry:
        lines.append(f"{row.hits:,} of {plural(row.runs, 'run')} at the target")
    published = " (published, one run)" if row.single_entry else " (published)" if row.kind == "published" else ""
    return _lines(f"{group.name}{published}", *lines)


def group_tip(group: Group) -> str:
    """The tooltip of the lines of a row's runs: how many hit, and where they end on average."""
    row = group.row
    accuracy = [] if row.accuracy is None else [f"mean accuracy: {100 * row.accuracy:.2f} %"]
    return _lines(group.name, f"{row.hits:,} of {plural(row.runs, 'run')} at the target", *accuracy)


def reading_tip(group: Group, run: Run, last: Reading) -> str:
    """The tooltip of the end of a run's line."""
    return _lines(group.name, f"seed {run.seed}: {100 * last.accuracy:.2f} % after {significant(last.seconds)} s")


def hits_tip(group: Group, hits: Hits) -> str:
    """The tooltip of a row's step curve: the share that hit in the end, and by when half of all runs had."""
    count = len(hits.seconds)
    share = f"{percent(count / hits.n)} {hits.interval.text(percent)}"
    half = hits.quantile(0.5)
    return _lines(
        group.name,
        f"{count:,} of {plural(hits.n, 'run')} hit: {share} %",
        *([] if half is None else [f"half of all runs had hit by {significant(half)} s"]),
    )


def phase_tip(phases: LeasePhases, part: str) -> str:
    """The tooltip of a part of a lease's bar: seconds, its share, and what it cost."""
    seconds = phases.seconds[part]
    cost = phases.cost(seconds)
    return _lines(
        f"{part.replace('_', ' ')}: {', '.join(phases.labels)}",
        f"{significant(seconds)} s, {significant(100 * seconds / phases.whole)} % of the lease",
        f"cost: {UNKNOWN if cost is None else f'{significant(cost)} {phases.currency}'}",
    )


def _estimate(value: float | None, interval: Interval | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{significant(value)} {interval.text()}" if interval else significant(value)


def _lines(*lines: str) -> str:
    return "\n".join(lines)

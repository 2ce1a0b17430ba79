"""Where rows stand among times and dollars, and which of them nothing beats."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from analysis.plots.data import Group

UNPRICED = "price unknown"


def is_supposed(group: Group) -> bool:
    """Whether the row stands among times and dollars at a price that nobody paid, for want of its own."""
    row = group.row
    return row.price_per_hour is None and row.what_if_currency == "USD" and bool(row.what_if_train_cost)


def cost_of(group: Group) -> float:
    """The row's median train cost: at its own price, at the one that nobody paid where it has none, or else 0."""
    row = group.row
    return float((row.what_if_train_cost if is_supposed(group) else row.train_cost) or 0)


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
    if is_supposed(group):
        return None
    if row.price_per_hour is None or row.train_cost is None:
        return UNPRICED if row.time_s else "takes no time, and a logarithmic scale has no 0"
    if row.currency != "USD":
        return f"priced in {row.currency}"
    if not row.train_cost or not row.time_s:
        return "costs nothing, and a logarithmic scale has no 0"
    return None


def pareto_front(groups: Iterable[Group]) -> list[Group]:
    """Those that no other of the groups beats in both cost and time, cheapest first."""
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

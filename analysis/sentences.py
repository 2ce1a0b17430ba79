"""What a comparison found in one metric: the numbers, and the sentence that says them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

from analysis.selection import Side
from analysis.statistics import Interval
from analysis.words import three

Metric = Literal["time", "cost", "hits", "accuracy", "time-per-success", "cost-per-success"]
METRICS: tuple[Metric, ...] = get_args(Metric)
Measure = Literal["ratio B / A", "difference A - B"]
Winner = Literal["A", "B"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One metric of A against B.

    `estimate` and `interval` are B / A for times and costs (above 1: A takes less) and A - B, -1..1, for
    hits and accuracy. `winner` is None where no difference is seen; `inconclusive` says in words why nothing
    can be said, and is None where something can.
    """

    metric: Metric
    measure: Measure
    n: tuple[int, int]
    text: str
    estimate: float | None = None
    interval: Interval | None = None
    winner: Winner | None = None
    inconclusive: str | None = None


class _Words(NamedTuple):
    less: str  # what A is when it takes less
    more: str
    of: str  # what is compared


WORDS: dict[Metric, _Words] = {
    "time": _Words("faster", "slower", "time"),
    "cost": _Words("cheaper", "dearer", "train cost"),
    "time-per-success": _Words("faster to a success", "slower to a success", "time per success"),
    "cost-per-success": _Words("cheaper per success", "dearer per success", "cost per success"),
}
_MACHINE = {"machine": "machines differ", "dataset": "data sets differ"}
_SUCCESS = {**_MACHINE, "target": "targets differ"}
_PRICE = {"pricing_category": "price categories, such as spot, differ"}
# What makes a comparison in a metric one of unlike things, by column; machines, too, are not recipes.
_UNLIKE: dict[Metric, dict[str, str]] = {
    "time": _MACHINE,
    "cost": {**_MACHINE, **_PRICE},
    "hits": {"dataset": "data sets differ", "target": "targets differ"},
    "accuracy": {"dataset": "data sets differ"},
    "time-per-success": _SUCCESS,
    "cost-per-success": {**_SUCCESS, **_PRICE},
}


def ratio(metric: Metric, a: Side, b: Side, n: tuple[int, int], ratio: float, interval: Interval | None) -> Finding:
    """The finding of `ratio`, B / A, said the way round that is above 1. `n` are the runs behind it."""
    if interval is None:
        return nothing(metric, n, "resampling the runs gives no interval")
    winner = _winner(interval, 1)
    less, more, of = WORDS[metric]
    if winner is None:
        text = f"no difference in {of} is seen: {b.label} takes {times(ratio)}x that of {a.label}"
        ends = interval.low, interval.high
    elif winner == "A":
        text, ends = f"{a.label} is {times(ratio)}x {less} than {b.label}", (interval.low, interval.high)
    else:
        text, ends = f"{a.label} is {times(1 / ratio)}x {more} than {b.label}", (1 / interval.high, 1 / interval.low)
    return Finding(
        metric=metric, measure="ratio B / A", n=n, estimate=ratio, interval=interval, winner=winner,
        text=f"{text} [{times(ends[0])}, {times(ends[1])}] {_basis(metric, a, b, n, interval)}",
    )  # fmt: skip


def difference(
    metric: Metric, a: Side, b: Side, n: tuple[int, int], difference: float, interval: Interval,
    show: Callable[[float], str], say: Callable[[Winner | None, str], str],
) -> Finding:  # fmt: skip
    """The finding of `difference`, A - B of shares 0..1, said in points (0.01), the way round that is above 0.

    `show` writes points; `say` makes the sentence of the winner and what the difference is, interval included.
    """
    winner = _winner(interval, 0)
    middle, ends = difference, (interval.low, interval.high)
    if winner == "B":
        middle, ends = -difference, (-interval.high, -interval.low)
    points = f"{show(100 * middle)} points [{show(100 * ends[0])}, {show(100 * ends[1])}]"
    return Finding(
        metric=metric, measure="difference A - B", n=n, estimate=difference, interval=interval, winner=winner,
        text=f"{say(winner, points)} {_basis(metric, a, b, n, interval)}",
    )  # fmt: skip


def nothing(metric: Metric, n: tuple[int, int], why: str, said: str = "inconclusive") -> Finding:
    """The finding that nothing can be said, with the reason `why`."""
    measure: Measure = "ratio B / A" if metric in WORDS else "difference A - B"
    return Finding(metric=metric, measure=measure, n=n, text=f"{said}: {why}", inconclusive=why)


def _winner(interval: Interval, equal: float) -> Winner | None:
    if interval.low > equal:
        return "A"
    return "B" if interval.high < equal else None


def _basis(metric: Metric, a: Side, b: Side, n: tuple[int, int], interval: Interval) -> str:
    """What a sentence rests on, and the mark of what makes its two sides unlike."""
    marks = [what for column, what in _UNLIKE[metric].items() if set(a.runs[column]) != set(b.runs[column])]
    return f"(n = {n[0]}, {n[1]}; {'; '.join([interval.method, *marks])})"


def times(value: float) -> str:
    """A ratio to three significant digits; near 1 to four, so that 1.004 does not look like no difference."""
    if not math.isfinite(value):
        return "∞"
    return f"{value:.3f}" if 0.9 <= value < 1.1 else three(value)

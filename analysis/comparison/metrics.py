"""A against B in one metric: the estimate, its interval, the winner, and the sentence that says so.

Nothing is called a winner on too few runs, or where the interval holds "no difference".
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import pandas as pd

from analysis.comparison.qualifications import Metric, interleaved, several_types, unlike
from analysis.comparison.side import (
    Side,
    amounts,
    by_run,
    difference_of_hits,
    in_shares,
    partners,
    ratio_of,
    ratio_of_successes,
    unpriced,
)
from analysis.frames import Clock, attempt_costs, by_machine, train_costs
from analysis.stats import SUCCESS_FROM, Interval, difference_of_means, exact_mean, too_few
from bench.text import percent, significant

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


_WORDS: dict[Metric, _Words] = {
    "time": _Words("faster", "slower", "time"),
    "cost": _Words("cheaper", "more expensive", "train cost"),
    "time-per-success": _Words("faster to a success", "slower to a success", "time per success"),
    "cost-per-success": _Words("cheaper per success", "more expensive per success", "cost per success"),
}


def compare_metric(metric: Metric, a: Side, b: Side, policy: Clock) -> Finding:
    """What `metric` says of `a` against `b` under `policy`."""
    if metric == "hits":
        return _hits(a, b)
    if metric == "accuracy":
        return _accuracy(a, b)
    n = len(a.runs), len(b.runs)
    reason = unpriced(a, b) if metric.startswith("cost") else None
    if reason:
        return _inconclusive(metric, n, reason, "unknown")
    # A mark is enough for unlike machines or prices, which somebody may want to compare; for unlike clocks it is not.
    if apart := unlike(metric, a, b).get("counts"):
        return _inconclusive(metric, n, f"{apart}: nothing is compared")
    # Interleaved, each run stands against one on its own machine, and both sides have as many of each type.
    reason = None if interleaved(a, b) else several_types(a) or several_types(b)
    if reason:
        return _inconclusive(metric, n, reason)
    if metric in ("time", "cost"):
        return _per_run(metric, a, b, policy)
    return _per_success(metric, a, b, policy)


def _per_run(metric: Metric, a: Side, b: Side, policy: Clock) -> Finding:
    values_a, values_b = _values(metric, a, policy), _values(metric, b, policy)
    paired = interleaved(a, b)
    if paired:
        values_a, values_b = partners(values_a, values_b)
    n = len(values_a), len(values_b)
    reason = too_few(*n)
    if reason is None and min(values_a.min(), values_b.min()) <= 0:
        reason = f"a {_WORDS[metric].of} of 0 gives no ratio"
    if reason:
        return _inconclusive(metric, n, reason)
    ratio, interval = ratio_of(values_a, values_b, paired=paired)
    return _ratio(metric, a, b, n, ratio, interval)


def _per_success(metric: Metric, a: Side, b: Side, policy: Clock) -> Finding:
    n = len(a.runs), len(b.runs)
    spent_a, spent_b = _attempts(metric, a, policy), _attempts(metric, b, policy)
    reason = too_few(*n, needed=SUCCESS_FROM)
    for side, spent in ((a, spent_a), (b, spent_b)):
        if not side.runs["hit"].any():
            reason = reason or f"no run of {side.label} reached its target"
        if any(math.isnan(value) for value in spent):
            reason = reason or f"the time or cost of some runs of {side.label} is unknown"
        if not sum(spent) > 0:
            reason = reason or f"a {_WORDS[metric].of} of 0 gives no ratio"
    if reason:
        return _inconclusive(metric, n, reason)
    ratio, interval = ratio_of_successes(a, b, spent_a, spent_b)
    return _ratio(metric, a, b, n, ratio, interval)


def _hits(a: Side, b: Side) -> Finding:
    n = len(a.runs), len(b.runs)
    reason = too_few(*n)
    if reason:
        return _inconclusive("hits", n, reason)
    share_a, share_b = float(a.runs["hit"].mean()), float(b.runs["hit"].mean())
    interval = difference_of_hits(a, b)
    shares = f"{percent(share_a)} % of runs against {percent(share_b)} %"

    def sentence(winner: Winner | None, points: str) -> str:
        if winner is None:
            return f"no significant difference in hit rate: {a.label} {shares} of {b.label}, {points}"
        more = "more" if winner == "A" else "less"
        return f"{a.label} reaches its target {more} often than {b.label}: {shares}, {points}"

    return _difference("hits", a, b, n, share_a - share_b, interval, significant, sentence)


def _accuracy(a: Side, b: Side) -> Finding:
    """The means of what the targets are about: of recipes the accuracy, of programs a metric that may better be low."""
    finals = [side.runs.loc[side.runs["status"] == "completed", "final"].dropna() for side in (a, b)]
    values_a, values_b = (values.tolist() for values in finals)
    n = len(values_a), len(values_b)
    about = pd.concat([side.runs[["metric", "direction"]] for side in (a, b)]).drop_duplicates()
    reason = too_few(*n) if len(about) == 1 else "their targets are about different things"
    groups = [by_machine(side.runs, values) for side, values in zip((a, b), finals, strict=True)]
    interval = difference_of_means(values_a, values_b, *groups)
    if reason or interval is None:
        return _inconclusive("accuracy", n, reason or "nothing varies")
    name, low_is_better = about.iloc[0]["metric"], about.iloc[0]["direction"] == "at most"
    difference = exact_mean(values_a) - exact_mean(values_b)

    def sentence(winner: Winner | None, points: str) -> str:
        if winner is None:
            return f"no significant difference in mean {name}: {a.label} minus {b.label} is {points}"
        higher = "higher" if (winner == "A") != low_is_better else "lower"
        return f"the mean {name} of {a.label} is {higher} than that of {b.label}, by {points}"

    # A hundredth of a point is one image of 10,000; the mean of many runs is finer than that.
    in_points = in_shares(a) and in_shares(b)
    digits: Callable[[float], str] = (lambda points: f"{points:.3f}") if in_points else significant
    how = {"in_points": in_points, "low_is_better": low_is_better}
    return _difference("accuracy", a, b, n, difference, interval, digits, sentence, **how)


def _values(metric: Metric, side: Side, policy: Clock) -> pd.Series[float]:
    """What each run took, in s or in the currency, by series and index; runs without a time are left out."""
    taken = side.runs[f"{policy}_s"] if metric == "time" else amounts(train_costs(side.runs, policy))
    return by_run(side.runs, taken)


def _attempts(metric: Metric, side: Side, policy: Clock) -> list[float]:
    if metric == "time-per-success":
        return [float(value) for value in side.runs[f"{policy}_attempt_s"]]
    return amounts(attempt_costs(side.runs, policy))


def _ratio(metric: Metric, a: Side, b: Side, n: tuple[int, int], ratio: float, interval: Interval | None) -> Finding:
    """The finding of `ratio`, B / A, written the way round that is above 1. `n` are the runs behind it."""
    if interval is None:
        return _inconclusive(metric, n, "resampling the runs gives no interval")
    winner = _winner(interval, 1)
    less, more, of = _WORDS[metric]
    if winner is None:
        text = f"no significant difference in {of}: {b.label} takes {_times(ratio)}x that of {a.label}"
        ends = interval.low, interval.high
    elif winner == "A":
        text, ends = f"{a.label} is {_times(ratio)}x {less} than {b.label}", (interval.low, interval.high)
    else:
        text, ends = f"{a.label} is {_times(1 / ratio)}x {more} than {b.label}", interval.inverse[:2]
    return Finding(
        metric=metric,
        measure="ratio B / A",
        n=n,
        estimate=ratio,
        interval=interval,
        winner=winner,
        text=f"{text} [{_times(ends[0])}, {_times(ends[1])}] {_basis(metric, a, b, n, interval)}",
    )


def _difference(
    metric: Metric,
    a: Side,
    b: Side,
    n: tuple[int, int],
    difference: float,
    interval: Interval,
    digits: Callable[[float], str],
    sentence: Callable[[Winner | None, str], str],
    *,
    in_points: bool = True,
    low_is_better: bool = False,
) -> Finding:
    """The finding of `difference`, A - B, written the way round that is above 0.

    With `in_points` it is one of shares 0..1, and a point is 0.01.
    """
    greater = _winner(interval, 0)
    middle, ends = difference, (interval.low, interval.high)
    if greater == "B":
        middle, ends = -difference, (-interval.high, -interval.low)
    scale, unit = (100, " points") if in_points else (1, "")
    points = f"{digits(scale * middle)}{unit} [{digits(scale * ends[0])}, {digits(scale * ends[1])}]"
    other: dict[Winner | None, Winner | None] = {"A": "B", "B": "A", None: None}
    winner = other[greater] if low_is_better else greater
    return Finding(
        metric=metric,
        measure="difference A - B",
        n=n,
        estimate=difference,
        interval=interval,
        winner=winner,
        text=f"{sentence(winner, points)} {_basis(metric, a, b, n, interval)}",
    )


def _inconclusive(metric: Metric, n: tuple[int, int], reason: str, verdict: str = "inconclusive") -> Finding:
    measure: Measure = "ratio B / A" if metric in _WORDS else "difference A - B"
    return Finding(metric=metric, measure=measure, n=n, text=f"{verdict}: {reason}", inconclusive=reason)


def _winner(interval: Interval, equal: float) -> Winner | None:
    if interval.low > equal:
        return "A"
    return "B" if interval.high < equal else None


def _basis(metric: Metric, a: Side, b: Side, n: tuple[int, int], interval: Interval) -> str:
    """What a sentence rests on, and the mark of what makes its two sides unlike."""
    return f"(n = {n[0]}, {n[1]}; {'; '.join([interval.method, *unlike(metric, a, b).values()])})"


def _times(value: float) -> str:
    """A ratio to three significant digits; near 1 to four, so that 1.004 does not look like no difference."""
    if not math.isfinite(value):
        return "∞"
    return f"{value:.3f}" if 0.9 <= value < 1.1 else significant(value)

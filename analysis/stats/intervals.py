"""Estimates with their 95 % intervals: fractions, means, medians; and comparisons of two samples.

Pure functions of numbers. A positive difference says that the first sample's share or mean is the higher one.
An interval that the data cannot carry is None, never a guess: no median interval from five values, no mean
interval from one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
from scipy import special  # not scipy.stats, which takes longer to import than a report to make

from analysis.stats.bootstrap import Array, bca
from bench.text import significant

# Values, or values by machine.
T = TypeVar("T", list[float], list[list[float]])

LEVEL = 0.95
TAIL = (1 - LEVEL) / 2
# Below this many values a resampled median takes so few different values that BCa means little.
BOOTSTRAP_FROM = 10
# Up to this many: resampling takes time with their square, and of more values it says what formulas say.
BOOTSTRAP_UNTIL = 1000
# Below this many values not even the lowest and the highest enclose the median at LEVEL.
MEDIAN_FROM = 6
POWER = 0.8
_BCA = "BCa bootstrap"
# With a noncentrality so small nothing is seen beyond chance, and at 0 scipy's formula breaks down.
_UNSEEN = 1e-9


class Interval(NamedTuple):
    """An interval at LEVEL, in the unit of its data; `method` names how it was made."""

    low: float
    high: float
    method: str

    def text(self, show: Callable[[float], str] = significant) -> str:
        """`[low, high]`, each end as `show` writes it."""
        return f"[{show(self.low)}, {show(self.high)}]"

    @property
    def inverse(self) -> Interval:
        """The interval of 1 / x, for a positive x whose interval this is."""
        return Interval(1 / self.high, 1 / self.low if self.low else math.inf, self.method)


def too_few(*counts: int, needed: int = MEDIAN_FROM) -> str | None:
    """Why samples of `counts` values are not enough, in words; None where each has the `needed` number."""
    if min(counts) >= needed:
        return None
    return f"n = {', '.join(map(str, counts))}; at least {needed} are needed"


def wilson(hits: int, n: int) -> Interval:
    """Wilson's score interval of a share, 0..1, after `hits` in `n` trials. Raises ValueError for impossible counts."""
    if not 0 <= hits <= n or n == 0:
        raise ValueError(f"n = {n}, hits = {hits}; n must be at least 1 and hits at most n")
    return Interval(*score(hits / n, n, float(special.ndtri(1 - TAIL))), "Wilson")


def score(share: float, n: float, reach: float) -> tuple[float, float]:
    """The shares, 0..1, from which one of `n` trials lies no more than `reach` of their standard errors off."""
    tail = reach**2 / n
    centre, half = share + tail / 2, reach * math.sqrt(share * (1 - share) / n + tail / n / 4)
    low, high = (centre - half) / (1 + tail), (centre + half) / (1 + tail)
    return (low if share else 0.0, high if share < 1 else 1.0)


def student_reach(freedom: float, tail: float = TAIL) -> float:
    """How many standard errors an interval reaches to either side by Student's t; `tail`: beyond each end."""
    return float(-special.stdtrit(freedom, tail))


def welch(of_a: float, freedom_a: float, of_b: float, freedom_b: float) -> float:
    """The degrees of freedom of a sum of two variances (Welch and Satterthwaite)."""
    total = of_a + of_b
    return total**2 / (of_a**2 / freedom_a + of_b**2 / freedom_b) if total else freedom_a + freedom_b


def median_interval(values: Sequence[float] | Array) -> Interval | None:
    """An interval of the median: BCa bootstrap for 10 to 1000 values, else order statistics; None for fewer than 6.

    The bootstrap's seed is fixed, so that the same values give the same interval.
    """
    ends = bca([values], np.median, LEVEL) if _resampled(len(values)) else None
    return Interval(*ends, _BCA) if ends else order_statistics(values)


def order_statistics(values: Sequence[float] | Array) -> Interval | None:
    """The narrowest pair of values, symmetric in rank, that covers the median at LEVEL at least; None below 6."""
    if len(values) < MEDIAN_FROM:
        return None
    # As likely as not a value lies below the median: of a rank below this one the tail is smaller than it may be.
    low = math.ceil(special.bdtrik(TAIL, len(values), 0.5)) - 1
    ranks = [low, len(values) - 1 - low]
    ends = np.partition(np.asarray(values, dtype=float), ranks)[ranks]
    return Interval(float(ends[0]), float(ends[1]), "order statistics")


def _resampled(*counts: int) -> bool:
    return min(counts) >= BOOTSTRAP_FROM and max(counts) <= BOOTSTRAP_UNTIL


def difference_of_shares(share_a: float, a: Interval, share_b: float, b: Interval) -> Interval:
    """The interval of share_a - share_b, from -1 to 1, from that of each: Newcombe's of two that are Wilson's.

    Unlike the textbook interval it keeps its coverage where a share is 0 or 1 (his method 10).
    """
    low = share_a - share_b - math.hypot(share_a - a.low, b.high - share_b)
    high = share_a - share_b + math.hypot(a.high - share_a, share_b - b.low)
    return Interval(max(low, -1.0), min(high, 1.0), a.method.replace("Wilson", "Newcombe"))


def visible_difference(n: int, sd: float) -> float:
    """The smallest difference of means that `n` runs a side show with the chance POWER, in the unit of `sd`.

    Raises ValueError for fewer than two runs, or an `sd` that is not positive.
    """
    if n < 2 or not sd > 0:
        raise ValueError(f"n = {n}, sd = {sd}; needs two runs per side and a positive sd")
    from scipy.optimize import brentq  # here, as it takes a third of a second and few comparisons ask

    top = sd
    while power_of(n, top, sd) < POWER:
        top *= 2
    return float(brentq(lambda difference: power_of(n, difference, sd) - POWER, 0, top))


def power_of(n: int, difference: float, sd: float) -> float:
    """The chance, 0..1, that `n` runs a side show a `difference` of means as significant.

    Exact for the two-sided two-sample t test of normal values with standard deviation `sd`, in their unit.
    """
    from scipy import stats  # scipy.special's noncentral F gives up where a difference is plain

    # The square of a noncentral t is a noncentral F, which scipy computes where its t gives up (n = 170, say).
    freedom, noncentrality = 2 * n - 2, n / 2 * (difference / sd) ** 2
    if noncentrality < _UNSEEN:
        return 1 - LEVEL
    edge = stats.f.isf(1 - LEVEL, 1, freedom)
    return float(stats.ncf.sf(edge, 1, freedom, noncentrality))


def ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> tuple[float, Interval | None]:
    """median(above) / median(below) of two independent samples of positive values, and its interval.

    BCa bootstrap for 10 to 1000 values a side; else, or where resampling shows no spread, each side's
    order statistics, put together by `ratio_of_estimates`. Samples that change places give one over it. The interval
    is None with fewer than 6 values on a side. Raises ValueError for an empty sample or a value that is not positive.
    """
    if not above or not below or min(*above, *below) <= 0:
        raise ValueError("a ratio of medians needs positive values on both sides")
    return in_one_order(_ratio_of_medians, list(above), list(below))


def in_one_order(
    ratio_of: Callable[[T, T], tuple[float, Interval | None]], above: T, below: T
) -> tuple[float, Interval | None]:
    """What `ratio_of` makes of two lists of data, one over it where they change places.

    Resampling draws for one of them first. Which one is a matter of the data, or a verdict would hang on who is A.
    """
    if above <= below:
        return ratio_of(above, below)
    ratio, interval = ratio_of(below, above)
    return 1 / ratio, interval and interval.inverse


def _ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> tuple[float, Interval | None]:
    median_above, median_below = float(np.median(above)), float(np.median(below))
    ratio = median_above / median_below
    ends = bca([above, below], _median_ratio, LEVEL) if _resampled(len(above), len(below)) else None
    if ends:
        return ratio, Interval(*ends, _BCA)
    interval_above, interval_below = order_statistics(above), order_statistics(below)
    if interval_above is None or interval_below is None:
        return ratio, None
    return ratio, ratio_of_estimates(median_above, interval_above, median_below, interval_below)


def ratio_of_estimates(above: float, interval_above: Interval, below: float, interval_below: Interval) -> Interval:
    """The interval of above / below, two independent positive estimates, from the interval of each.

    Distances from estimate to end are squared and added, on logarithms (MOVER; Zou and Donner 2008): the
    rule of Newcombe's interval, for ratios. An end may be 0 or infinite.
    """
    ratio, up, down = above / below, interval_above, interval_below
    low = math.hypot(_log(above / up.low if up.low else math.inf), _log(down.high / below))
    high = math.hypot(_log(up.high / above), _log(below / down.low if down.low else math.inf))
    return Interval(ratio * math.exp(-low), ratio * math.exp(high), up.method)


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> tuple[float, Interval | None]:
    """The typical above[k] / below[k] of pairs of positive values, and its interval.

    Interleaved runs share the machine's slow and fast hours, which a ratio within a pair cancels. The
    estimate is the median of the logarithms of the ratios; its interval is that of `median_interval`, None
    with fewer than 6 pairs. Raises ValueError for no pair, an odd one out, or a value that is not positive.
    """
    if not above or len(above) != len(below) or min(*above, *below) <= 0:
        raise ValueError("a paired ratio needs pairs of positive values")
    logs = [math.log(high / low) for high, low in zip(above, below, strict=True)]
    ratio, interval = math.exp(float(np.median(logs))), median_interval(logs)
    if interval is None:
        return ratio, None
    # The ends enclose the middle still after exp has rounded each.
    low, high = min(math.exp(interval.low), ratio), max(math.exp(interval.high), ratio)
    return ratio, Interval(low, high, f"paired, {interval.method}")


def _log(value: float) -> float:
    return math.log(value) if value < math.inf else math.inf


def _median_ratio(above: Any, below: Any, axis: int = -1) -> Any:
    return np.median(above, axis=axis) / np.median(below, axis=axis)

"""How two samples compare: differences of shares and means, ratios of medians, and what could have been seen.

A positive difference says that the first sample's share or mean is the higher one. Pure functions of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import optimize, stats

from analysis.stats.intervals import (
    BOOTSTRAP_FROM,
    LEVEL,
    Interval,
    bca,
    median_interval,
    order_statistics,
    quiet,
    wilson,
)

POWER = 0.8
# Of a noncentrality so small nothing is seen beyond chance, and at 0 scipy's formula breaks down.
_UNSEEN = 1e-9


def difference_of_shares(hits_a: int, n_a: int, hits_b: int, n_b: int) -> Interval:
    """Newcombe's interval of hits_a / n_a - hits_b / n_b, from -1 to 1 (his method 10).

    Unlike the textbook interval it keeps its coverage where a share is 0 or 1. Raises ValueError for
    impossible counts.
    """
    a, b = wilson(hits_a, n_a), wilson(hits_b, n_b)
    share_a, share_b = hits_a / n_a, hits_b / n_b
    low = share_a - share_b - math.hypot(share_a - a.low, b.high - share_b)
    high = share_a - share_b + math.hypot(a.high - share_a, share_b - b.low)
    return Interval(max(low, -1.0), min(high, 1.0), "Newcombe")


def difference_of_means(a: Sequence[float], b: Sequence[float]) -> Interval | None:
    """Welch's interval of mean(a) - mean(b), independent samples of any variances; None below two values a side."""
    if min(len(a), len(b)) < 2:
        return None
    with quiet():
        ends = stats.ttest_ind(a, b, equal_var=False).confidence_interval(LEVEL)
    return Interval(float(ends.low), float(ends.high), "Welch")


def visible_difference(n: int, sd: float) -> float:
    """The smallest difference of means that `n` runs a side show with the chance POWER, in the unit of `sd`.

    Raises ValueError for fewer than two runs, or an `sd` that is not positive.
    """
    if n < 2 or not sd > 0:
        raise ValueError(f"n = {n}, sd = {sd}; it takes two runs a side and a positive sd")
    top = sd
    while power_of(n, top, sd) < POWER:
        top *= 2
    return float(optimize.brentq(lambda difference: power_of(n, difference, sd) - POWER, 0, top))


def power_of(n: int, difference: float, sd: float) -> float:
    """The chance, 0..1, that `n` runs a side show a `difference` of means as significant.

    Exact for the two-sided two-sample t test of normal values with standard deviation `sd`, in their unit.
    """
    # The square of a noncentral t is a noncentral F, which scipy computes where its t gives up (n = 170, say).
    freedom, noncentrality = 2 * n - 2, n / 2 * (difference / sd) ** 2
    if noncentrality < _UNSEEN:
        return 1 - LEVEL
    edge = stats.f.isf(1 - LEVEL, 1, freedom)
    return float(stats.ncf.sf(edge, 1, freedom, noncentrality))


def ratio_of_medians(above: Sequence[float], below: Sequence[float]) -> tuple[float, Interval | None]:
    """median(above) / median(below) of two independent samples of positive values, and its interval.

    BCa bootstrap from 10 values a side on; below that, or where resampling shows no spread, each side's
    order statistics, put together by `ratio_of_estimates`. The interval is None with fewer than 6 values on
    a side. Raises ValueError for an empty sample or a value that is not positive.
    """
    if not above or not below or min(*above, *below) <= 0:
        raise ValueError("a ratio of medians needs positive values on both sides")
    median_above, median_below = float(np.median(above)), float(np.median(below))
    ratio = median_above / median_below
    if min(len(above), len(below)) >= BOOTSTRAP_FROM:
        interval = bca([above, below], _median_ratio)
        if interval is not None:
            return ratio, interval
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

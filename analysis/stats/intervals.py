"""Estimates with their intervals: shares, means, medians. Pure functions of numbers.

An interval that the data cannot carry is None, never a guess: no median interval from five values, no mean
interval from one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
# Below this many values a resampled median takes so few different values that BCa means little.
BOOTSTRAP_FROM = 10
# Below this many values not even the lowest and the highest enclose the median with 95 %.
MEDIAN_FROM = 6
# So few runs a side say nothing about which is better, whatever the statistic.
FEWEST = MEDIAN_FROM
_SEED = 94
_RESAMPLES = 9999


class Interval(NamedTuple):
    """An interval in the unit of its data. `level` is the coverage asked for, 0..1; `method` says how."""

    low: float
    high: float
    level: float
    method: str


def too_few(*counts: int, needed: int = FEWEST) -> str | None:
    """Why samples of `counts` values say nothing, in words; None where each has the `needed` number."""
    if min(counts) >= needed:
        return None
    return f"n = {', '.join(map(str, counts))}; at least {needed} are needed"


def wilson(hits: int, n: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share, 0..1, after `hits` in `n` trials. Raises ValueError for n < 1."""
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} trials")
    check_level(level)
    z = float(stats.norm.ppf((1 + level) / 2))
    share, shrink = hits / n, 1 + z * z / n
    centre = (share + z * z / (2 * n)) / shrink
    half = z / shrink * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the formula gives exactly 0 and 1, but for the last bit.
    low = 0.0 if hits == 0 else max(0.0, min(centre - half, share))
    high = 1.0 if hits == n else min(1.0, max(centre + half, share))
    return Interval(low, high, level, "Wilson")


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Student's t interval of the mean; None for fewer than two values."""
    check_level(level)
    if len(values) < 2:
        return None
    mean, error = _mean_and_error(values)
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    return Interval(mean - half, mean + half, level, "Student t")


def mean_lower_bound(values: Sequence[float], level: float = LEVEL) -> float | None:
    """The one-sided lower bound of the mean (Student t); None for fewer than two values.

    The rule `mean >= target` is met where the bound is at or above the target.
    """
    check_level(level)
    if len(values) < 2:
        return None
    mean, error = _mean_and_error(values)
    return mean - float(stats.t.ppf(level, len(values) - 1)) * error


def median_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """An interval of the median: BCa bootstrap from 10 values on, order statistics below.

    None where even the lowest and the highest value do not reach `level`: at 95 %, with fewer than 6. The
    bootstrap's seed is fixed, so that the same values give the same interval.
    """
    check_level(level)
    if len(values) >= BOOTSTRAP_FROM:
        found = bca([values], _median, level)
        if found is not None:
            return found
    return order_statistics(values, level)


def ratio_of_medians(
    above: Sequence[float], below: Sequence[float], level: float = LEVEL
) -> tuple[float, Interval | None]:
    """median(above) / median(below) of two independent samples of positive values, and its interval.

    BCa bootstrap from 10 values a side on; below that, or where resampling shows no spread, each side's
    order statistics, put together by `ratio_of_estimates`. The interval is None with fewer than 6 values on
    a side (at 95 %). Raises ValueError for an empty sample or a value that is not positive.
    """
    check_level(level)
    if not above or not below or min(*above, *below) <= 0:
        raise ValueError("a ratio of medians needs positive values on both sides")
    ratio = float(np.median(above) / np.median(below))
    if min(len(above), len(below)) >= BOOTSTRAP_FROM:
        found = bca([above, below], _median_ratio, level)
        if found is not None:
            return ratio, found
    sides = order_statistics(above, level), order_statistics(below, level)
    if sides[0] is None or sides[1] is None:
        return ratio, None
    return ratio, ratio_of_estimates(float(np.median(above)), sides[0], float(np.median(below)), sides[1])


def ratio_of_estimates(above: float, its_interval: Interval, below: float, other_interval: Interval) -> Interval:
    """The interval of above / below, two independent positive estimates, from the interval of each.

    Distances from estimate to end are squared and added, on logarithms (MOVER; Zou and Donner 2008): the
    rule of Newcombe's interval, for ratios. An end may be 0 or infinite.
    """
    ratio, up, down = above / below, its_interval, other_interval
    low = math.hypot(_log(above / up.low if up.low else math.inf), _log(down.high / below))
    high = math.hypot(_log(up.high / above), _log(below / down.low if down.low else math.inf))
    return Interval(ratio * math.exp(-low), ratio * math.exp(high), up.level, up.method)


def _log(value: float) -> float:
    return math.log(value) if value < math.inf else math.inf


def _mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """The mean of two values or more, and its standard error."""
    n = len(values)
    mean = math.fsum(values) / n
    return mean, math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def _median(values: Any, axis: int = -1) -> Any:
    return np.median(values, axis=axis)


def _median_ratio(above: Any, below: Any, axis: int = -1) -> Any:
    return np.median(above, axis=axis) / np.median(below, axis=axis)


def bca(samples: Sequence[Sequence[float]], of: Callable[..., Any], level: float) -> Interval | None:
    """The BCa bootstrap interval of `of(*samples, axis=-1)`, the samples resampled each on its own.

    None where the resampled estimates are too alike to make one. The seed is fixed: the same samples give
    the same interval.
    """
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # degenerate data: the answer is nan, which is seen below
        found = stats.bootstrap(
            arrays,
            of,
            vectorized=True,
            confidence_level=level,
            n_resamples=_RESAMPLES,
            batch=1000,  # keeps the memory small for long series
            method="BCa",
            rng=np.random.default_rng(_SEED),
        ).confidence_interval
    low, high = float(found.low), float(found.high)
    # nan fails the comparison; ties can also push BCa off the estimate itself, and then it says nothing.
    return Interval(low, high, level, "BCa bootstrap") if low <= float(of(*arrays)) <= high else None


def order_statistics(values: Sequence[float], level: float) -> Interval | None:
    """The narrowest pair of values, symmetric in rank, that covers the median at `level` at least (exact)."""
    n = len(values)
    # The k-th lowest and k-th highest values miss the median with 2 P(Binomial(n, 1/2) < k).
    k = max((k for k in range(1, n // 2 + 1) if 2 * stats.binom.cdf(k - 1, n, 0.5) <= 1 - level), default=0)
    if k == 0:
        return None
    ordered = sorted(values)
    return Interval(float(ordered[k - 1]), float(ordered[n - k]), level, "order statistics")


def check_level(level: float) -> None:
    """Raise ValueError unless `level` is a share between 0 and 1."""
    if not 0 < level < 1:
        raise ValueError(f"a confidence level of {level}; it lies between 0 and 1")

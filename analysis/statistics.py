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
_SEED = 94
_RESAMPLES = 9999


class Interval(NamedTuple):
    """An interval in the unit of its data. `level` is the coverage asked for, 0..1; `method` says how."""

    low: float
    high: float
    level: float
    method: str


def wilson(hits: int, n: int, level: float = LEVEL) -> Interval:
    """Wilson's score interval of a share, 0..1, after `hits` in `n` trials. Raises ValueError for n < 1."""
    if n < 1 or not 0 <= hits <= n:
        raise ValueError(f"{hits} hits in {n} trials")
    _check(level)
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
    _check(level)
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    deviation = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * deviation / math.sqrt(n)
    return Interval(mean - half, mean + half, level, "Student t")


def median_interval(values: Sequence[float], level: float = LEVEL) -> Interval | None:
    """An interval of the median: BCa bootstrap from 10 values on, order statistics below.

    None where even the lowest and the highest value do not reach `level`: at 95 %, with fewer than 6. The
    bootstrap's seed is fixed, so that the same values give the same interval.
    """
    _check(level)
    if len(values) >= BOOTSTRAP_FROM:
        found = _bca([values], _median, level)
        if found is not None:
            return found
    return _order_statistics(values, level)


def ratio_of_medians(
    above: Sequence[float], below: Sequence[float], level: float = LEVEL
) -> tuple[float, Interval | None]:
    """median(above) / median(below) of two independent samples of positive values, and its BCa interval.

    The interval is None with fewer than 10 values on a side, or where resampling shows no spread. Raises
    ValueError for an empty sample or a value that is not positive.
    """
    _check(level)
    if not above or not below or min(*above, *below) <= 0:
        raise ValueError("a ratio of medians needs positive values on both sides")
    ratio = float(np.median(above) / np.median(below))
    if min(len(above), len(below)) < BOOTSTRAP_FROM:
        return ratio, None
    return ratio, _bca([above, below], _median_ratio, level)


def _median(values: Any, axis: int = -1) -> Any:
    return np.median(values, axis=axis)


def _median_ratio(above: Any, below: Any, axis: int = -1) -> Any:
    return np.median(above, axis=axis) / np.median(below, axis=axis)


def _bca(samples: Sequence[Sequence[float]], of: Callable[..., Any], level: float) -> Interval | None:
    """The BCa interval of `of`, or None where the resampled estimates are too alike to make one."""
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


def _order_statistics(values: Sequence[float], level: float) -> Interval | None:
    """The narrowest pair of values, symmetric in rank, that covers the median at `level` at least (exact)."""
    n = len(values)
    # The k-th lowest and k-th highest values miss the median with 2 P(Binomial(n, 1/2) < k).
    k = max((k for k in range(1, n // 2 + 1) if 2 * stats.binom.cdf(k - 1, n, 0.5) <= 1 - level), default=0)
    if k == 0:
        return None
    ordered = sorted(values)
    return Interval(float(ordered[k - 1]), float(ordered[n - k]), level, "order statistics")


def _check(level: float) -> None:
    if not 0 < level < 1:
        raise ValueError(f"a confidence level of {level}; it lies between 0 and 1")

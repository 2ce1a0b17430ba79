"""Estimates from one sample with their 95 % intervals: shares, means, medians, the cost of a success.

An interval that the data cannot carry is None, never a guess: no median interval from five values, no mean
interval from one.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

LEVEL = 0.95
# Below this many values a resampled median takes so few different values that BCa means little.
BOOTSTRAP_FROM = 10
# Below this many values not even the lowest and the highest enclose the median at LEVEL.
MEDIAN_FROM = 6
_SEED = 94
_RESAMPLES = 9999


class Interval(NamedTuple):
    """An interval at LEVEL, in the unit of its data; `method` names how it was made."""

    low: float
    high: float
    method: str


def too_few(*counts: int, needed: int = MEDIAN_FROM) -> str | None:
    """Why samples of `counts` values are not enough, in words; None where each has the `needed` number."""
    if min(counts) >= needed:
        return None
    return f"n = {', '.join(map(str, counts))}; at least {needed} are needed"


def wilson(hits: int, n: int) -> Interval:
    """Wilson's score interval of a share, 0..1, after `hits` in `n` trials. Raises ValueError for impossible counts."""
    ends = stats.binomtest(hits, n).proportion_ci(LEVEL, method="wilson")
    return Interval(float(ends.low), float(ends.high), "Wilson")


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Student's t interval of the mean; None for fewer than two values."""
    if len(values) < 2:
        return None
    with quiet():
        ends = stats.ttest_1samp(values, 0).confidence_interval(LEVEL)
    return Interval(float(ends.low), float(ends.high), "Student t")


def median_interval(values: Sequence[float]) -> Interval | None:
    """An interval of the median: BCa bootstrap from 10 values on, order statistics below; None for fewer than 6.

    The bootstrap's seed is fixed, so that the same values give the same interval.
    """
    if len(values) >= BOOTSTRAP_FROM:
        interval = bca([values], _median)
        if interval is not None:
            return interval
    return order_statistics(values)


def order_statistics(values: Sequence[float]) -> Interval | None:
    """The narrowest pair of values, symmetric in rank, that covers the median at LEVEL at least; None below 6."""
    if len(values) < MEDIAN_FROM:
        return None
    ends: Any = stats.quantile_test(values, p=0.5).confidence_interval(LEVEL)  # Any: its stubs say float
    return Interval(float(ends.low), float(ends.high), "order statistics")


def to_first_success(spent: Sequence[float], hits: Sequence[bool]) -> tuple[float, Interval | None]:
    """What trying until one attempt hits is expected to take, and its interval, in the unit of `spent`.

    `spent` is what each attempt took, `hits` whether it hit: an attempt that missed was paid for as well. The
    estimate is the mean of `spent` / P(hit), infinite where nothing hit. Its interval resamples attempts (BCa),
    and reaches up at least to where Wilson's lower end of P(hit) puts it: resampling runs that all hit would
    know of no miss. It is None with fewer than 10 attempts or no hit.

    Raises ValueError where the two differ in length, or nothing was spent.
    """
    total = math.fsum(spent)
    if len(spent) != len(hits) or not total > 0 or min(spent) < 0:
        raise ValueError("each attempt needs what it took, 0 or more and not all 0, and whether it hit")
    n, hit = len(spent), sum(map(bool, hits))
    if hit == 0:
        return math.inf, None
    expected = total / hit
    ends = _resampled_cost(spent, hits) if n >= BOOTSTRAP_FROM else None
    if ends is None:
        return expected, None
    high = max(ends[1], total / n / wilson(hit, n).low)
    return expected, Interval(ends[0], high, "BCa bootstrap, Wilson")


def _resampled_cost(spent: Sequence[float], hits: Sequence[bool]) -> tuple[float, float] | None:
    """The BCa ends of total / hits, or None where resampling gives none."""
    if all(hits) and min(spent) == max(spent):
        return spent[0], spent[0]
    costs, hit = np.asarray(spent, dtype=float), np.asarray(hits, dtype=float)
    expected = math.fsum(spent) / sum(map(bool, hits))

    def hit_rate(attempts: Any, axis: int = -1) -> Any:
        drawn = attempts.astype(int)  # attempts are resampled whole: what it took with whether it hit
        # In units of the estimate and rounded: equal rates are equal in seconds and in dollars, so the two agree.
        return np.round(hit[drawn].sum(axis=axis) / costs[drawn].sum(axis=axis) * expected, 12)

    # Hits per unit and not units per hit: the first is finite also for a resample without a hit.
    interval = bca([range(len(spent))], hit_rate)
    if interval is None:
        return None
    return expected / interval.high, expected / interval.low if interval.low > 0 else math.inf


def bca(samples: Sequence[Sequence[float]], statistic: Callable[..., Any]) -> Interval | None:
    """The BCa bootstrap interval of `statistic(*samples, axis=-1)`, the samples resampled each on its own.

    None where the resampled estimates are too alike to make one. The seed is fixed: the same samples give
    the same interval.
    """
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    with quiet():
        ends = stats.bootstrap(
            arrays,
            statistic,
            vectorized=True,
            confidence_level=LEVEL,
            n_resamples=_RESAMPLES,
            batch=1000,  # keeps the memory small for long series
            method="BCa",
            rng=np.random.default_rng(_SEED),
        ).confidence_interval
    low, high = float(ends.low), float(ends.high)
    # nan fails the comparison; ties can also push BCa off the estimate itself, and then it says nothing.
    return Interval(low, high, "BCa bootstrap") if low <= float(statistic(*arrays)) <= high else None


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings about values that do not vary: what scipy makes of them is an interval without width, or nan."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        yield


def _median(values: Any, axis: int = -1) -> Any:
    return np.median(values, axis=axis)

"""What a success costs when some attempts miss: in seconds or in money. Pure functions of numbers.

An attempt that missed was paid for as well, so every attempt counts: failed and interrupted ones too.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

import numpy as np

from analysis.stats.intervals import BOOTSTRAP_FROM, LEVEL, Interval, bca, check_level, order_statistics, wilson


def to_first_success(
    spent: Sequence[float], hits: Sequence[bool], level: float = LEVEL
) -> tuple[float, Interval | None]:
    """What trying until one attempt hits is expected to take, and its interval, in the unit of `spent`.

    `spent` is what each attempt took, `hits` whether it hit. The estimate is the mean of `spent` / P(hit),
    infinite where nothing hit. Its interval resamples attempts (BCa), and reaches up at least to where
    Wilson's lower end of P(hit) puts it: resampling runs that all hit would know of no miss. It is None
    with fewer than 10 attempts or no hit.

    Raises ValueError where the two differ in length, or nothing was spent.
    """
    check_level(level)
    total = math.fsum(spent)
    if len(spent) != len(hits) or not total > 0 or min(spent) < 0:
        raise ValueError("each attempt needs what it took, 0 or more and not all 0, and whether it hit")
    n, hit = len(spent), sum(map(bool, hits))
    if hit == 0:
        return math.inf, None
    expected = total / hit
    if n < BOOTSTRAP_FROM:
        return expected, None
    ends = _resampled(spent, hits, level)
    if ends is None:
        return expected, None
    high = max(ends[1], total / n / wilson(hit, n, level).low)
    return expected, Interval(ends[0], high, level, "BCa bootstrap, Wilson")


def median_of_attempts(
    seconds: Sequence[float], hits: Sequence[bool], level: float = LEVEL
) -> tuple[float, Interval | None]:
    """The median time with a miss taken for infinite, and its order-statistics interval.

    Infinite where half of the attempts or more missed; so may be the interval's ends. Unlike a median of
    the hits alone it cannot be lowered by missing more often. Raises ValueError for no attempt.
    """
    if not seconds:
        raise ValueError("no attempts")
    times = [time if hit else math.inf for time, hit in zip(seconds, hits, strict=True)]
    return statistics.median(times), order_statistics(times, level)


def _resampled(spent: Sequence[float], hits: Sequence[bool], level: float) -> tuple[float, float] | None:
    """The BCa ends of total / hits, or None where resampling gives none."""
    if all(hits) and min(spent) == max(spent):
        return spent[0], spent[0]
    costs, hit = np.asarray(spent, dtype=float), np.asarray(hits, dtype=float)

    def hits_a_unit(attempts: Any, axis: int = -1) -> Any:
        chosen = attempts.astype(int)  # attempts are resampled whole: what it took with whether it hit
        return hit[chosen].sum(axis=axis) / costs[chosen].sum(axis=axis)

    # Hits per unit and not units per hit: the first is finite also for a resample without a hit.
    found = bca([range(len(spent))], hits_a_unit, level)
    if found is None:
        return None
    return 1 / found.high, 1 / found.low if found.low > 0 else math.inf

"""How two samples differ: shares, means, and runs that took turns. Pure functions of numbers.

A positive difference says that the first sample's share or mean is the higher one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats

from analysis.stats.intervals import LEVEL, Interval, check_level, median_interval, wilson


def difference_of_shares(hits: int, n: int, other_hits: int, other_n: int, level: float = LEVEL) -> Interval:
    """Newcombe's interval of hits / n - other_hits / other_n, each from -1 to 1 (his method 10).

    Unlike the textbook interval it keeps its coverage where a share is 0 or 1. Raises ValueError for
    impossible counts.
    """
    one, two = wilson(hits, n, level), wilson(other_hits, other_n, level)
    share, other = hits / n, other_hits / other_n
    low = share - other - math.hypot(share - one.low, two.high - other)
    high = share - other + math.hypot(one.high - share, other - two.low)
    return Interval(max(low, -1.0), min(high, 1.0), level, "Newcombe")


def difference_of_means(values: Sequence[float], others: Sequence[float], level: float = LEVEL) -> Interval | None:
    """Welch's interval of mean(values) - mean(others), independent samples of any variances.

    None with fewer than two values on a side.
    """
    check_level(level)
    if min(len(values), len(others)) < 2:
        return None
    middle = math.fsum(values) / len(values) - math.fsum(others) / len(others)
    one, two = (float(np.var(sample, ddof=1)) / len(sample) for sample in (values, others))
    if one + two == 0:
        return Interval(middle, middle, level, "Welch")
    # Welch and Satterthwaite's degrees of freedom, in shares of the variance: tiny variances square to 0.
    share = one / (one + two)
    freedom = 1 / (share**2 / (len(values) - 1) + (1 - share) ** 2 / (len(others) - 1))
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * math.sqrt(one + two)
    return Interval(middle - half, middle + half, level, "Welch")


def paired_ratio(above: Sequence[float], below: Sequence[float], level: float = LEVEL) -> tuple[float, Interval | None]:
    """The typical above[k] / below[k] of pairs of positive values, and its interval.

    Runs that took turns share the machine's slow and fast hours, which a ratio within a pair cancels. The
    estimate is the median of the logarithms of the ratios; its interval is that of `median_interval`, None
    with fewer than 6 pairs. Raises ValueError for no pair, an odd one out, or a value that is not positive.
    """
    if not above or len(above) != len(below) or min(*above, *below) <= 0:
        raise ValueError("a paired ratio needs pairs of positive values")
    logs = [math.log(high / low) for high, low in zip(above, below, strict=True)]
    ratio, found = math.exp(float(np.median(logs))), median_interval(logs, level)
    if found is None:
        return ratio, None
    # The ends enclose the middle still after exp has rounded each.
    low, high = min(math.exp(found.low), ratio), max(math.exp(found.high), ratio)
    return ratio, Interval(low, high, level, f"paired, {found.method}")

"""How many runs it takes to see something, and what a number of runs can show. Pure functions of numbers.

Meant for planning: the spread of one run's accuracy has to be known or guessed beforehand.
"""

from __future__ import annotations

import math

from scipy import optimize, stats

from analysis.stats.intervals import LEVEL, check_level

POWER = 0.8
# Of a noncentrality so small nothing is seen beyond chance, and at 0 scipy's formula breaks down.
_UNSEEN = 1e-9


def power_of(n: int, difference: float, sd: float, level: float = LEVEL) -> float:
    """The chance, 0..1, that `n` runs a side show a `difference` of means as significant.

    Exact for the two-sided two-sample t test of normal values with standard deviation `sd`, which has the
    unit of `difference`. Raises ValueError for fewer than two runs, or an `sd` that is not positive.
    """
    check_level(level)
    if n < 2 or not sd > 0:
        raise ValueError(f"n = {n}, sd = {sd}; it takes two runs a side and a positive sd")
    # The square of a noncentral t is a noncentral F, which scipy computes where its t gives up (n = 170, say).
    freedom, shift = 2 * n - 2, n / 2 * (difference / sd) ** 2
    if shift < _UNSEEN:
        return 1 - level
    edge = stats.f.isf(1 - level, 1, freedom)
    return float(stats.ncf.sf(edge, 1, freedom, shift))


def runs_for_difference(difference: float, sd: float, power: float = POWER, level: float = LEVEL) -> int:
    """The fewest runs a side that show a `difference` of means with the chance `power`.

    Raises ValueError for no difference, an `sd` that is not positive, or a power not between level and 1.
    """
    check_level(power)
    if not difference or not sd > 0:
        raise ValueError(f"difference = {difference}, sd = {sd}; neither may be 0, nor sd negative")
    low, high = 1, 2  # power_of(low) is too little, power_of(high) will do
    while power_of(high, difference, sd, level) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if power_of(middle, difference, sd, level) < power:
            low = middle
        else:
            high = middle
    return high


def visible_difference(n: int, sd: float, power: float = POWER, level: float = LEVEL) -> float:
    """The smallest difference of means that `n` runs a side show with the chance `power`, in the unit of `sd`.

    Raises ValueError for fewer than two runs, an `sd` that is not positive, or a power of 1 - level or less.
    """
    if not 1 - level < power < 1:
        raise ValueError(f"a power of {power}; at a level of {level} it lies between {1 - level:g} and 1")
    top = sd
    while power_of(n, top, sd, level) < power:
        top *= 2
    return float(optimize.brentq(lambda found: power_of(n, found, sd, level) - power, 0, top))


def runs_for_wilson_width(width: float, share: float = 0.5, level: float = LEVEL) -> int:
    """The fewest runs whose Wilson interval of P(hit) is no wider than `width`, where P(hit) is `share`.

    Both are shares, 0..1; 0.5 is the share that needs the most runs. In closed form, so for a share that
    falls between two counts of hits it is that of the smooth formula. Raises ValueError outside 0..1.
    """
    check_level(level)
    if not 0 < width <= 1 or not 0 <= share <= 1:
        raise ValueError(f"width = {width}, share = {share}; shares lie between 0 and 1, and a width is not 0")
    z2 = float(stats.norm.ppf((1 + level) / 2)) ** 2
    spread = share * (1 - share)
    # The width is z sqrt(4 spread n + z2) / (n + z2), which falls with n: a quadratic in n + z2.
    total = z2 * (2 * spread + math.sqrt(4 * spread**2 + width**2 * (1 - 4 * spread))) / width**2
    return max(1, math.ceil(total - z2))

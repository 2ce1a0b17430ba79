"""Intervals of a rate from a series in time, whose neighbours are alike: whole blocks of it are resampled."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from analysis.stats.intervals import LEVEL, Interval

_RESAMPLES = 2000
# Fewer blocks than this tell of no spread.
_FEWEST_BLOCKS = 4


def rate_interval(seconds: Sequence[float], steps: Sequence[float]) -> Interval | None:
    """The interval of sum(seconds) / sum(steps) by the circular block bootstrap; None for too few values.

    A block is as many neighbours as the square root of their number: a pause every so many steps is in it whole, or
    near to it. The seed is fixed: the same series gives the same interval. Raises ValueError where lengths differ.
    """
    if len(seconds) != len(steps):
        raise ValueError(f"{len(seconds)} stretches of time for {len(steps)} of steps")
    n = len(seconds)
    length = max(1, math.isqrt(n))
    blocks = math.ceil(n / length)
    if blocks < _FEWEST_BLOCKS:
        return None
    starts = np.random.default_rng(0).integers(0, n, size=(_RESAMPLES, blocks))
    drawn = (starts[:, :, None] + np.arange(length)) % n
    rates = np.asarray(seconds)[drawn].sum(axis=(1, 2)) / np.asarray(steps)[drawn].sum(axis=(1, 2))
    low, high = np.quantile(rates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), "block bootstrap")

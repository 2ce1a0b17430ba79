"""The BCa bootstrap: an interval of any statistic from resamples of the data (Efron and Tibshirani 1993, chapter 14).

It draws what `scipy.stats.bootstrap` draws and says what that says, as a test holds; importing scipy.stats alone would
take a report a third of its time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

Array = NDArray[np.float64]
# Arrays whose last axis runs over the values, of which one value each is made: statistic(*arrays, axis=-1).
Statistic = Callable[..., Any]

_SEED = 94
_RESAMPLES = 9999
_BATCH = 1000  # keeps the memory small for long series


def bca(samples: Sequence[Sequence[float] | Array], statistic: Statistic, level: float) -> tuple[float, float] | None:
    """The ends at `level` of an interval of `statistic`, the samples resampled each on its own.

    None where the resampled estimates are too alike to make one. The seed is fixed: the same samples give the same
    interval. Each sample needs two values.
    """
    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    with np.errstate(all="ignore"):  # of estimates that do not vary
        estimate = float(statistic(*arrays, axis=-1))
        drawn = _replicates(arrays, statistic)
        below = (np.count_nonzero(drawn < estimate) + np.count_nonzero(drawn <= estimate)) / (2 * len(drawn))
        bias, acceleration = special.ndtri(below), _acceleration(arrays, statistic)
        tail = special.ndtri((1 - level) / 2)
        shifted = bias + np.array([tail, -tail])
        shares = special.ndtr(bias + shifted / (1 - acceleration * shifted))
    if np.isnan(shares).any():
        return None
    low, high = map(float, np.quantile(drawn, shares))
    # Ties can push the ends off the estimate itself, and then they say nothing.
    return (low, high) if low <= estimate <= high else None


def _replicates(arrays: Sequence[Array], statistic: Statistic) -> Array:
    """The statistic of each resample."""
    chance, found = np.random.default_rng(_SEED), []
    for start in range(0, _RESAMPLES, _BATCH):
        resamples = min(_BATCH, _RESAMPLES - start)
        drawn = [values[chance.integers(0, len(values), (resamples, len(values)))] for values in arrays]
        found.append(statistic(*drawn, axis=-1))
    return np.concatenate(found)


def _acceleration(arrays: Sequence[Array], statistic: Statistic) -> float:
    """How fast the statistic's standard error changes with the statistic, from leaving out one value at a time."""
    cubes = squares = 0.0
    for position, values in enumerate(arrays):
        n = len(values)
        others = np.arange(n - 1)
        without = values[others + (others >= np.arange(n)[:, None])]
        found = statistic(*arrays[:position], without, *arrays[position + 1 :], axis=-1)
        influence = (n - 1) * (np.mean(found) - found)
        cubes += np.sum(influence**3) / n**3
        squares += np.sum(influence**2) / n**2
    return float(np.float64(cubes) / np.float64(squares) ** 1.5 / 6)

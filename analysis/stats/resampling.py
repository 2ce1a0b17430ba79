"""Resampling of values from several machines: resampling schemes, independent of the statistic.

A scheme draws weights, one for each value; a statistic is a pure function of values and weights. Any of the one goes
with any of the other. In every scheme each machine weighs as much as the next, however many runs it had. Of a ratio of
sums over all runs, each of which weighs the same, nothing need be drawn: units are left out, a run or a machine each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.stats.intervals import Interval, student_reach

Array = NDArray[np.float64]
# Values by machine: each of its members is one machine's, and none is empty.
Groups = Sequence[Sequence[float]]
# Groups, how many resamples, and where chance comes from, to weights (resamples x all values, in the groups' order).
Scheme = Callable[[Groups, int, np.random.Generator], Array]
# Values (n) and weights (... x n) to one number for each row of weights (...).
Statistic = Callable[[Array, Array], Array]

_RESAMPLES = 1000
_SEED = 94


def machines_then_runs(groups: Groups, resamples: int, chance: np.random.Generator) -> Array:
    """Weights for an interval about the type: machines are redrawn, then runs within each one that was drawn.

    A machine that was drawn so many times has as many draws of its runs, which together weigh that.
    """
    machines, sizes = len(groups), [len(group) for group in groups]
    drawn = chance.multinomial(machines, [1 / machines] * machines, size=resamples)
    weights = [chance.multinomial(drawn[:, each] * size, [1 / size] * size) / size for each, size in enumerate(sizes)]
    return np.concatenate(weights, axis=1)


def equal_machines(groups: Groups) -> Array:
    """The weights of the values as they are: each machine 1, shared equally by its runs."""
    return np.concatenate([np.full(len(group), 1 / len(group)) for group in groups])


def median(values: Array, weights: Array) -> Array:
    """The weighted median: half the weight lies on either side. Of equal weights it is the median of every textbook."""
    order = np.argsort(values, kind="stable")
    passed = np.cumsum(weights[..., order], axis=-1)
    half, hair = passed[..., -1:] / 2, 1e-9 * passed[..., -1:]  # sums of thirds miss one by a rounding
    low, high = (passed < half - hair).sum(axis=-1), (passed <= half + hair).sum(axis=-1)
    ordered = values[order]
    return np.asarray((ordered[low] + ordered[np.minimum(high, len(values) - 1)]) / 2)


def estimate(statistic: Statistic, groups: Groups) -> float:
    """The statistic of the values as they are, each machine of equal weight."""
    return float(statistic(_flat(groups), equal_machines(groups)))


def replicates(statistic: Statistic, groups: Groups, scheme: Scheme, seed: int = _SEED) -> Array:
    """The statistic of 1,000 resamples. The same groups, scheme and seed give the same ones."""
    return statistic(_flat(groups), scheme(groups, _RESAMPLES, np.random.default_rng(seed)))


def left_out(statistic: Callable[[Array], Array], sums: Array) -> Array:
    """The statistic of all sums but those of one unit, for each unit in turn: the jackknife's replicates.

    `sums` has a row for each unit, a run or all runs of a machine; the statistic makes one number of a row of totals.
    """
    return statistic(sums.sum(axis=0) - sums)


def jackknife_error(drawn: Array) -> float:
    """The standard error that the jackknife's replicates give."""
    return float(np.sqrt((len(drawn) - 1) * np.var(drawn)))


def expanded_percentile(drawn: Array, freedom: float) -> Interval:
    """The interval that replicates of a statistic give, whose machines were redrawn.

    The plain percentile interval takes the spread of few machines for known. Its tails are moved out to where Student's
    t of `freedom` degrees of freedom has them: one less than there are machines (after Hesterberg 2015, section 5.1;
    without the factor for the bootstrap's small variance there, which redrawing the runs makes up for).
    """
    tail = float(special.ndtr(-student_reach(freedom)))
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(low), float(high), "bootstrap of machines, then runs")


def _flat(groups: Groups) -> Array:
    return np.concatenate([np.asarray(group, dtype=float) for group in groups])

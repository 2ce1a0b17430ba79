"""What runs on several machines say about their type: medians and ratios, with intervals that hold for another machine.

From 3 to 8 machines a random-effects fit of what each showed; from 9 on a bootstrap of machines, then runs; of what is
compared within machines the fit at any number. Fewer than 3 say nothing of a type. benchmarks/calibration.py shows how
often these intervals hold the truth.

A resampling scheme draws weights, one for each value; a statistic is a pure function of values and weights. Any of the
one goes with any of the other. In every scheme each machine weighs as much as the next, however many runs it had.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from operator import add

import numpy as np
from numpy.typing import NDArray
from scipy import special

from analysis.stats.intervals import BOOTSTRAP_UNTIL, Interval, in_one_order, median_interval, student_reach, welch
from analysis.stats.random_effects import Fit, difference, fit

Array = NDArray[np.float64]
# Values by machine: each of its members is one machine's, and none is empty.
Groups = Sequence[Sequence[float]]
# Groups, how many resamples, and where chance comes from, to weights (resamples x all values, in the groups' order).
Scheme = Callable[[Groups, int, np.random.Generator], Array]
# Values (n) and weights (... x n) to one number for each row of weights (...).
Statistic = Callable[[Array, Array], Array]

# An interval from two machines is 17 times as wide as they differ: true, and of no use.
TYPE_FROM = 3
# From here on nothing need be assumed of how machines differ; below, resampling them holds the truth too seldom.
RESAMPLED_FROM = 9
_FITTED = "random effects of machines"
_RESAMPLES = 1000
_SEED = 94


def median_of_type(groups: Groups) -> tuple[float, Interval | None]:
    """The median of positive values on a machine of the type, from values by machine, and its interval.

    The estimate gives each machine the same weight. The interval is None below 3 machines. Raises ValueError for no
    machine, one without values, or a value that is not positive.
    """
    _check(groups)
    if len(groups) < TYPE_FROM:
        return estimate(median, groups), None
    if not _resampled(groups):
        return _from_logarithms(_fit(groups))
    drawn = replicates(median, groups, machines_then_runs)
    return _within(estimate(median, groups), expanded_percentile(drawn, len(groups) - 1))


def median_of(values: Sequence[float] | Array, groups: Groups) -> tuple[float | None, Interval | None]:
    """The median of `values` and its interval: about the type of machine where they are of 3 machines or more.

    `groups` are the values by machine; none where not each tells its own. None: there is no value.
    """
    if len(groups) >= TYPE_FROM and min(map(min, groups)) > 0:
        return median_of_type(groups)
    return float(np.median(values)) if len(values) else None, median_interval(values)


def ratio_of_types(above: Groups, below: Groups) -> tuple[float, Interval | None]:
    """median_of_type(above) / median_of_type(below), where no machine is in both, and its interval.

    Types that change places give one over it. The interval is None where either has fewer than 3 machines. Raises
    ValueError as `median_of_type`.
    """
    _check(above)
    _check(below)
    return in_one_order(_ratio_of_types, *([list(group) for group in groups] for groups in (above, below)))


def _ratio_of_types(above: Groups, below: Groups) -> tuple[float, Interval | None]:
    if not (_resampled(above) and _resampled(below)):
        if min(len(above), len(below)) < TYPE_FROM:
            return estimate(median, above) / estimate(median, below), None
        return _from_logarithms(difference(_fit(above), _fit(below)))
    drawn = [np.log(replicates(median, side, machines_then_runs, seed)) for seed, side in enumerate((above, below))]
    freedom = welch(float(drawn[0].var()), len(above) - 1, float(drawn[1].var()), len(below) - 1)
    interval = expanded_percentile(np.exp(drawn[0] - drawn[1]), freedom)
    return _within(estimate(median, above) / estimate(median, below), interval)


def paired_ratio_of_types(pairs: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[float, Interval | None]:
    """The typical above / below on machines of a type that ran both; `pairs` has the two, run by run, of each machine.

    What makes a machine fast or slow is in both, and leaves the ratio. Raises ValueError for sides of a machine that
    differ in length, and as `median_of_type`.
    """
    ratios = []
    for above, below in pairs:
        _check([above, below])
        ratios.append([high / low for high, low in zip(above, below, strict=True)])
    if len(ratios) < TYPE_FROM:
        return estimate(median, ratios), None
    # Fitted at any number: ratios vary by their runs more than by their machines, and redrawing both counts runs twice.
    value, interval = _from_logarithms(_fit(ratios))
    return value, interval._replace(method=f"paired, {interval.method}")


def ratio_on_machines(sides: Sequence[tuple[Sequence[float], Sequence[float]]]) -> tuple[float, Interval | None]:
    """Like `paired_ratio_of_types` where runs have no partners: a machine's median above over its median below."""
    for above, below in sides:
        _check([above, below])
    shown = [math.log(float(np.median(above)) / float(np.median(below))) for above, below in sides]
    if len(shown) < TYPE_FROM:
        return math.exp(math.fsum(shown) / len(shown)), None
    all_above, all_below = zip(*sides, strict=True)
    variances = map(add, _variances(all_above), _variances(all_below))
    ratio, interval = _from_logarithms(fit(shown, list(variances)))
    return ratio, interval._replace(method=f"within machines, {interval.method}")


def variance_of_median(runs: int) -> float:
    """The variance of the median of `runs` runs, of which each has the variance 1.

    It is pi / 2 times that of their mean for many runs, and the same for one.
    """
    return math.pi / 2 / (runs + math.pi / 2 - 1)


def _check(groups: Groups) -> None:
    if not groups or not all(len(group) for group in groups) or min(map(min, groups)) <= 0:
        raise ValueError("needs machines that all have positive values")


def _resampled(groups: Groups) -> bool:
    return len(groups) >= RESAMPLED_FROM and sum(map(len, groups)) <= BOOTSTRAP_UNTIL


def _fit(groups: Groups) -> Fit:
    """The fit of the machines' medians, on logarithms: machines differ in per cent."""
    shown = [math.log(estimate(median, [group])) for group in groups]
    return fit(shown, _variances(groups))


def _variances(groups: Groups) -> list[float]:
    """How far off the logarithm of each machine's median is for its few runs, squared; 0 where none has two runs.

    The spread of runs is what all machines have in common.
    """
    logs = [np.log(np.asarray(group, dtype=float)) for group in groups]
    freedom = sum(len(group) - 1 for group in logs)
    if freedom == 0:
        return [0.0] * len(logs)
    within = math.fsum(float(((group - group.mean()) ** 2).sum()) for group in logs) / freedom
    return [within * variance_of_median(len(group)) for group in logs]


def _from_logarithms(fitted: Fit) -> tuple[float, Interval]:
    """A fit of logarithms as the value and its interval."""
    low, high = (math.exp(fitted.centre + sign * fitted.reach) for sign in (-1, 1))
    return math.exp(fitted.centre), Interval(low, high, _FITTED)


def _within(value: float, interval: Interval) -> tuple[float, Interval]:
    """Ties of few values can push the ends of resampling off the estimate itself."""
    return value, interval._replace(low=min(interval.low, value), high=max(interval.high, value))


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

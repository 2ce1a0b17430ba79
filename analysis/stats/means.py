"""Means of final values and ratios of sums: P(hit), and the cost of repeating runs until one hits.

They hold for the machines that ran, or for their type. Every run weighs the same, so nothing need be drawn: units are
left out in turn, a single run, or about a type a machine with all of its runs. A machine that hits less often than the
next then widens the intervals of P(hit) and of the cost; one that merely looks alike by chance never makes P(hit) surer
than as many runs that have nothing to do with each other. Fewer than 3 machines say nothing of a type.
benchmarks/calibration_hits.py shows how often those two intervals hold the truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.stats.intervals import TAIL, Interval, score, student_reach, welch, wilson
from analysis.stats.machines import TYPE_FROM, Array, Groups

# The number of each run's machine, counted from 0.
Machines = NDArray[np.intp]
Hits = NDArray[np.bool_]

# From fewer attempts next to nothing is known of what a miss takes.
SUCCESS_FROM = 10
# The columns of sums: runs, those that hit and those that missed, and what the two took.
_RUNS, _HITS, _MISSES, _BY_HITS, _BY_MISSES = range(5)


class _Error(NamedTuple):
    """The variance of a mean, and the degrees of freedom with which it is known."""

    variance: float
    freedom: float

    def reach(self, tail: float = TAIL) -> float:
        return student_reach(self.freedom, tail) * math.sqrt(self.variance)


def exact_mean(values: Sequence[float] | Array) -> float:
    """The mean of one value or more; of values that are all the same that value, with no rounding of their sum."""
    first = float(values[0])
    return first + math.fsum((np.asarray(values) - first).tolist()) / len(values)


def mean_interval(values: Sequence[float] | Array, groups: Groups = (), tail: float = TAIL) -> Interval | None:
    """The interval of the mean: Student's t of the runs, or from 3 machines on of the machines where that is wider.

    `groups` are the values by machine; none where not each tells its own. Each end is missed with the chance `tail`.
    None for fewer than two values.
    """
    if len(values) < 2:
        return None
    of_type = len(groups) >= TYPE_FROM
    mean, reach = exact_mean(values), _error(values, groups if of_type else (), tail).reach(tail)
    return Interval(mean - reach, mean + reach, _method("Student t", of_type=of_type))


def difference_of_means(
    a: Sequence[float], b: Sequence[float], groups_a: Groups = (), groups_b: Groups = ()
) -> Interval | None:
    """Welch's interval of mean(a) - mean(b), independent samples of any variances.

    None below two values a side, and where neither side varies: nothing then says how far chance takes a mean. It is
    about types where both sides have 3 machines or more, by the values by machine in `groups_a` and `groups_b`.
    """
    if min(len(a), len(b)) < 2:
        return None
    of_type = min(len(groups_a), len(groups_b)) >= TYPE_FROM
    of_a, of_b = _error(a, groups_a if of_type else ()), _error(b, groups_b if of_type else ())
    if of_a.variance + of_b.variance == 0:
        return None
    freedom = welch(of_a.variance, of_a.freedom, of_b.variance, of_b.freedom)
    reach = _Error(of_a.variance + of_b.variance, freedom).reach()
    difference = exact_mean(a) - exact_mean(b)
    return Interval(difference - reach, difference + reach, _method("Welch", of_type=of_type))


def _error(values: Sequence[float] | Array, groups: Groups, tail: float = TAIL) -> _Error:
    """The error of the runs, or of the machines where that reaches further: machines alike by chance prove nothing."""
    # From the first value on, as sums of the same value many times are rounded, and would seem to vary.
    first = values[0]
    of_runs = _Error(float(np.var(np.asarray(values) - first, ddof=1)) / len(values), len(values) - 1)
    if not groups:
        return of_runs
    sums = np.array([[math.fsum(value - first for value in group), len(group)] for group in groups])
    of_machines = _Error(jackknife_error(left_out(_mean, sums)) ** 2, len(groups) - 1)
    return max(of_runs, of_machines, key=lambda error: error.reach(tail))


def _mean(sums: Array) -> Array:
    return np.asarray(sums[..., 0] / sums[..., 1])


def _method(name: str, *, of_type: bool) -> str:
    return f"{name}, jackknife of machines" if of_type else name


def left_out(statistic: Callable[[Array], Array], sums: Array) -> Array:
    """The statistic of all sums but those of one unit, for each unit in turn: the jackknife's replicates.

    `sums` has a row for each unit, a run or all runs of a machine; the statistic makes one number of a row of totals.
    """
    return statistic(sums.sum(axis=0) - sums)


def jackknife_error(drawn: Array) -> float:
    """The standard error that the jackknife's replicates give."""
    return float(np.sqrt((len(drawn) - 1) * np.var(drawn)))


def share(hits: Sequence[bool] | Hits, machines: Machines | None = None) -> Interval:
    """The interval of P(hit), 0..1: Wilson's, about the machines that ran, or from 3 `machines` on about their type.

    About a type it is Wilson's of as many runs as those machines are worth: their design effect is by the jackknife,
    taken with Student's t, and never below 1 (after Korn and Graubard 1998). Where all hit, or none, machines cannot be
    seen to differ, and it is taken for 1. Raises ValueError for no run.
    """
    n, hit = len(hits), int(np.count_nonzero(hits))
    alone = wilson(hit, n)
    if machines is None or not _of_type(machines):
        return alone
    sums = _sums(hits, [0.0] * n, machines)
    error, t = jackknife_error(left_out(_share, sums)), student_reach(len(sums) - 1)
    worth: float = n
    if 0 < hit < n:
        worth = hit / n * (1 - hit / n) / error**2 if error else math.inf
    low, high = score(hit / n, worth, t)
    return Interval(min(low, alone.low), max(high, alone.high), "Wilson, design effect of machines")


def to_first_success(
    spent: Sequence[float] | Array, hits: Sequence[bool] | Hits, machines: Machines | None = None
) -> tuple[float, Interval | None]:
    """What trying until one attempt hits is expected to take, and its interval, in the unit of `spent`.

    `spent` is what each attempt took, `hits` whether it hit: an attempt that missed was paid for as well. The
    estimate is the sum of `spent` / hits, infinite where nothing hit: what a hit takes, and before it so many misses
    as P(hit) says. The interval joins that of P(hit), with hits and misses taking what they did, and the error of what
    they took (MOVER); where no run missed, a miss is held to take what a hit does. It is about the type from 3
    `machines` on, and None with fewer than 10 attempts or no hit.

    Raises ValueError where the two differ in length, or nothing was spent.
    """
    total = math.fsum(spent)
    if len(spent) != len(hits) or not total > 0 or np.min(spent) < 0:
        raise ValueError("each run needs its cost, 0 or more and not all 0, and whether it hit")
    n, hit = len(spent), int(np.count_nonzero(hits))
    if hit == 0:
        return math.inf, None
    expected = total / hit
    if n < SUCCESS_FROM:
        return expected, None
    of_type = machines is not None and _of_type(machines)
    sums = _sums(hits, spent, machines if machines is not None and of_type else np.arange(n))
    own = jackknife_error(left_out(_takes_at(sums), sums)) * student_reach(len(sums) - 1)
    whole, of_share = sums.sum(axis=0), share(hits, machines)
    miss = whole[_BY_MISSES] / whole[_MISSES] if hit < n else expected
    low = math.hypot(miss * (n / hit - 1 / of_share.high), own)
    high = math.hypot(miss * (1 / of_share.low - n / hit), own)
    method = f"{of_share.method}, jackknife of {'machines' if of_type else 'runs'}"
    return expected, Interval(max(expected - low, 0.0), expected + high, method)


def _of_type(machines: Machines) -> bool:
    return len(machines) > 0 and int(machines.max()) + 1 >= TYPE_FROM


def _sums(hits: Sequence[bool] | Hits, spent: Sequence[float] | Array, units: Machines) -> Array:
    """A row for each unit: its attempts, and what they took."""
    hit, took = np.asarray(hits, dtype=float), np.asarray(spent, dtype=float)
    columns = [np.ones(len(hit)), hit, 1 - hit, took * hit, took * (1 - hit)]
    return np.stack([np.bincount(units, column) for column in columns], axis=1)


def _share(sums: Array) -> Array:
    return np.asarray(sums[..., _HITS] / sums[..., _RUNS])


def _takes_at(sums: Array) -> Callable[[Array], Array]:
    """What a success takes where P(hit) is that of `sums`: what hits and misses take alone can vary.

    Without the only unit that hit, or that missed, nothing is seen to vary.
    """
    whole = sums.sum(axis=0)
    odds = whole[_MISSES] / whole[_HITS]

    def takes(kept: Array) -> Array:
        def mean(took: int, runs: int) -> Array:
            known = whole[took] / whole[runs] if whole[runs] else 0.0
            there = kept[..., runs] > 0
            return np.where(there, kept[..., took] / np.where(there, kept[..., runs], 1), known)

        return np.asarray(mean(_BY_HITS, _HITS) + odds * mean(_BY_MISSES, _MISSES))

    return takes

"""Means of final values, and their difference: for the machines that ran, or for their type.

About a type, machines are left out in turn, each with all of its runs: the mean stays that of all runs. Fewer than 3
machines say nothing of a type.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from analysis.stats.intervals import TAIL, Interval, student_reach, welch
from analysis.stats.machines import TYPE_FROM
from analysis.stats.resampling import Array, Groups, jackknife_error, left_out


class _Error(NamedTuple):
    """The variance of a mean, and the degrees of freedom with which it is known."""

    variance: float
    freedom: float

    def reach(self, tail: float = TAIL) -> float:
        return student_reach(self.freedom, tail) * math.sqrt(self.variance)


def exact_mean(values: Sequence[float]) -> float:
    """The mean of one value or more; of values that are all the same that value, with no rounding of their sum."""
    first = values[0]
    return first + math.fsum((np.asarray(values) - first).tolist()) / len(values)


def mean_interval(values: Sequence[float], groups: Groups = (), tail: float = TAIL) -> Interval | None:
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


def _error(values: Sequence[float], groups: Groups, tail: float = TAIL) -> _Error:
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

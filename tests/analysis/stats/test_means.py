"""Means and their differences: of runs, and of a type of machine from runs on several machines of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from analysis.stats.intervals import Interval
from analysis.stats.means import difference_of_means, exact_mean, mean_interval

patient = settings(deadline=None)
accuracies = st.lists(st.floats(0.1, 1), min_size=2, max_size=30)
by_machine = st.lists(st.lists(st.floats(0.1, 1), min_size=1, max_size=5), min_size=3, max_size=8)


def known(interval: Interval | None) -> Interval:
    assert interval is not None
    return interval


def test_one_value_has_no_mean_interval() -> None:
    assert mean_interval([0.94]) is None
    assert mean_interval([]) is None


def test_the_difference_of_means_is_welchs() -> None:
    """The formula of Welch and Satterthwaite, for variances 1 and 11/3 of 3 and 4 values."""
    interval = known(difference_of_means([1.0, 2.0, 3.0], [10.0, 12.0, 14.0, 14.0]))
    error = np.sqrt(1 / 3 + (11 / 3) / 4)
    freedom = (1 / 3 + 11 / 12) ** 2 / ((1 / 3) ** 2 / 2 + (11 / 12) ** 2 / 3)
    half = stats.t.ppf(0.975, freedom) * error
    assert (interval.low, interval.high) == pytest.approx((-10.5 - half, -10.5 + half))


@given(accuracies, accuracies)
@patient
def test_the_difference_of_means_lies_within_its_interval(a: list[float], b: list[float]) -> None:
    interval = difference_of_means(a, b)
    if interval is None:
        assert (min(a), min(b)) == (max(a), max(b))
        return
    assert interval.low - 1e-12 <= np.mean(a) - np.mean(b) <= interval.high + 1e-12


@pytest.mark.parametrize(("n", "m"), [(6, 6), (6, 7), (12, 7)])
@pytest.mark.parametrize("value", [0.5, 0.9427, 0.95])
def test_where_nothing_varies_a_mean_is_that_value_and_a_difference_unknown(value: float, n: int, m: int) -> None:
    """Sums of 7 times 0.9427 are rounded, and would lie apart from those of 6."""
    assert exact_mean([value] * n) == value
    assert mean_interval([value] * n) == (value, value, "Student t")
    thirds = [[value] * n] * 3
    assert mean_interval([value] * 3 * n, thirds) == (value, value, "Student t, jackknife of machines")
    assert difference_of_means([value] * n, [value] * m) is None
    assert difference_of_means([value] * n, [0.25] * m) is None
    assert difference_of_means([value] * 3 * n, [value] * 3 * m, thirds, [[value] * m] * 3) is None


def test_one_side_that_varies_is_enough() -> None:
    interval = known(difference_of_means([0.5] * 6, [0.25, 0.26] * 3))
    assert interval.low < 0.245 < interval.high


def test_one_value_has_no_difference_of_means() -> None:
    assert difference_of_means([0.94], [0.93, 0.94]) is None


def test_of_a_type_each_machine_with_its_runs_is_one_value() -> None:
    """Three machines with two like runs each say as much as three runs: the t of 2 degrees of freedom."""
    groups = [[0.93, 0.93], [0.94, 0.94], [0.96, 0.96]]
    of_type = known(mean_interval([value for group in groups for value in group], groups))
    of_three = known(mean_interval([0.93, 0.94, 0.96]))
    assert of_type[:2] == pytest.approx(of_three[:2])
    assert (of_type.method, of_three.method) == ("Student t, jackknife of machines", "Student t")


@given(by_machine)
@patient
def test_machines_never_make_a_mean_surer_and_two_say_nothing_of_a_type(groups: list[list[float]]) -> None:
    values = [value for group in groups for value in group]
    alone, of_type = known(mean_interval(values)), known(mean_interval(values, groups))
    assert of_type.low <= alone.low
    assert alone.high <= of_type.high
    first = [value for group in groups[:2] for value in group]
    assert mean_interval(first, groups[:2]) == mean_interval(first)


def test_a_difference_is_about_types_where_both_sides_have_three_machines() -> None:
    a, b = [[0.93, 0.93], [0.94, 0.94], [0.96, 0.96]], [[0.95, 0.95], [0.96, 0.96], [0.98, 0.98]]
    flat_a, flat_b = ([value for group in groups for value in group] for groups in (a, b))
    of_types = known(difference_of_means(flat_a, flat_b, a, b))
    assert of_types[:2] == pytest.approx(known(difference_of_means([0.93, 0.94, 0.96], [0.95, 0.96, 0.98]))[:2])
    assert of_types.method == "Welch, jackknife of machines"
    assert difference_of_means(flat_a, flat_b, a, b[:2]) == difference_of_means(flat_a, flat_b)


@pytest.mark.parametrize("machines", [4, 8, 16])
def test_the_mean_of_a_type_is_held_as_often_as_said(machines: int) -> None:
    """With a fifth of the variance between machines; as if there were none of them it would be some 80 to 85 %."""
    chance = np.random.default_rng(machines)
    held = 0
    for _ in range(1000):
        values = chance.normal(0, 0.5, (machines, 1)) + chance.normal(0, 1, (machines, 8))
        interval = known(mean_interval(values.ravel().tolist(), values.tolist()))
        held += interval.low <= 0 <= interval.high
    assert 0.935 <= held / 1000 <= 0.985

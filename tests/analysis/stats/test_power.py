"""How many runs it takes: against simulation, the normal approximation, and the intervals themselves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.intervals import wilson
from analysis.stats.power import power_of, runs_for_difference, runs_for_wilson_width, visible_difference


@pytest.mark.parametrize(("difference", "runs"), [(0.05, 108), (0.1, 28)])
def test_runs_to_see_a_difference_in_accuracy(difference, runs):
    """In points, one run's accuracy having a standard deviation of 0.13 points."""
    assert runs_for_difference(difference, 0.13) == runs
    assert power_of(runs - 1, difference, 0.13) < 0.8 <= power_of(runs, difference, 0.13)


@given(st.floats(0.02, 1), st.sampled_from([0.5, 0.8, 0.9]))
@settings(deadline=None)
def test_the_normal_approximation_is_one_or_two_runs_off(difference, power):
    z = stats.norm.ppf(0.975) + stats.norm.ppf(power)
    approximate = math.ceil(2 * (z / difference) ** 2)
    assert approximate - 1 <= runs_for_difference(difference, 1.0, power) <= approximate + 2


def test_power_is_what_a_simulation_finds():
    draws = np.random.default_rng(3)
    one, two = draws.normal(0, 1, (20_000, 10)), draws.normal(1, 1, (20_000, 10))
    found = np.mean(stats.ttest_ind(one, two, axis=1).pvalue < 0.05)
    assert power_of(10, 1.0, 1.0) == pytest.approx(found, abs=0.01)


def test_no_difference_is_seen_as_often_as_the_level_allows():
    assert power_of(10, 0.0, 1.0) == pytest.approx(0.05)


@given(st.integers(2, 300), st.floats(0.01, 10))
@settings(deadline=None, max_examples=30)
def test_the_visible_difference_is_seen_with_that_power(n, sd):
    assert power_of(n, visible_difference(n, sd), sd) == pytest.approx(0.8)


@given(st.floats(0.02, 0.9), st.floats(0, 1))
@settings(deadline=None)
def test_the_wilson_interval_of_so_many_runs_is_no_wider(width, share):
    def wide(n):
        z2 = stats.norm.ppf(0.975) ** 2
        return math.sqrt(z2 * (4 * share * (1 - share) * n + z2)) / (n + z2)

    n = runs_for_wilson_width(width, share)
    assert wide(n) <= width + 1e-9
    assert n == 1 or wide(n - 1) > width - 1e-9


def test_ninety_three_runs_tell_p_hit_to_within_ten_points_each_way():
    assert runs_for_wilson_width(0.2) == 93
    found = wilson(46, 92)
    assert found.high - found.low > 0.2
    found = wilson(47, 94)
    assert found.high - found.low < 0.2


@pytest.mark.parametrize(
    "call",
    [
        lambda: power_of(1, 0.1, 0.1),
        lambda: power_of(10, 0.1, 0),
        lambda: runs_for_difference(0, 0.1),
        lambda: runs_for_difference(0.1, 0.1, power=1),
        lambda: visible_difference(10, 0.1, power=0.05),
        lambda: runs_for_wilson_width(0),
        lambda: runs_for_wilson_width(0.1, 2),
    ],
)
def test_what_cannot_be_is_refused(call):
    with pytest.raises(ValueError):  # noqa: PT011 -- each with words of its own
        call()

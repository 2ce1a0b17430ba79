"""Intervals against closed forms, scipy and what must hold for any data."""

from __future__ import annotations

import statistics as plain
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.intervals import (
    BOOTSTRAP_FROM,
    MEDIAN_FROM,
    Interval,
    mean_interval,
    mean_lower_bound,
    median_interval,
    ratio_of_estimates,
    ratio_of_medians,
    too_few,
    wilson,
)

# The machine may be at work on something else.
patient = settings(deadline=None)
seconds = st.floats(0.01, 1e5)
counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.sampled_from([0.5, 0.9, 0.95, 0.99]))
@patient
def test_wilson_is_scipys(hits_of_n, level):
    hits, n = hits_of_n
    expected = stats.binomtest(hits, n).proportion_ci(level, method="wilson")
    found = wilson(hits, n, level)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-12)


@given(counts)
@patient
def test_wilson_lies_in_the_unit_interval_around_the_share(hits_of_n):
    hits, n = hits_of_n
    found = wilson(hits, n)
    assert 0 <= found.low <= hits / n <= found.high <= 1


@given(counts)
@patient
def test_wilson_of_misses_is_the_mirror_of_wilson_of_hits(hits_of_n):
    hits, n = hits_of_n
    hit, miss = wilson(hits, n), wilson(n - hits, n)
    assert hit.low == pytest.approx(1 - miss.high, abs=1e-12)


def test_wilson_at_the_ends_is_exact():
    assert wilson(0, 20).low == 0
    assert wilson(20, 20).high == 1


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(hits, n):
    with pytest.raises(ValueError, match=f"{hits} hits in {n} trials"):
        wilson(hits, n)


@pytest.mark.parametrize("level", [0, 1, 95])
def test_a_level_is_a_share(level):
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([1, 2, 3], level)


@given(st.lists(seconds, min_size=2, max_size=30))
@patient
def test_mean_interval_is_scipys(values):
    found = mean_interval(values)
    expected = (values[0], values[0])
    if stats.sem(values) > 0:
        expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (found.low, found.high) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_one_value_has_no_mean_interval():
    assert mean_interval([0.94]) is None
    assert mean_interval([]) is None


@given(st.lists(seconds, max_size=25))
@settings(patient, max_examples=40)
def test_median_interval_holds_the_median_and_stays_in_the_data(values):
    found = median_interval(values)
    assert (found is None) == (len(values) < MEDIAN_FROM)
    if found is not None:
        assert min(values) <= found.low <= plain.median(values) <= found.high <= max(values)


@pytest.mark.parametrize("n", range(MEDIAN_FROM, BOOTSTRAP_FROM))
def test_small_samples_have_the_exact_order_statistic_interval(n):
    found = median_interval(range(n))
    assert found.method == "order statistics"
    rank = int(found.low)
    assert found.high == n - 1 - rank
    # It covers at the level, and one rank further in it would not.
    assert 1 - 2 * stats.binom.cdf(rank, n, 0.5) >= 0.95
    assert 1 - 2 * stats.binom.cdf(rank + 1, n, 0.5) < 0.95


def test_from_ten_values_on_the_median_is_bootstrapped_the_same_way_every_time():
    values = [60 + (7 * k) % 12 for k in range(12)]
    first, second = median_interval(values), median_interval(values)
    assert first.method == "BCa bootstrap"
    assert first == second


@pytest.mark.parametrize("n", [MEDIAN_FROM, BOOTSTRAP_FROM, 50])
def test_constant_data_have_an_interval_without_width_and_no_warning(n):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = median_interval([2.59] * n)
    assert (found.low, found.high, found.method) == (2.59, 2.59, "order statistics")


def test_a_median_interval_covers_about_as_often_as_it_says():
    draws = np.random.default_rng(1)
    found = [median_interval(draws.lognormal(size=12).tolist()) for _ in range(100)]
    assert sum(interval.low <= 1 <= interval.high for interval in found) >= 85


def test_a_ratio_of_medians():
    slow, fast = [20.0 + k for k in range(11)], [10.0 + k / 2 for k in range(11)]
    ratio, interval = ratio_of_medians(slow, fast)
    assert ratio == 2
    assert interval.low < 2 < interval.high


def test_a_ratio_of_fewer_than_ten_values_has_an_interval_from_order_statistics():
    ratio, interval = ratio_of_medians([20.0, 21, 22, 23, 24, 25], [10.0, 10.5, 11, 11.5, 12, 12.5])
    assert ratio == 2
    assert interval.method == "order statistics"
    assert interval.low < 2 < interval.high


def test_a_ratio_of_fewer_than_six_values_has_no_interval():
    assert ratio_of_medians([2.0] * 5, [1.0] * 30) == (2, None)


def test_a_ratio_of_values_that_do_not_vary_has_no_width():
    _, interval = ratio_of_medians([2.0] * 10, [1.0] * 10)
    assert (interval.low, interval.high) == (2, 2)


@given(st.lists(seconds, min_size=6, max_size=9), st.lists(seconds, min_size=6, max_size=9))
@patient
def test_the_ratio_turned_round_has_the_interval_turned_round(one, two):
    _, there = ratio_of_medians(one, two)
    _, back = ratio_of_medians(two, one)
    assert (there.low, there.high) == pytest.approx((1 / back.high, 1 / back.low))


def test_a_ratio_of_estimates_squares_and_adds_distances_on_logarithms():
    one, two = Interval(2.0, 18.0, 0.95, "x"), Interval(1.0, 4.0, 0.95, "x")
    found = ratio_of_estimates(6.0, one, 2.0, two)
    width = np.hypot(np.log(3), np.log(2))
    assert (found.low, found.high) == pytest.approx((3 * np.exp(-width), 3 * np.exp(width)))


def test_a_ratio_of_estimates_can_end_at_nothing_or_at_infinity():
    wide, narrow = Interval(0.0, np.inf, 0.95, "x"), Interval(1.0, 1.0, 0.95, "x")
    found = ratio_of_estimates(1.0, wide, 1.0, narrow)
    assert (found.low, found.high) == (0, np.inf)


@given(st.lists(seconds, min_size=2, max_size=30), st.sampled_from([0.9, 0.95]))
@patient
def test_the_lower_bound_of_a_mean_is_scipys_one_sided_test(values, level):
    bound = mean_lower_bound(values, level)
    if stats.sem(values) > 1e-9 * max(values):
        expected = stats.ttest_1samp(values, 0, alternative="greater").confidence_interval(level).low
        assert bound == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert bound <= np.mean(values) + 1e-9 * max(values)


def test_one_value_bounds_no_mean():
    assert mean_lower_bound([0.94]) is None


def test_too_few_says_how_many_there_are_and_how_many_are_needed():
    assert too_few(20, 3) == "n = 20, 3; at least 6 are needed"
    assert too_few(20, 6) is None


@pytest.mark.parametrize(("above", "below"), [([], [1.0]), ([1.0], []), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_a_ratio_needs_positive_values(above, below):
    with pytest.raises(ValueError, match="positive"):
        ratio_of_medians(above, below)

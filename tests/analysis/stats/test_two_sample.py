"""Differences of two samples against published values, scipy, and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from analysis.stats.intervals import median_interval
from analysis.stats.two_sample import difference_of_means, difference_of_shares, paired_ratio

patient = settings(deadline=None)
accuracies = st.lists(st.floats(0.1, 1), min_size=2, max_size=30)
counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    # Newcombe (1998), table II, method 10.
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((0, 10, 0, 20), -0.1611, 0.2775),
        ((10, 10, 0, 10), 0.6075, 1.0),
    ],
)
def test_the_difference_of_shares_is_newcombes_own(counts, low, high):
    found = difference_of_shares(*counts)
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@given(counts, counts)
@patient
def test_the_difference_of_shares_lies_within_its_interval_and_turns_round(one, two):
    found, turned = difference_of_shares(*one, *two), difference_of_shares(*two, *one)
    assert -1 <= found.low <= one[0] / one[1] - two[0] / two[1] <= found.high <= 1
    assert (found.low, found.high) == pytest.approx((-turned.high, -turned.low))


@given(accuracies, accuracies)
@patient
def test_the_difference_of_means_is_scipys_welch(one, two):
    found = difference_of_means(one, two)
    if min(np.std(one), np.std(two)) > 1e-6:
        expected = stats.ttest_ind(one, two, equal_var=False).confidence_interval(0.95)
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high), rel=1e-6, abs=1e-9)
    middle = np.mean(one) - np.mean(two)
    assert found.low - 1e-12 <= middle <= found.high + 1e-12


def test_means_that_do_not_vary_differ_for_sure():
    found = difference_of_means([0.5] * 6, [0.25] * 6)
    assert (found.low, found.high) == (0.25, 0.25)


def test_one_value_has_no_difference_of_means():
    assert difference_of_means([0.94], [0.93, 0.94]) is None


@given(st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)), min_size=1, max_size=9))
@patient
def test_a_paired_ratio_is_the_median_of_the_pairs(pairs):
    above, below = zip(*pairs, strict=True)
    ratio, found = paired_ratio(above, below)
    logs = np.log(np.asarray(above)) - np.log(np.asarray(below))
    assert ratio == pytest.approx(np.exp(np.median(logs)))
    assert (found is None) == (len(pairs) < 6)
    if found:
        expected = median_interval(logs.tolist())
        assert found.low <= ratio <= found.high
        assert (found.low, found.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))


def test_pairs_cancel_a_drift_that_hides_the_difference():
    drift = [100.0 + 10 * k for k in range(12)]
    slower = [1.02 * seconds + k % 3 / 10 for k, seconds in enumerate(drift)]
    ratio, found = paired_ratio(slower, drift)
    assert found.method == "paired, BCa bootstrap"
    assert 1 < found.low < ratio < 1.03


@pytest.mark.parametrize(("above", "below"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0])])
def test_a_paired_ratio_needs_pairs_of_positive_values(above, below):
    with pytest.raises(ValueError, match="pairs of positive values"):
        paired_ratio(above, below)

"""Two samples: published values, simulation, and what must hold for any data."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from analysis.stats.intervals import (
    Interval,
    difference_of_shares,
    median_interval,
    paired_ratio,
    power_of,
    ratio_of_estimates,
    ratio_of_medians,
    visible_difference,
    wilson,
)

patient = settings(deadline=None)
seconds = st.floats(0.01, 1e5)
accuracies = st.lists(st.floats(0.1, 1), min_size=2, max_size=30)
counts = st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def known(interval: Interval | None) -> Interval:
    assert interval is not None
    return interval


def newcombe(hits_a: int, n_a: int, hits_b: int, n_b: int) -> Interval:
    return difference_of_shares(hits_a / n_a, wilson(hits_a, n_a), hits_b / n_b, wilson(hits_b, n_b))


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
def test_the_difference_of_shares_is_newcombes_own(counts: tuple[int, int, int, int], low: float, high: float) -> None:
    interval = newcombe(*counts)
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@given(counts, counts)
@patient
def test_the_difference_of_shares_lies_within_its_interval_and_turns_round(
    a: tuple[int, int], b: tuple[int, int]
) -> None:
    interval, turned = newcombe(*a, *b), newcombe(*b, *a)
    assert -1 <= interval.low <= a[0] / a[1] - b[0] / b[1] <= interval.high <= 1
    assert (interval.low, interval.high) == pytest.approx((-turned.high, -turned.low))


@given(st.integers(2, 300), st.floats(0.01, 10))
@settings(patient, max_examples=30)
def test_the_visible_difference_is_seen_with_that_power(n: int, sd: float) -> None:
    assert power_of(n, visible_difference(n, sd), sd) == pytest.approx(0.8)


def test_power_is_what_a_simulation_finds() -> None:
    draws = np.random.default_rng(3)
    a, b = draws.normal(0, 1, (20_000, 10)), draws.normal(1, 1, (20_000, 10))
    seen = np.mean(stats.ttest_ind(a, b, axis=1).pvalue < 0.05)
    assert power_of(10, 1.0, 1.0) == pytest.approx(seen, abs=0.01)


def test_no_difference_is_seen_as_often_as_the_level_allows() -> None:
    assert power_of(10, 0.0, 1.0) == pytest.approx(0.05)


@pytest.mark.parametrize(("n", "sd"), [(1, 0.1), (10, 0.0)])
def test_one_run_or_no_spread_shows_nothing(n: int, sd: float) -> None:
    with pytest.raises(ValueError, match=f"n = {n}, sd = {sd}"):
        visible_difference(n, sd)


def test_a_ratio_of_medians() -> None:
    slow, fast = [20.0 + k for k in range(11)], [10.0 + k / 2 for k in range(11)]
    ratio, interval = ratio_of_medians(slow, fast)
    assert ratio == 2
    assert known(interval).low < 2 < known(interval).high


def test_a_ratio_of_fewer_than_ten_values_has_an_interval_from_order_statistics() -> None:
    ratio, interval = ratio_of_medians([20.0, 21, 22, 23, 24, 25], [10.0, 10.5, 11, 11.5, 12, 12.5])
    assert (ratio, known(interval).method) == (2, "order statistics")
    assert known(interval).low < 2 < known(interval).high


def test_a_ratio_of_fewer_than_six_values_has_no_interval() -> None:
    assert ratio_of_medians([2.0] * 5, [1.0] * 30) == (2, None)


def test_a_ratio_of_values_that_do_not_vary_has_no_width() -> None:
    interval = known(ratio_of_medians([2.0] * 10, [1.0] * 10)[1])
    assert (interval.low, interval.high) == (2, 2)


@pytest.mark.parametrize(("above", "below"), [([], [1.0]), ([1.0], []), ([1.0], [0.0]), ([-1.0], [1.0])])
def test_a_ratio_needs_positive_values(above: list[float], below: list[float]) -> None:
    with pytest.raises(ValueError, match="positive"):
        ratio_of_medians(above, below)


@given(st.lists(seconds, min_size=6, max_size=12), st.lists(seconds, min_size=6, max_size=12))
@patient
def test_the_ratio_turned_round_has_the_interval_turned_round(a: list[float], b: list[float]) -> None:
    a, b = sorted([a, b])
    (ratio, interval), (over, turned) = ratio_of_medians(a, b), ratio_of_medians(b, a)
    if a != b:
        assert (over, turned) == (1 / ratio, known(interval).inverse)


def test_one_over_an_interval_may_have_no_end() -> None:
    assert Interval(0.0, 2.0, "x").inverse == (0.5, np.inf, "x")


def test_a_ratio_of_estimates_squares_and_adds_distances_on_logarithms() -> None:
    interval = ratio_of_estimates(6.0, Interval(2.0, 18.0, "x"), 2.0, Interval(1.0, 4.0, "x"))
    width = np.hypot(np.log(3), np.log(2))
    assert (interval.low, interval.high) == pytest.approx((3 * np.exp(-width), 3 * np.exp(width)))


def test_a_ratio_of_estimates_can_end_at_nothing_or_at_infinity() -> None:
    wide, narrow = Interval(0.0, np.inf, "x"), Interval(1.0, 1.0, "x")
    assert ratio_of_estimates(1.0, wide, 1.0, narrow) == (0, np.inf, "x")


@given(st.lists(st.tuples(st.floats(0.1, 1e4), st.floats(0.1, 1e4)), min_size=1, max_size=9))
@patient
def test_a_paired_ratio_is_the_median_of_the_pairs(pairs: list[tuple[float, float]]) -> None:
    above, below = zip(*pairs, strict=True)
    ratio, interval = paired_ratio(above, below)
    logs = np.log(np.asarray(above)) - np.log(np.asarray(below))
    assert ratio == pytest.approx(np.exp(np.median(logs)))
    assert (interval is None) == (len(pairs) < 6)
    if interval:
        expected = known(median_interval(logs.tolist()))
        assert interval.low <= ratio <= interval.high
        assert (interval.low, interval.high) == pytest.approx((np.exp(expected.low), np.exp(expected.high)))


def test_pairs_cancel_a_drift_that_hides_the_difference() -> None:
    drift = [100.0 + 10 * k for k in range(12)]
    slower = [1.02 * seconds + k % 3 / 10 for k, seconds in enumerate(drift)]
    ratio, interval = paired_ratio(slower, drift)
    assert known(interval).method == "paired, BCa bootstrap"
    assert 1 < known(interval).low < ratio < 1.03


@pytest.mark.parametrize(("above", "below"), [([], []), ([1.0], [1.0, 2.0]), ([0.0], [1.0])])
def test_a_paired_ratio_needs_pairs_of_positive_values(above: list[float], below: list[float]) -> None:
    with pytest.raises(ValueError, match="pairs"):
        paired_ratio(above, below)

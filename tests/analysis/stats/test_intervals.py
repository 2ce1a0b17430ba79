"""Intervals of one sample: closed forms, and what must hold for any data."""

from __future__ import annotations

import math
import statistics as plain
import time
import warnings

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from analysis.stats import intervals
from analysis.stats.intervals import (
    BOOTSTRAP_FROM,
    BOOTSTRAP_UNTIL,
    MEDIAN_FROM,
    Interval,
    median_interval,
    order_statistics,
    too_few,
    wilson,
)

# The machine may be at work on something else.
patient = settings(deadline=None)
seconds = st.floats(0.01, 1e5)
counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def known(interval: Interval | None) -> Interval:
    assert interval is not None
    return interval


@given(counts)
@patient
def test_wilson_is_the_closed_form(hits_of_n: tuple[int, int]) -> None:
    hits, n = hits_of_n
    share, z = hits / n, 1.959963984540054
    centre, shrink = share + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    interval = wilson(hits, n)
    assert (interval.low, interval.high) == pytest.approx(((centre - half) / shrink, (centre + half) / shrink))
    assert 0 <= interval.low <= share <= interval.high <= 1


def test_wilson_at_the_ends_is_exact() -> None:
    assert wilson(0, 20).low == 0
    assert wilson(20, 20).high == 1


@pytest.mark.parametrize(("hits", "n"), [(0, 0), (-1, 3), (4, 3)])
def test_wilson_refuses_impossible_counts(hits: int, n: int) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        wilson(hits, n)


@given(st.lists(seconds, max_size=25))
@settings(patient, max_examples=40)
def test_median_interval_holds_the_median_and_stays_in_the_data(values: list[float]) -> None:
    interval = median_interval(values)
    assert (interval is None) == (len(values) < MEDIAN_FROM)
    if interval is not None:
        assert min(values) <= interval.low <= plain.median(values) <= interval.high <= max(values)


@pytest.mark.parametrize("n", [*range(MEDIAN_FROM, BOOTSTRAP_FROM), 20, 21, 100, 1000])
def test_order_statistics_cover_at_the_level_and_no_more_than_needed(n: int) -> None:
    interval = known(order_statistics(list(range(n))))
    rank = int(interval.low)
    assert interval.high == n - 1 - rank
    assert 1 - 2 * stats.binom.cdf(rank, n, 0.5) >= 0.95
    assert 1 - 2 * stats.binom.cdf(rank + 1, n, 0.5) < 0.95


@pytest.mark.parametrize(("n", "method"), [(9, "order statistics"), (10, "BCa bootstrap")])
def test_from_ten_values_on_the_median_is_bootstrapped_the_same_way_every_time(n: int, method: str) -> None:
    values = [60.0 + (7 * k) % 12 for k in range(n)]
    assert known(median_interval(values)).method == method
    assert median_interval(values) == median_interval(values)


@pytest.mark.parametrize("n", [MEDIAN_FROM, BOOTSTRAP_FROM, 50])
def test_constant_data_have_intervals_without_width_and_no_warning(n: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert median_interval([2.59] * n) == (2.59, 2.59, "order statistics")


def test_a_median_interval_covers_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1)
    intervals = [known(median_interval(draws.lognormal(size=12).tolist())) for _ in range(100)]
    assert sum(interval.low <= 1 <= interval.high for interval in intervals) >= 85


def test_too_few_says_how_many_there_are_and_how_many_are_needed() -> None:
    assert too_few(20, 3) == "n = 20, 3; at least 6 are needed"
    assert too_few(20, 6) is None


def test_where_order_statistics_take_over_from_resampling_they_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    times = np.random.default_rng(1).lognormal(3, 0.3, BOOTSTRAP_UNTIL).tolist()
    resampled = known(median_interval(times))
    monkeypatch.setattr(intervals, "BOOTSTRAP_UNTIL", BOOTSTRAP_UNTIL - 1)
    by_formula = known(median_interval(times))
    assert (resampled.method, by_formula.method) == ("BCa bootstrap", "order statistics")
    assert resampled[:2] == pytest.approx(by_formula[:2], abs=0.1 * (resampled.high - resampled.low))


def test_the_interval_of_a_million_runs_takes_no_longer_than_reading_them() -> None:
    times = np.random.default_rng(1).lognormal(3, 0.3, 1_000_000)
    start = time.process_time()
    median = known(median_interval(times.tolist()))
    assert time.process_time() - start < 20  # resampling would take hours, and more memory than there is
    assert median.low < math.exp(3) < median.high

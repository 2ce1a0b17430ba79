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
    mean_interval,
    median_interval,
    order_statistics,
    to_first_success,
    too_few,
    wilson,
)

# The machine may be at work on something else.
patient = settings(deadline=None)
seconds = st.floats(0.01, 1e5)
counts = st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
attempts = st.lists(st.tuples(st.floats(0.1, 1e4), st.booleans()), min_size=1, max_size=9)


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
    with pytest.raises(ValueError, match=r"^[nk]\b"):
        wilson(hits, n)


@given(st.lists(seconds, min_size=2, max_size=30))
@patient
def test_the_mean_interval_is_students(values: list[float]) -> None:
    interval = known(mean_interval(values))
    half = stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    expected = np.mean(values) - half, np.mean(values) + half
    assert (interval.low, interval.high) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_one_value_has_no_mean_interval() -> None:
    assert mean_interval([0.94]) is None
    assert mean_interval([]) is None


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
        assert mean_interval([2.5] * n) == (2.5, 2.5, "Student t")


def test_a_median_interval_covers_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(1)
    intervals = [known(median_interval(draws.lognormal(size=12).tolist())) for _ in range(100)]
    assert sum(interval.low <= 1 <= interval.high for interval in intervals) >= 85


def test_too_few_says_how_many_there_are_and_how_many_are_needed() -> None:
    assert too_few(20, 3) == "n = 20, 3; at least 6 are needed"
    assert too_few(20, 6) is None


@given(attempts)
@patient
def test_the_expected_cost_is_that_of_all_attempts_by_the_hits(tried: list[tuple[float, bool]]) -> None:
    spent, hits = zip(*tried, strict=True)
    expected, interval = to_first_success(spent, hits)
    assert interval is None  # fewer than ten
    assert expected == (pytest.approx(sum(spent) / sum(hits)) if any(hits) else math.inf)


def test_a_miss_costs_as_much_as_a_hit() -> None:
    all_hit, _ = to_first_success([60.0] * 10, [True] * 10)
    half_hit, interval = to_first_success([60.0] * 10, [True, False] * 5)
    assert (all_hit, half_hit) == (60, 120)
    assert 60 < known(interval).low < 120 < known(interval).high


def test_runs_that_all_hit_still_leave_room_for_misses() -> None:
    expected, interval = to_first_success([60.0] * 20, [True] * 20)
    assert expected == known(interval).low == 60
    assert known(interval).high == pytest.approx(60 / wilson(20, 20).low)


def test_attempts_are_resampled_whole() -> None:
    """Misses that cost nothing change P(hit) and the mean cost together: a success costs the same."""
    hits = [True, False] * 10
    _, interval = to_first_success([60.0 + k % 3 if hit else 0.0 for k, hit in enumerate(hits)], hits)
    assert 60 <= known(interval).low <= 61  # resampled apart, half of the hits could be drawn with all of the cost


def test_a_success_has_the_same_interval_in_every_unit() -> None:
    spent, hits = [20.0 + k % 5 / 10 for k in range(12)], [k >= 5 for k in range(12)]
    seconds = known(to_first_success(spent, hits)[1])
    dollars = known(to_first_success([round(took * 3.06 / 3600, 6) for took in spent], hits)[1])
    assert (dollars.low, dollars.high) == pytest.approx((seconds.low * 3.06 / 3600, seconds.high * 3.06 / 3600))


def test_a_recipe_that_never_hits_costs_infinitely_much() -> None:
    assert to_first_success([60.0] * 20, [False] * 20) == (math.inf, None)


@pytest.mark.parametrize(("spent", "hits"), [([], []), ([0.0], [True]), ([1.0], []), ([2.0, -1.0], [True, True])])
def test_attempts_that_cannot_be_are_refused(spent: list[float], hits: list[bool]) -> None:
    with pytest.raises(ValueError, match="attempt"):
        to_first_success(spent, hits)


def test_the_interval_of_a_success_covers_its_true_cost_about_as_often_as_it_says() -> None:
    draws = np.random.default_rng(7)
    covered = 0
    for _ in range(60):
        spent, hits = draws.lognormal(4, 0.05, 30), draws.random(30) < 0.7
        interval = known(to_first_success(spent.tolist(), hits.tolist())[1])
        covered += interval.low <= math.exp(4 + 0.05**2 / 2) / 0.7 <= interval.high
    assert covered >= 52  # 57 expected; fewer than 52 by chance once in 100


def test_where_formulas_take_over_from_resampling_they_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(1)
    times = random.lognormal(3, 0.3, BOOTSTRAP_UNTIL).tolist()
    hits = (random.random(len(times)) < 0.9).tolist()

    def found() -> list[Interval]:
        return [known(median_interval(times)), known(to_first_success(times, hits)[1])]

    resampled = found()
    monkeypatch.setattr(intervals, "BOOTSTRAP_UNTIL", BOOTSTRAP_UNTIL - 1)
    by_formula = found()
    assert [each.method for each in resampled] == ["BCa bootstrap", "BCa bootstrap, Wilson"]
    assert [each.method for each in by_formula] == ["order statistics", "delta method, Wilson"]
    for one, other in zip(resampled, by_formula, strict=True):
        assert one[:2] == pytest.approx(other[:2], abs=0.1 * (one.high - one.low))


def test_intervals_of_a_million_runs_take_no_longer_than_reading_them() -> None:
    random = np.random.default_rng(1)
    times = random.lognormal(3, 0.3, 1_000_000)
    hits = random.random(len(times)) < 0.9
    start = time.perf_counter()
    median, (_, success) = known(median_interval(times.tolist())), to_first_success(times.tolist(), hits.tolist())
    assert time.perf_counter() - start < 20  # resampling would take hours, and more memory than there is
    assert median.low < math.exp(3) < median.high
    assert known(success).low < math.exp(3 + 0.3**2 / 2) / 0.9 < known(success).high

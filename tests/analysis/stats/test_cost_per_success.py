"""The price of a success: closed forms, simulation, and what must hold for any attempts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.stats.cost_per_success import median_of_attempts, to_first_success
from analysis.stats.intervals import wilson

attempts = st.lists(st.tuples(st.floats(0.1, 1e4), st.booleans()), min_size=1, max_size=9)


@given(attempts)
@settings(deadline=None)
def test_the_expected_cost_is_that_of_all_attempts_by_the_hits(tried):
    spent, hits = zip(*tried, strict=True)
    expected, interval = to_first_success(spent, hits)
    assert interval is None  # fewer than ten
    assert expected == (pytest.approx(sum(spent) / sum(hits)) if any(hits) else math.inf)


def test_a_miss_costs_as_much_as_a_hit():
    all_hit, _ = to_first_success([60.0] * 10, [True] * 10)
    half_hit, interval = to_first_success([60.0] * 10, [True, False] * 5)
    assert (all_hit, half_hit) == (60, 120)
    assert 60 < interval.low < 120 < interval.high


def test_runs_that_all_hit_still_leave_room_for_misses():
    expected, interval = to_first_success([60.0] * 20, [True] * 20)
    assert expected == interval.low == 60
    assert interval.high == pytest.approx(60 / wilson(20, 20).low)


def test_attempts_are_resampled_whole():
    """Misses that cost nothing change P(hit) and the mean cost together: a success costs the same."""
    hits = [True, False] * 10
    _, interval = to_first_success([60.0 + k % 3 if hit else 0.0 for k, hit in enumerate(hits)], hits)
    assert 60 <= interval.low <= 61  # resampled apart, a half of the hits could be drawn with all of the cost


def test_a_recipe_that_never_hit_takes_for_ever():
    assert to_first_success([60.0] * 20, [False] * 20) == (math.inf, None)


@pytest.mark.parametrize(("spent", "hits"), [([], []), ([0.0], [True]), ([1.0], []), ([2.0, -1.0], [True, True])])
def test_attempts_that_cannot_be_are_refused(spent, hits):
    with pytest.raises(ValueError, match="each attempt needs"):
        to_first_success(spent, hits)


def test_the_interval_covers_the_true_cost_about_as_often_as_it_says():
    draws = np.random.default_rng(7)
    covered = 0
    for _ in range(60):
        spent, hits = draws.lognormal(4, 0.05, 30), draws.random(30) < 0.7
        _, interval = to_first_success(spent.tolist(), hits.tolist())
        covered += interval.low <= math.exp(4 + 0.05**2 / 2) / 0.7 <= interval.high
    assert covered >= 52  # 57 expected; fewer than 52 by chance once in 100


@given(attempts)
@settings(deadline=None)
def test_a_miss_counts_as_infinite_in_the_median(tried):
    spent, hits = zip(*tried, strict=True)
    median, _ = median_of_attempts(spent, hits)
    if 2 * sum(hits) <= len(hits):
        assert median == math.inf
    else:
        assert math.isfinite(median)
        assert median >= np.median([s for s, hit in tried if hit])


def test_the_median_of_attempts_has_an_interval_that_may_have_no_end():
    median, interval = median_of_attempts([60.0 + k for k in range(10)], [True] * 6 + [False] * 4)
    assert (median, interval.low, interval.high) == (64.5, 61, math.inf)


def test_no_attempt_has_no_median():
    with pytest.raises(ValueError, match="no attempts"):
        median_of_attempts([], [])

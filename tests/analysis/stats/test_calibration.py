"""Do 95 % intervals hold the truth 95 % of the time? 10,000 synthetic records whose medians are known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.comparison.compare import compare, select
from analysis.frames.runs import runs_frame
from analysis.stats.intervals import LEVEL, median_interval, wilson
from bench.record.documents import RecipeRef
from tests.support import small_store as a

RUNS = 20
MEDIAN, SPREAD, P_HIT = 60.0, 0.03, 0.7


def a_frame(recipes: int, seed: int) -> pd.DataFrame:
    """`recipes` recipes with 20 runs each: times log-normal around MEDIAN, of which P_HIT hit."""
    draws = np.random.default_rng(seed)
    documents = []
    for number in range(recipes):
        seconds = MEDIAN * np.exp(SPREAD * draws.standard_normal(RUNS))
        accuracies = np.where(draws.random(RUNS) < P_HIT, 0.945, 0.935)
        recipe = RecipeRef(name=f"recipe {number}", source_sha256="0" * 64)
        documents += a.a_series(1 + number * RUNS, seconds.tolist(), accuracies.tolist(), recipe=recipe)
    return runs_frame(documents)


def nominal(held: int, n: int, chance: float = 0.001) -> bool:
    """Whether `held` of `n` intervals is what LEVEL gives, but for luck worse than `chance`.

    One point below the level is let pass: with 20 values a BCa interval holds the median 94 % of the time.
    """
    low = stats.binom.ppf(chance, n, LEVEL - 0.01)
    return bool(low <= held)


def covered(frame: pd.DataFrame) -> tuple[int, int]:
    """How many recipes' intervals hold the true median, and the true P(hit)."""
    medians = hits = 0
    for _, runs in frame.groupby("recipe"):
        interval = median_interval(runs["airbench_s"].tolist())
        assert interval is not None
        medians += interval.low <= MEDIAN <= interval.high
        share = wilson(int(runs["hit"].sum()), len(runs))
        hits += share.low <= P_HIT <= share.high
    return medians, hits


@pytest.mark.parametrize("recipes", [60, pytest.param(500, marks=pytest.mark.slow)])
def test_intervals_of_a_store_hold_the_truth_as_often_as_they_say(recipes: int) -> None:
    medians, hits = covered(a_frame(recipes, seed=1))
    assert nominal(medians, recipes)
    assert nominal(hits, recipes)


@pytest.mark.slow
def test_equal_recipes_are_called_different_as_seldom_as_the_level_says() -> None:
    pairs = 100
    frame = a_frame(2 * pairs, seed=2)
    equal = 0
    for number in range(pairs):
        sides = [select(frame, f"recipe {2 * number + k}", "here") for k in (0, 1)]
        (found,) = compare(*sides, metrics=["time"]).findings
        equal += found.winner is None
    assert nominal(equal, pairs)


def test_a_median_of_log_normal_times_is_the_one_they_were_drawn_around() -> None:
    frame = a_frame(60, seed=3)
    assert math.isclose(float(frame["airbench_s"].median()), MEDIAN, rel_tol=0.005)

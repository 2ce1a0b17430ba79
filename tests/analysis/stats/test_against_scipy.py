"""What is computed without scipy.stats, whose import costs more than a report, is what scipy.stats says."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from scipy import stats

from analysis.stats.bootstrap import bca
from analysis.stats.intervals import (
    LEVEL,
    order_statistics,
    student_reach,
    wilson,
)
from analysis.stats.means import difference_of_means, mean_interval

close = pytest.approx
seconds = st.floats(0.01, 1e5)
# Ties and spread, and in places nothing but ties.
several = st.lists(st.sampled_from([1.0, 1.5, 2.0, 2.25, 40.0]) | seconds, min_size=2, max_size=20)
varied = several.filter(lambda values: max(values) > 1.001 * min(values))


def ratio_of_means(above: np.ndarray, below: np.ndarray, axis: int = -1) -> np.ndarray:
    return np.asarray(np.mean(above, axis=axis) / np.mean(below, axis=axis))


@given(st.integers(1, 10**7).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilsons_interval(hits_of_n: tuple[int, int]) -> None:
    ends = stats.binomtest(*hits_of_n).proportion_ci(LEVEL, method="wilson")
    assert wilson(*hits_of_n)[:2] == close((ends.low, ends.high), rel=1e-9)


@given(st.floats(0.5, 1e7))
def test_the_reach_of_students_t(freedom: float) -> None:
    assert student_reach(freedom) == close(stats.t.isf((1 - LEVEL) / 2, freedom), rel=1e-9)


@given(varied)
def test_the_interval_of_a_mean(values: list[float]) -> None:
    found, ends = mean_interval(values), stats.ttest_1samp(values, 0).confidence_interval(LEVEL)
    assert found is not None
    assert found[:2] == close((ends.low, ends.high), rel=1e-9, abs=1e-9 * max(values))


@given(varied, varied)
def test_welchs_interval(a: list[float], b: list[float]) -> None:
    found, ends = difference_of_means(a, b), stats.ttest_ind(a, b, equal_var=False).confidence_interval(LEVEL)
    assert found is not None
    assert found[:2] == close((ends.low, ends.high), rel=1e-9, abs=1e-9 * max(*a, *b))


@pytest.mark.slow
@given(st.integers(6, 3000) | st.integers(10**5, 10**6))
@settings(deadline=None, max_examples=60)
def test_the_ranks_around_a_median(n: int) -> None:
    ranks = np.arange(n, dtype=float)
    ends: Any = stats.quantile_test(ranks, p=0.5).confidence_interval(LEVEL)  # Any: its stubs say float
    found = order_statistics(np.flip(ranks).tolist())
    assert found is not None
    assert found[:2] == (ends.low, ends.high)


@given(several, several)
@settings(deadline=None, max_examples=15)
def test_the_bootstrap_of_two_samples(above: list[float], below: list[float]) -> None:
    expected = bootstrapped([above, below])
    found = bca([above, below], ratio_of_means, LEVEL)
    # Too alike, or pushed off the estimate by ties.
    inside = expected[0] <= float(ratio_of_means(np.array(above), np.array(below))) <= expected[1]
    assert (found is not None) == inside
    if found:
        assert found == close(expected, rel=1e-12)


def bootstrapped(samples: list[list[float]]) -> tuple[float, float]:
    with np.errstate(all="ignore"), pytest.warns() if all(len({*each}) == 1 for each in samples) else np.errstate():
        ends = stats.bootstrap(
            samples,
            ratio_of_means,
            vectorized=True,
            confidence_level=LEVEL,
            batch=1000,
            rng=np.random.default_rng(94),
        ).confidence_interval
    return float(ends.low), float(ends.high)


@pytest.mark.parametrize("values", [[1.5] * 12, [math.inf] * 12])
def test_there_is_no_bootstrap_of_what_does_not_vary(values: list[float]) -> None:
    assert bca([values], np.mean, LEVEL) is None


@pytest.mark.slow
def test_a_report_starts_without_the_heavy_half_of_scipy() -> None:
    code = (
        "import sys, analysis.report.html, analysis.comparison.compare, analysis.claims.own\n"
        "print(*{'scipy.stats', 'scipy.optimize'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "\n"

"""The block bootstrap of a rate: where its interval lies, and how wide it is beside that of single values."""

import numpy as np
import pytest

from analysis.samples.rate import rate_interval


def test_a_steady_rate_has_an_interval_without_width() -> None:
    interval = rate_interval([0.5] * 100, [1.0] * 100)
    assert interval is not None
    assert interval.low == pytest.approx(0.5)
    assert interval.high == pytest.approx(0.5)


def test_too_few_values_have_none() -> None:
    assert rate_interval([1, 2, 3], [1, 1, 1]) is None


def test_two_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="3 stretches of time for 2 of steps"):
        rate_interval([1, 2, 3], [1, 1])


def test_the_same_series_gives_the_same_interval() -> None:
    seconds = np.random.default_rng(1).exponential(size=200).tolist()
    assert rate_interval(seconds, [1.0] * 200) == rate_interval(seconds, [1.0] * 200)


@pytest.mark.slow
def test_it_covers_the_true_rate_about_as_often_as_it_says() -> None:
    """Steps of 0.1 s, each depending on the one before, and a pause of 2 s every 25 steps: 0.18 s a step."""
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(200):
        noise = np.zeros(400)
        for k in range(1, 400):
            noise[k] = 0.7 * noise[k - 1] + generator.normal(scale=0.02)
        seconds = 0.1 + noise
        seconds[generator.integers(25) :: 25] += 2
        interval = rate_interval(seconds.tolist(), [1.0] * 400)
        assert interval is not None
        covered += interval.low <= 0.18 <= interval.high
    assert covered >= 180

"""How fast a program takes its steps, from the points of its record: over the whole window, pauses included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from analysis.stats import LEVEL, Interval
from bench.record.documents import Run, StepProgress

FEWEST_STEPS = 30
# Halves of a window that differ by more are of a program that has not settled.
HALVES_DIFFER = 0.05
_RESAMPLES = 2000  # of the blocks that a series in time is cut into
# Fewer blocks than this tell of no spread.
_FEWEST_BLOCKS = 4


@dataclass(frozen=True)
class Rate:
    """Seconds a step, and those before the first one. Without an interval, `too_few` says why."""

    seconds: float
    interval: Interval | None
    start_up: float
    steps: int
    too_few: str | None


def rate_of(runs: Sequence[Run]) -> Rate | None:
    """The rate of like runs of one program, their windows put together; None where none shows two steps."""
    shown = [(run.progress, run.resumed_from) for run in runs if run.progress and len(run.progress.points) > 1]
    if not shown:
        return None
    seconds, steps = zip(*(increment for progress, _ in shown for increment in _increments(progress)), strict=True)
    rate = sum(seconds) / sum(steps)
    starts = [_start_up(progress, resumed_from or 0, rate) for progress, resumed_from in shown]
    too_few = _too_few([progress for progress, _ in shown])
    return Rate(
        seconds=rate,
        interval=None if too_few else rate_interval(seconds, steps),
        start_up=sum(starts) / len(starts),
        steps=int(sum(steps)),
        too_few=too_few,
    )


def _increments(progress: StepProgress) -> list[tuple[float, float]]:
    return [(late - early, float(after - before)) for (early, before), (late, after) in pairwise(progress.points)]


def _start_up(progress: StepProgress, resumed_from: int, rate: float) -> float:
    """Seconds from the start of the process until its first step began: up to the first point, less its steps."""
    at, step = progress.points[0]
    return max(0.0, at - rate * (step - resumed_from))


def _too_few(shown: Sequence[StepProgress]) -> str | None:
    steps = sum(progress.points[-1][1] - progress.points[0][1] for progress in shown)
    if steps < FEWEST_STEPS:
        return f"{steps} steps: too few for an interval, which needs {FEWEST_STEPS}"
    apart = max(map(_halves_apart, shown))
    if apart > HALVES_DIFFER:
        return f"the two halves of the window differ by {100 * apart:.0f} %: take a longer sample"
    return None


def _halves_apart(progress: StepProgress) -> float:
    """By what share the rates of the two halves of the window differ, halved by steps."""
    times, steps = (np.array([point[place] for point in progress.points], dtype=float) for place in (0, 1))
    middle = (steps[0] + steps[-1]) / 2
    half = float(np.interp(middle, steps, times))
    first, second = half - times[0], times[-1] - half
    slower, faster = max(first, second), min(first, second)
    return float((slower - faster) / faster) if faster > 0 else float("inf")


def rate_interval(seconds: Sequence[float], steps: Sequence[float]) -> Interval | None:
    """The interval of sum(seconds) / sum(steps) by the circular block bootstrap; None for too few values.

    A block is as many neighbours as the square root of their number: a pause every so many steps is in it whole, or
    near to it. The seed is fixed: the same series gives the same interval. Raises ValueError where lengths differ.
    """
    if len(seconds) != len(steps):
        raise ValueError(f"{len(seconds)} stretches of time for {len(steps)} of steps")
    n = len(seconds)
    length = max(1, math.isqrt(n))
    blocks = math.ceil(n / length)
    if blocks < _FEWEST_BLOCKS:
        return None
    starts = np.random.default_rng(0).integers(0, n, size=(_RESAMPLES, blocks))
    drawn = (starts[:, :, None] + np.arange(length)) % n
    rates = np.asarray(seconds)[drawn].sum(axis=(1, 2)) / np.asarray(steps)[drawn].sum(axis=(1, 2))
    low, high = np.quantile(rates, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(low), float(high), "block bootstrap")

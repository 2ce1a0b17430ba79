"""Learning-rate schedules: piecewise linear, as nearly all of them are."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise


def piecewise_linear(at: float, knots: Sequence[tuple[float, float]]) -> float:
    """The value at `at` of the line through `knots`, (position, value) in order of position; flat outside them.

    At a position that stands twice, a jump, the later value holds.
    """
    positions = [position for position, _ in knots]
    if any(later < earlier for earlier, later in pairwise(positions)):
        raise ValueError(f"positions are not in order: {positions}")
    right = bisect_right(positions, at)
    if right in (0, len(knots)):
        return knots[min(right, len(knots) - 1)][1]
    (x0, y0), (x1, y1) = knots[right - 1], knots[right]
    return y0 + (y1 - y0) * (at - x0) / (x1 - x0)

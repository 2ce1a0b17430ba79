"""Piecewise linear schedules go through their knots and nowhere beyond them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("torch")  # what the schedule is for

from bench.training.schedule import piecewise_linear

positions = st.floats(-100, 100).map(lambda x: round(x, 3))
values = st.floats(-10, 10)
knots = st.dictionaries(positions, values, min_size=1, max_size=6).map(lambda made: sorted(made.items()))


@given(knots, st.floats(-200, 200))
def test_a_value_lies_between_those_of_the_knots(knots: list[tuple[float, float]], at: float) -> None:
    heights = [value for _, value in knots]
    assert min(heights) - 1e-9 <= piecewise_linear(at, knots) <= max(heights) + 1e-9


@given(knots)
def test_a_knot_is_met_exactly_and_outside_the_line_is_flat(knots: list[tuple[float, float]]) -> None:
    for position, value in knots:
        assert piecewise_linear(position, knots) == value
    assert piecewise_linear(knots[0][0] - 1, knots) == knots[0][1]
    assert piecewise_linear(knots[-1][0] + 1, knots) == knots[-1][1]


@given(st.floats(0, 1))
def test_between_two_knots_it_is_a_straight_line(share: float) -> None:
    assert piecewise_linear(2 + 3 * share, [(2, 10), (5, 4)]) == pytest.approx(10 - 6 * share)


def test_at_a_jump_the_later_value_holds() -> None:
    knots = [(0, 1), (2, 1), (2, 5), (4, 5)]
    assert [piecewise_linear(at, knots) for at in (1.999, 2, 3)] == [1, 5, 5]


def test_knots_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="positions are not in order"):
        piecewise_linear(1, [(2, 0), (1, 0)])

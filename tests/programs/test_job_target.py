"""A target as a user writes it."""

import math
import re

import pytest
from hypothesis import given, strategies as st

from bench.programs.job import Target, parse_target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("val_loss <= 3.28", Target("val_loss", at_most=3.28)),
        ("accuracy>=0.94", Target("accuracy", at_least=0.94)),
        (" eval/top 1 acc >= 9e-1 ", Target("eval/top_1_acc", at_least=0.9)),
        ("loss<=-2", Target("loss", at_most=-2)),
    ],
)
def test_what_is_a_target(text: str, target: Target) -> None:
    assert parse_target(text) == target


@pytest.mark.parametrize(
    "text",
    [
        "",
        "caf\udce9 <= 3",
        "loss",
        "loss 3",
        "loss = 3",
        "loss == 3",
        "loss < 3",
        "loss => 3",
        "<= 3",
        "loss <= ",
        "a <= 1 <= 2",
    ],
)
def test_a_target_without_a_direction_or_a_part(text: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        parse_target(text)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "3,28", "x"])
def test_a_value_that_is_no_number(value: str) -> None:
    with pytest.raises(ValueError, match=f"'{value}' is not a number"):
        parse_target(f"loss <= {value}")


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_reached_from_both_sides(value: float) -> None:
    assert Target("x", at_least=value).reached(value)
    assert Target("x", at_most=value).reached(value)
    assert not Target("x", at_least=value).reached(math.nan)
    assert not Target("x", at_most=value).reached(math.nan)

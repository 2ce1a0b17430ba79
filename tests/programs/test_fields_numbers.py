"""Numbers as programs print them."""

import math

import pytest
from hypothesis import given, strategies as st

from bench.programs.progress import as_count, as_number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("1.2e+32", 1.2e32),
        ("1E-05", 1e-5),
        ("888", 888.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("+3", 3.0),
        (" 7 ", 7.0),
        ("1,234,567.5", 1234567.5),
        ("-Infinity", -math.inf),
        ("NaN", math.nan),
        (10**400, math.inf),
        (True, None),
        (None, None),
        ("1,23", None),
        ("1.2e", None),
        ("1e5x", None),
        ("0x10", None),
        ("info", None),
        ("１２", None),  # noqa: RUF001 -- digits of another width
        ("1_000", None),
        ("9" * 100, None),
        ("", None),
    ],
)
def test_what_is_a_number(value: object, number: float | None) -> None:
    assert as_number(value) == pytest.approx(number, nan_ok=True) if number is not None else as_number(value) is None


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (120, 120),
        (31.0, 31),
        ("1,200", 1200),
        (0, 0),
        (-1, None),
        (0.5, None),
        ("nan", None),
        ("inf", None),
        (1e300, None),
    ],
)
def test_what_is_a_count(value: object, count: int | None) -> None:
    assert as_count(value) == count


@given(st.floats())
def test_every_spelling_of_python_comes_back(value: float) -> None:
    assert as_number(repr(value)) == pytest.approx(value, rel=0, abs=0, nan_ok=True)
    assert as_number(f"{value:.4g}") == pytest.approx(float(f"{value:.4g}"), rel=0, abs=0, nan_ok=True)


@given(st.text())
def test_no_text_is_a_mistake(text: str) -> None:
    assert as_number(text) is None or float(text.replace(",", "")) == as_number(text) or "n" in text.lower()

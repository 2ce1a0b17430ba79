"""Text of records on one harmless line, and the few words that all messages share."""

from __future__ import annotations

import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from bench.text import csv_cell, did_you_mean, escape_markdown, one_line, percent, plural, significant


@given(st.text())
def test_clean_text_is_one_visible_line(text: str) -> None:
    clean = one_line(text)
    assert clean == one_line(clean)
    assert not {unicodedata.category(c) for c in clean} & {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert len(clean.splitlines()) <= 1


@given(st.text())
def test_a_cell_of_a_spreadsheet_never_begins_a_formula(text: str) -> None:
    assert csv_cell(text)[:1] not in tuple("=+-@\t\r")


@pytest.mark.parametrize(
    ("value", "digits"),
    [
        (0, "0"),
        (0.00264036, "0.00264"),
        (0.2895, "0.290"),
        (Decimal("0.2895"), "0.290"),
        (74.041, "74.0"),
        (340.631, "341"),
        (4075.0, "4080"),
        (99.96, "100"),
        (1.0, "1.00"),
        (286013.964, "286000"),
    ],
)
def test_three_significant_digits_without_an_exponent(value: float | Decimal, digits: str) -> None:
    assert significant(value) == digits


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0, "0"),
        (1 / 3, "33.3"),
        (0.9994, "99.9"),
        (2499 / 2500, "99.96"),
        (0.99999, "99.999"),
        (1 - 1e-16, "100"),
        (1, "100"),
    ],
)
def test_a_share_looks_like_all_only_where_it_is_all(share: float, text: str) -> None:
    assert percent(share) == text


def test_a_dollar_begins_no_formula_in_markdown() -> None:
    assert escape_markdown("$a$ at $3/h") == r"\$a\$ at \$3/h"


def test_an_address_is_no_link_in_markdown() -> None:
    written = escape_markdown("https://x.org/a, HTTP://x, WWW.x.org; at 12:30, 1.5")
    assert written == r"https\://x.org/a, HTTP\://x, WWW\.x.org; at 12:30, 1.5"
    assert escape_markdown("https://x.org/a_b", links=True) == r"https://x.org/a\_b"


@pytest.mark.parametrize(("count", "words"), [(0, "0 runs"), (1, "1 run"), (2, "2 runs"), (12_000, "12,000 runs")])
def test_one_is_singular(count: int, words: str) -> None:
    assert plural(count, "run") == words


@pytest.mark.parametrize(
    ("name", "most", "answer"),
    [
        ("myrtl", 1, "did you mean myrtle?"),
        ("MYRTLE", 2, "did you mean myrtle or myrtle-tricks?"),
        ("airbench", 1, "did you mean airbench94?"),
        ("zzz", 3, ""),
        ("", 3, ""),
    ],
)
def test_the_nearest_name_is_the_one_that_holds_what_was_typed_or_else_looks_like_it(
    name: str, most: int, answer: str
) -> None:
    assert did_you_mean(name, ["quick", "airbench94", "airbench94-muon", "myrtle-tricks", "myrtle"], most) == answer

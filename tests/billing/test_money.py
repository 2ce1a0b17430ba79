"""Amounts of money are exact and keep to their currency."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bench.billing.prices import Amount, total

values = st.decimals(0, 10**6, places=6)
currencies = st.sampled_from(["USD", "EUR", "CNY"])
amounts = st.builds(Amount, values, currencies)


@given(values, values, currencies)
def test_amounts_of_one_currency_add_up(one: Decimal, other: Decimal, currency: str) -> None:
    assert Amount(one, currency) + Amount(other, currency) == Amount(one + other, currency)


@given(st.lists(amounts, min_size=1, max_size=6))
def test_currencies_are_never_mixed(listed: list[Amount]) -> None:
    if len({amount.currency for amount in listed}) > 1:
        with pytest.raises(ValueError, match=r"USD|EUR|CNY"):
            total(listed)
    else:
        assert total(listed) == Amount(sum((a.value for a in listed), Decimal(0)), listed[0].currency)


def test_nothing_adds_up_to_nothing_known() -> None:
    assert total([]) is None


@pytest.mark.parametrize("value", [3.06, 3, "3.06"])
def test_only_exact_amounts_are_taken(value: Any) -> None:
    with pytest.raises(TypeError, match="Decimal"):
        Amount(value, "USD")


@pytest.mark.parametrize("value", ["-0.01", "nan", "inf"])
def test_what_is_no_amount_is_a_defect(value: Any) -> None:
    with pytest.raises(ValueError, match="not an amount of money"):
        Amount(Decimal(value), "USD")

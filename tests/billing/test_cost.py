"""Costs are exact, linear in time and price, and unknown where anything is unknown."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, strategies as st

from bench.billing.prices import cost_per_success, train_cost
from tests.support.builders import present

hourlies = st.decimals(0, 10_000, places=6)
durations = st.integers(0, 10**7)
cost_lists = st.lists(st.decimals(0, 10_000, places=6), min_size=1, max_size=20)


def close(found: Decimal | None, exact: Fraction) -> bool:
    return abs(Fraction(present(found)) - exact) <= abs(exact) / 10**25


@pytest.mark.parametrize(
    ("seconds", "hourly", "dollars"),
    [(74, "3.06", "0.0629"), (26, "3.06", "0.0221"), (2.59, "3.67", "0.00264036")],
)
def test_known_costs(seconds: float, hourly: str, dollars: str) -> None:
    assert round(present(train_cost(seconds, Decimal(hourly))), 8) == Decimal(dollars)


def test_an_hour_costs_the_hourly_price() -> None:
    assert train_cost(3600, Decimal("21.957642")) == Decimal("21.957642")


def test_seconds_are_taken_as_printed() -> None:
    assert train_cost(0.1, Decimal(36000)) == 1


@given(durations, hourlies)
def test_a_cost_is_time_by_price(seconds: float, hourly: Decimal) -> None:
    assert close(train_cost(seconds, hourly), Fraction(seconds) * Fraction(hourly) / 3600)


@given(durations, durations, hourlies)
def test_costs_of_two_stretches_add_up(one: int, other: int, hourly: Decimal) -> None:
    exact = (one + other) * Fraction(hourly) / 3600
    assert close(present(train_cost(one, hourly)) + present(train_cost(other, hourly)), exact)


@given(durations, durations, hourlies)
def test_a_longer_run_never_costs_less(one: int, other: int, hourly: Decimal) -> None:
    short, long = sorted((one, other))
    assert present(train_cost(short, hourly)) <= present(train_cost(long, hourly))


@pytest.mark.parametrize(("seconds", "hourly"), [(None, Decimal(3)), (74.0, None), (None, None)])
def test_an_unknown_time_or_price_gives_an_unknown_cost(seconds: float | None, hourly: Decimal | None) -> None:
    assert train_cost(seconds, hourly) is None


def test_a_price_of_nothing_is_a_known_cost_of_nothing() -> None:
    assert train_cost(74, Decimal(0)) == 0


@pytest.mark.parametrize("seconds", [-1, -0.001, math.nan, math.inf])
def test_what_is_no_length_of_time_is_a_defect(seconds: float) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        train_cost(seconds, Decimal(3))


def test_misses_are_paid_for_too() -> None:
    assert cost_per_success([Decimal("0.10"), Decimal("0.20"), Decimal("0.30")], hits=2) == Decimal("0.30")


@given(cost_lists, st.data())
def test_the_cost_of_a_success_shares_all_attempts_among_the_hits(costs: list[Decimal], data: st.DataObject) -> None:
    hits = data.draw(st.integers(1, len(costs)))
    assert close(cost_per_success(costs, hits), sum(map(Fraction, costs), Fraction(0)) / hits)


@given(cost_lists, st.data())
def test_one_unknown_attempt_makes_the_cost_of_a_success_unknown(costs: list[Decimal], data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, len(costs)))
    place = data.draw(st.integers(0, len(costs)))
    assert cost_per_success([*costs[:place], None, *costs[place:]], hits) is None


@given(st.lists(st.decimals(0, 100, places=2), max_size=5))
def test_without_a_hit_a_success_has_no_cost(costs: list[Decimal]) -> None:
    assert cost_per_success(costs, hits=0) is None


@pytest.mark.parametrize("hits", [-1, 3])
def test_hits_beyond_the_attempts_are_a_defect(hits: int) -> None:
    with pytest.raises(ValueError, match="hits in 2 attempts"):
        cost_per_success([Decimal(1), Decimal(1)], hits)

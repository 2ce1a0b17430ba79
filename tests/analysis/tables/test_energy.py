"""Energy of a success and its cost: sums over all attempts, and unknown where one counter is missing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings, strategies as st

from analysis.frames.runs import runs_frame
from analysis.report.report import build_report
from analysis.tables.cost_table import Row, cost_table
from analysis.tables.given_prices import Electricity, electricity_price, with_energy
from bench.errors import UsageError
from bench.record.documents import Run
from tests.support import small_store as a

KWH = 3_600_000.0
DEAR = Electricity(price_per_kwh=Decimal("0.30"), currency="EUR")


def row_of(runs: list[Run], electricity: Electricity | None = None) -> Row:
    frame = runs_frame(runs)
    (row,) = with_energy(cost_table(frame, "airbench", []), frame, electricity)
    return row


def runs_with(*joules: float | None, missed: int = 0) -> list[Run]:
    """A run for each, of which the last `missed` missed."""
    hits = len(joules) - missed
    return [
        a.a_run(number, accuracy=0.95 if number - 10 < hits else 0.93, energy_joules=each)
        for number, each in enumerate(joules, 10)
    ]


def test_a_success_pays_for_the_misses() -> None:
    row = row_of(runs_with(KWH, 2 * KWH, 3 * KWH, missed=1), DEAR)
    assert (row.energy_kwh, row.energy_kwh_per_success) == (2, 3)
    assert (row.electricity_cost_per_success, row.electricity_currency) == (Decimal("0.9"), "EUR")


def test_without_a_price_there_are_kwh_and_no_cost() -> None:
    row = row_of(runs_with(KWH))
    assert (row.energy_kwh, row.energy_kwh_per_success, row.electricity_cost_per_success) == (1, 1, None)


@pytest.mark.parametrize("joules", [(None,), (KWH, None), (None, 0.0)])
def test_where_a_counter_is_missing_nothing_is_known(joules: tuple[float | None, ...]) -> None:
    row = row_of(runs_with(*joules), DEAR)
    assert (row.energy_kwh, row.energy_kwh_per_success, row.electricity_cost_per_success) == (None, None, None)


def test_without_a_hit_there_is_no_success_to_pay_for() -> None:
    row = row_of(runs_with(KWH, missed=1), DEAR)
    assert (row.energy_kwh, row.energy_kwh_per_success, row.electricity_cost_per_success) == (1, None, None)


def test_a_published_entry_has_none() -> None:
    rows = build_report(runs_with(KWH), electricity=DEAR).rows
    assert {row.energy_kwh for row in rows if row.kind == "published"} == {None}


@pytest.mark.slow
@settings(max_examples=20)  # each makes a report
@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=8), st.data())
def test_the_energy_of_all_successes_is_that_of_all_attempts(joules: list[float], data: st.DataObject) -> None:
    missed = data.draw(st.integers(0, len(joules) - 1))
    row = row_of(runs_with(*joules, missed=missed))
    assert row.energy_kwh_per_success is not None
    assert row.energy_kwh_per_success * row.hits * KWH == pytest.approx(sum(joules))


def test_a_price_of_electricity_is_an_amount_in_a_currency() -> None:
    assert electricity_price(None, "EUR") is None
    assert electricity_price("0.30", "eur") == DEAR
    assert electricity_price("0.30") == Electricity(price_per_kwh=Decimal("0.30"), currency="USD")
    for amount, currency in (("-1", None), ("much", None), ("0.3", "euro")):
        with pytest.raises(UsageError, match="--price-per-kwh"):
            electricity_price(amount, currency)

"""Bills as records: one id a content, sums that hold, and which of several counts."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import jsonschema
import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError

from bench.record.documents import (
    Bill,
    Charge,
    current_bills,
    from_bytes,
    json_schema,
    make_bill,
    new_id,
    time_of,
    to_bytes,
)

BEGAN = datetime(2026, 11, 22, 12, tzinfo=UTC)
LEASE = new_id()
COMPUTE = Charge(
    description="p3.2xlarge",
    category="Usage",
    pricing_category="Standard",
    resource_id="i-1",
    billed_cost=Decimal("0.8500"),
    list_cost=Decimal("3.06"),
    rows=1,
)
CREDIT = Charge(description="goodwill", category="Credit", billed_cost=Decimal("-0.85"), rows=1)


def a_bill(*charges: Charge, **changes: Any) -> Bill:
    fields = {
        "lease_id": LEASE,
        "provider": "aws",
        "source": "focus",
        "joined_by": "tag",
        "currency": "USD",
        "billing_period_start": datetime(2026, 11, 1, tzinfo=UTC),
        "charge_period_start": BEGAN,
        "charge_period_end": BEGAN + timedelta(hours=1),
    }
    return make_bill(charges=charges or (COMPUTE,), **(fields | changes))


def test_a_bill_survives_the_round_trip_with_every_digit() -> None:
    bill = a_bill(COMPUTE, CREDIT)
    assert from_bytes(to_bytes(bill), "x.json") == bill
    assert json.loads(to_bytes(bill))["charges"][0]["billed_cost"] == "0.8500"


def test_a_stored_bill_fits_the_schema() -> None:
    jsonschema.validate(json.loads(to_bytes(a_bill(COMPUTE, CREDIT, partial=("not-final",)))), json_schema())


def test_the_same_charges_are_the_same_record_and_others_another() -> None:
    assert to_bytes(a_bill()) == to_bytes(a_bill())
    assert len({bill.id for bill in (a_bill(), a_bill(CREDIT), a_bill(partial=("lease-open",)))}) == 3


def test_a_bill_lies_among_the_bills_and_its_id_is_of_the_day_of_its_first_charge() -> None:
    assert a_bill().key() == f"v1/bills/{a_bill().id}.json"
    assert time_of(a_bill().id).date() == BEGAN.date()


def test_a_refund_may_make_a_bill_negative() -> None:
    assert a_bill(CREDIT).billed_cost == Decimal("-0.85")


@pytest.mark.parametrize("cost", ["1E+40", "-1E+40", "1E+400", "NaN"])
def test_a_cost_that_nobody_can_be_charged_is_refused(cost: str) -> None:
    with pytest.raises(ValidationError):
        Charge(description="x", category="Usage", billed_cost=Decimal(cost), rows=1)


def test_a_cost_that_one_charge_lacks_is_unknown_for_the_bill() -> None:
    assert a_bill(COMPUTE).list_cost == Decimal("3.06")
    assert a_bill(COMPUTE, CREDIT).list_cost is None


@given(st.lists(st.decimals(-(10**6), 10**6, places=10), min_size=1, max_size=5))
def test_a_bill_is_the_sum_of_its_charges(costs: list[Decimal]) -> None:
    charges = [COMPUTE.model_copy(update={"billed_cost": cost}) for cost in costs]
    assert a_bill(*charges).billed_cost == sum(costs)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"billed_cost": Decimal(1)}, "sums over the charges"),
        ({"id": new_id()}, "the id is not that of the content"),
        ({"lease_id": new_id()}, "the id is not that of the content"),
        ({"charge_period_end": BEGAN}, "ends before it begins"),
    ],
)
def test_a_bill_that_contradicts_itself_is_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        Bill(**(dict(a_bill()) | change))


FIRST, LATER = BEGAN + timedelta(days=3), BEGAN + timedelta(days=4)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        ({"exported": FIRST}, {"exported": LATER, "partial": ("not-final",)}),
        ({"exported": LATER, "charged_until": FIRST}, {"exported": FIRST, "charged_until": LATER}),
        ({"exported": LATER, "partial": ("row-unreadable",)}, {"exported": FIRST}),
        ({"exported": LATER, "partial": ("period-not-covered", "not-final")}, {"exported": FIRST}),
        ({"partial": ("lease-open",), "charge_period_end": LATER}, {}),
        ({}, {"exported": FIRST}),
        ({}, {"charge_period_end": BEGAN + timedelta(hours=2)}),
        ({"partial": ("not-final",)}, {}),
    ],
)
def test_the_bill_of_a_later_export_counts_unless_it_covers_less(less: dict[str, Any], more: dict[str, Any]) -> None:
    # What is later can say less: a correction.
    earlier, counting = a_bill(COMPUTE, CREDIT, COMPUTE, **less), a_bill(COMPUTE, **more)
    assert current_bills([earlier, counting]) == current_bills([counting, earlier]) == [counting]


def test_bills_of_other_months_and_other_sources_count_beside_each_other() -> None:
    december = a_bill(billing_period_start=datetime(2026, 12, 1, tzinfo=UTC))
    explorer = a_bill(source="cost-explorer")
    assert {bill.id for bill in current_bills([a_bill(), december, explorer])} == {
        a_bill().id,
        december.id,
        explorer.id,
    }

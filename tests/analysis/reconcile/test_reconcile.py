"""Charges find their leases, and their sums are the bills: partial, in their own currency, nothing twice."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from hypothesis import given, strategies as st

from analysis.reconcile.reconcile import bills_of
from analysis.reconcile.render import as_text
from bench.record.documents import AnyDocument
from tests.support.leases import IDS, LATER, START, bills, closed, compared, joined, opened, row


def tagged(lease: str = IDS[0]) -> str:
    return f'{{"bench-lease": "{lease}"}}'


def test_a_charge_finds_its_lease_by_the_machine_and_the_account_stays_out() -> None:
    (bill,) = bills(row(ChargeDescription="i-0abc of 111122223333"))
    assert (bill.lease_id, bill.joined_by, bill.billed_cost) == (IDS[0], "resource-id", Decimal("0.1921"))
    assert bill.charges[0].resource_id == "i-0abc"
    assert "111122223333" not in bill.model_dump_json()


@pytest.mark.parametrize("tags", [tagged(), {"bench-lease": IDS[0]}, [("user:bench-lease", IDS[0])]])
def test_a_charge_finds_its_lease_by_the_tag_whatever_it_is_for(tags: object) -> None:
    (bill,) = bills(row(ResourceId="vol-1", Tags=tags))
    assert (bill.lease_id, bill.joined_by) == (IDS[0], "tag")


def test_the_tag_goes_before_the_machine() -> None:
    documents: list[AnyDocument] = [opened(), closed(), opened(1, resource_id="i-0def"), closed(1)]
    (bill,) = bills(row(Tags=tagged(IDS[1])), documents=documents)
    assert bill.lease_id == IDS[1]


def test_the_machines_of_one_launch_share_a_tag_and_each_has_its_own_charges() -> None:
    launch = {"bench-lease": IDS[0]}
    documents: list[AnyDocument] = [
        opened(tags=launch),
        closed(),
        opened(1, resource_id="i-0def", tags=launch),
        closed(1),
    ]
    charges = [row(Tags=tagged()), row(Tags=tagged(), ResourceId="i-0def")]
    assert [bill.lease_id for bill in bills(*charges, documents=documents)] == IDS[:2]
    # A disk is of neither machine: it goes where the time agrees.
    assert len(bills(row(Tags=tagged(), ResourceId="vol-1"), documents=documents)) == 1


def test_of_two_leases_on_a_machine_a_charge_goes_to_the_one_it_overlaps_longest() -> None:
    later = START + timedelta(hours=3)
    second = opened(1, started=later), closed(1).model_copy(update={"stopped": later + timedelta(hours=1)})
    charges = [row(), row(ChargePeriodStart="2026-11-20T15:00:00Z", ChargePeriodEnd="2026-11-20T16:00:00Z")]
    assert [bill.lease_id for bill in bills(*charges, documents=[opened(), closed(), *second])] == IDS[:2]


def test_the_hour_after_a_lease_is_still_its_own_and_another_day_is_not() -> None:
    hour_after = row(ChargePeriodStart="2026-11-20T13:00:00Z", ChargePeriodEnd="2026-11-20T14:00:00Z")
    day_after = row(ChargePeriodStart="2026-11-21T13:00:00Z", ChargePeriodEnd="2026-11-21T14:00:00Z")
    result = joined(row(), hour_after, day_after)
    assert [sum(charge.rows for charge in bill.charges) for bill in bills_of(result)] == [2]
    assert result.out_of_period == 1


def test_credits_refunds_and_tax_are_added_and_said() -> None:
    result = joined(
        row(), row(ChargeCategory="Credit", BilledCost="-0.05"), row(ChargeCategory="Tax", BilledCost="0.03")
    )
    (one,) = compared(result)
    assert one.billed == Decimal("0.1721")
    assert "billed holds tax 0.0300 USD and credits of -0.0500 USD" in as_text([one], result)


def test_currencies_are_never_added_up() -> None:
    result = joined(row(), row(BillingCurrency="EUR", BilledCost="5"))
    euros, dollars = compared(result)
    assert (euros.currency, euros.billed, euros.difference) == ("EUR", Decimal(5), None)
    assert dollars.difference == Decimal("0.1921") - Decimal("224") * Decimal("3.06") / 3600
    assert "estimated in USD, billed in EUR: not compared" in as_text([euros, dollars], result)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"BilledCost": "oops"}, "BilledCost cannot be 'oops'"),
        ({"BilledCost": "NaN"}, "BilledCost cannot be"),
        ({"BilledCost": None}, "BilledCost is empty"),
        ({"BillingCurrency": "dollars"}, "BillingCurrency cannot be"),
        ({"ChargePeriodEnd": "2026-11-20T11:00:00Z"}, "ChargePeriodEnd is before ChargePeriodStart"),
        ({"BillingPeriodEnd": "2026-11-01T00:00:00Z"}, "not after BillingPeriodStart"),
        ({"ChargePeriodStart": "last week"}, "ChargePeriodStart cannot be"),
        ({"ChargeCategory": "Lunch"}, "ChargeCategory cannot be"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_and_skipped(changes: dict[str, Any], said: str) -> None:
    result = joined(row(), row(**changes))
    (error,) = result.errors
    assert str(error).startswith("x.csv:3: ")
    assert said in str(error)
    assert next(iter(bills_of(result))).billed_cost == Decimal("0.1921")


def test_a_lease_of_which_no_row_can_be_read_is_not_called_one_without_charges() -> None:
    result = joined(row(BilledCost="oops"), LATER)
    assert "none: a row could not be read" in as_text(compared(result), result)


def test_rows_that_are_there_twice_all_count_and_are_said() -> None:
    free, other = row(BilledCost="0"), row(BilledCost="0.01")
    result = joined(row(), row(), other, free, free, LATER)
    (one,) = compared(result)
    assert one.billed == Decimal("0.3942")
    assert f"{IDS[0]}: 1 row of the same resource" in as_text([one], result)
    result = joined(row(), other, LATER)
    assert "of the same resource" not in as_text(compared(result), result)


def test_a_charge_for_the_time_of_two_leases_counts_for_one_and_is_said() -> None:
    documents: list[AnyDocument] = [
        opened(),
        closed(),
        opened(1, started=START + timedelta(minutes=20)),
        closed(1, after=1300),
    ]
    result = joined(row(), LATER, documents=documents)
    assert [one.billed for one in compared(result)] == [Decimal("0.1921"), None]
    text = as_text(compared(result), result)
    assert "1 row: charges the time of several leases" in text
    assert text.count("none: charged together with another lease") == 1


def test_charges_of_the_machines_of_one_launch_are_not_shared() -> None:
    launch = {"bench-lease": IDS[0]}
    documents: list[AnyDocument] = [opened(tags=launch), closed(), opened(1, tags=launch, resource_id="i-1"), closed(1)]
    rows = [row(Tags=tagged(IDS[0]), ResourceId=resource) for resource in ("i-0abc", "i-1")]
    result = joined(*rows, LATER, documents=documents)
    assert [one.billed for one in compared(result)] == [Decimal("0.1921")] * 2
    assert not result.shared
    assert not result.skipped


def test_a_credit_of_no_length_counts() -> None:
    instant = dict.fromkeys(("ChargePeriodStart", "ChargePeriodEnd"), "2026-11-20T12:05:00Z")
    credit = row(ChargeCategory="Credit", BilledCost="-0.05", **instant)
    (one,) = compared(joined(row(), credit, LATER))
    assert (one.billed, one.partial) == (Decimal("0.1421"), ())


@pytest.mark.parametrize("column", ["EffectiveCost", "ListCost", "ConsumedQuantity"])
def test_an_optional_column_that_cannot_be_read_costs_itself_and_is_said(column: str) -> None:
    result = joined(row(**{column: "free"}), LATER)
    (bill,) = bills_of(result)
    assert (bill.billed_cost, bill.effective_cost, bill.partial) == (Decimal("0.1921"), None, ())
    assert not result.errors
    assert column in as_text(compared(result), result)


def test_a_row_whose_tags_cannot_be_read_is_named_and_never_called_somebody_elses() -> None:
    result = joined(row(ResourceId="vol-1", Tags='{"bench-lease"'), row(ResourceId="vol-1", Tags="{}"))
    assert [str(error).partition(": ")[0] for error in result.errors] == ["x.csv:2"]
    assert result.unrelated == 1
    assert not joined(row(Tags='{"bench-lease"')).errors  # its resource tells
    elsewhere = joined(row(Tags='{"bench-lease"', ChargePeriodStart="2026-11-23T12", ChargePeriodEnd="2026-11-23T13"))
    assert [str(error).partition(": ")[0] for error in elsewhere.errors] == ["x.csv:2"]
    assert elsewhere.out_of_period == 0
    assert len(joined(row(Tags='{"bench-lease"', BilledCost="oops")).errors) == 1


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({}, "commitment: effective cost 0.1300 USD"),
        (
            {"CommitmentDiscountType": "Savings Plan", "CommitmentDiscountId": "arn:aws:x:y:1:sp/sp-1"},
            "Savings Plan sp-1",
        ),
        ({"CommitmentDiscountName": "three years"}, "three years"),
        ({"EffectiveCost": "NULL"}, "effective cost unknown"),
    ],
)
def test_what_a_commitment_pays_is_said_with_its_effective_cost(changes: dict[str, Any], named: str) -> None:
    result = joined(row(**({"BilledCost": "0", "EffectiveCost": "0.13", "PricingCategory": "Committed"} | changes)))
    (one,) = compared(result)
    assert one.billed == 0
    assert named in as_text([one], result)


def test_the_sum_of_a_bill_is_exact_in_any_order() -> None:
    costs = ["100000000000000", "0.000000000000000000000000000001", "-100000000000000"]
    sums = {bills(*(row(BilledCost=cost) for cost in order))[0].billed_cost for order in (costs, costs[::-1])}
    assert sums == {Decimal("1e-30")}


def test_what_has_no_counterpart_is_said_on_either_side() -> None:
    documents: list[AnyDocument] = [opened(), closed(), opened(1, resource_id="i-0def"), closed(1)]
    result = joined(row(), row(Tags=tagged("gone")), LATER, documents=documents)
    text = as_text(compared(result), result)
    assert "1 row is tagged with the lease gone, which this store does not have" in text
    assert "1 row is unrelated to any lease" in text
    assert "none, although later charges were read" in text
    assert "The charges reach to 2026-11-23 13:00 UTC." in text


def test_a_lease_without_a_bill_may_still_get_one() -> None:
    result = joined()
    assert "none yet: charges come up to a day late" in as_text(compared(result), result)


def test_an_unknown_estimate_stays_unknown() -> None:
    result = joined(row(), documents=[opened(price=None), closed()])
    (one,) = compared(result)
    assert one.difference is None
    assert "unknown: no price" in as_text([one], result)


def test_ones_own_machine_has_no_bill() -> None:
    result = joined(row(), documents=[opened(provider="own"), closed()])
    assert result.unrelated == 1
    assert "nothing to reconcile" in as_text(compared(result), result)


@given(st.lists(st.decimals(-1000, 1000, places=10), min_size=1, max_size=12), st.randoms())
def test_a_bill_holds_each_charge_once_in_whatever_order_they_come(costs: list[Decimal], chance: Random) -> None:
    rows = [row(BilledCost=str(cost), ChargeDescription=f"kind {number % 3}") for number, cost in enumerate(costs)]
    (first,) = bills(*rows)
    chance.shuffle(rows)
    (second,) = bills(*rows)
    assert first == second
    assert first.billed_cost == sum(costs)


def test_what_estimates_leave_out_is_said_once() -> None:
    left = [closed(number).model_copy(update={"stopped_source": "process"}) for number in (0, 1)]
    result = joined(row(), documents=[opened(), opened(1, resource_id="i-0def"), *left])
    text = as_text(compared(result), result)
    assert "2 estimates: counted until the process ended: the machine was given back later" in text
    assert "2 estimates: without disk, public-ip, egress, whose price is unknown" in text

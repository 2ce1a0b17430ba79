"""When a bill is partial, and when it is complete: what more can follow, and how far the charges go."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from analysis.reconcile.render import as_text
from bench.record.documents import AnyDocument
from tests.support.charges import DECEMBER
from tests.support.leases import LATER, START, bills, closed, compared, joined, opened, row

MONTH = {"ChargePeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodEnd": "2026-12-01T00:00:00Z"}
TAX = row(ChargeCategory="Tax", BilledCost="0.04", **MONTH)
# Of something else, days after the turn of the month.
IN_DECEMBER = row(ResourceId="other", ChargePeriodStart="2026-12-03T23:00:00Z", ChargePeriodEnd="2026-12-04T00:00:00Z")
HOUR_LATE = row(ChargePeriodStart="2026-11-20T14:00:00Z", ChargePeriodEnd="2026-11-20T18:00:00Z")
ORACLE = {"provider": "Oracle"}  # as Oracle's own reports have it


@pytest.mark.parametrize(
    ("documents", "rows", "partial"),
    [
        ([opened(), closed()], [row(), LATER], ()),
        ([opened(), closed()], [row()], ("not-final",)),
        ([opened()], [row(), LATER], ("lease-open", "not-final")),
        ([opened(), closed(after=7200)], [row()], ("period-not-covered", "not-final")),
        ([opened(), closed()], [row(InvoiceId="7"), LATER], ()),
        ([opened(), closed()], [row(InvoiceId="7")], ("not-final",)),  # an invoice can be provisional
        ([opened(), closed()], [row(InvoiceId=""), LATER], ("not-final",)),
        ([opened(), closed()], [row(), row(BilledCost="x"), LATER], ("row-unreadable",)),
        ([opened(), closed()], [TAX, LATER], ("period-not-covered",)),
        ([opened(), closed()], [TAX | {"chargecategory": "Purchase"}, LATER], ("period-not-covered",)),
        ([opened(), closed()], [TAX, row(), LATER], ()),
        ([opened(), closed(after=20000)], [TAX, HOUR_LATE, LATER], ("period-not-covered",)),
        ([opened(), closed()], [row(ProviderName="AWS"), LATER | ORACLE], ("not-final",)),
    ],
)
def test_a_bill_is_partial_as_long_as_more_can_follow(
    documents: list[AnyDocument], rows: list[dict[str, Any]], partial: tuple[str, ...]
) -> None:
    (bill,) = bills(*rows, documents=documents)
    assert (bill.partial, bill.complete) == (partial, not partial)


def test_a_lease_over_the_turn_of_a_month_has_two_bills_and_is_partial_with_one() -> None:
    november = row(ChargePeriodStart="2026-11-30T23:00:00Z", ChargePeriodEnd="2026-12-01T00:00:00Z")
    december = row(ChargePeriodStart="2026-12-01T00:00:00Z", ChargePeriodEnd="2026-12-01T02:00:00Z", **DECEMBER)
    began = START.replace(day=30, hour=23)
    documents: list[AnyDocument] = [
        opened(started=began),
        closed().model_copy(update={"stopped": began + timedelta(hours=2)}),
    ]
    (one,) = compared(joined(november, documents=documents))
    assert one.bills[0].complete
    assert one.partial == ("period-not-covered",)
    (last,) = compared(joined(december, IN_DECEMBER, documents=documents))
    assert last.bills[0].complete
    assert last.partial == ("period-not-covered",)
    (both,) = compared(joined(november, december, IN_DECEMBER, documents=documents))
    assert (len(both.bills), both.billed, both.partial) == (2, Decimal("0.3842"), ())


def test_a_refund_of_a_later_month_leaves_the_lease_complete() -> None:
    refund = row(ChargeCategory="Credit", BilledCost="-0.1", **DECEMBER)
    (one,) = compared(joined(row(), LATER, refund))
    assert (len(one.bills), one.billed, one.partial) == (2, Decimal("0.0921"), ())


def test_a_correction_of_a_later_month_is_not_the_bill_of_the_lease() -> None:
    correction = row(ChargeClass="Correction", BilledCost="-0.02", **DECEMBER)
    (one,) = compared(joined(LATER, correction))
    assert (one.billed, one.partial) == (Decimal("-0.02"), ("period-not-covered",))
    (both,) = compared(joined(row(), LATER, correction))
    assert (both.billed, both.partial) == (Decimal("0.1721"), ())


def test_a_month_that_began_earlier_east_of_greenwich_has_the_bill_of_its_first_hours() -> None:
    began = START.replace(day=30, hour=20)
    december = row(
        BillingPeriodStart="2026-12-01T00:00:00+08:00",
        BillingPeriodEnd="2027-01-01T00:00:00+08:00",
        ChargePeriodStart="2026-12-01T04:00:00+08:00",
        ChargePeriodEnd="2026-12-01T05:00:00+08:00",
    )
    ended = closed().model_copy(update={"stopped": began + timedelta(minutes=10)})
    (one,) = compared(joined(december, IN_DECEMBER, documents=[opened(started=began), ended]))
    assert (one.billed, one.partial) == (Decimal("0.1921"), ())


@pytest.mark.parametrize("category", ["Purchase", "Tax", "Usage"])
def test_a_charge_that_reaches_into_the_future_does_not_say_how_far_charges_go(category: str) -> None:
    period = {"ChargePeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodEnd": "2027-11-01T00:00:00Z"}
    plan = row(ResourceId="plan", ChargeCategory=category, **period)
    (one,) = compared(joined(row(), plan))
    assert one.partial == ("not-final",)
    result = joined(plan)
    assert "none yet" in as_text(compared(result), result)


def test_a_charge_of_a_month_covers_its_own_lease() -> None:
    period = {"ChargePeriodStart": "2026-11-01T00:00:00Z", "ChargePeriodEnd": "2026-12-01T00:00:00Z"}
    (one,) = compared(joined(row(**period)))
    assert one.partial == ("not-final",)


@pytest.mark.parametrize("name", ["ProviderName", "ServiceProviderName", "HostProviderName", "Provider", "Publisher"])
def test_how_far_one_provider_charged_says_nothing_of_another(name: str) -> None:
    later = LATER | row_of(name, "Amazon Web Services")
    (one,) = compared(joined(row() | row_of(name, "Google Cloud"), later, documents=[opened(provider="gcp"), closed()]))
    assert one.partial == ("not-final",)
    result = joined(later, documents=[opened(provider="gcp"), closed()])
    assert "none: no charge from gcp was read" in as_text(compared(result), result)


def row_of(name: str, cell: str) -> dict[str, Any]:
    return {name.casefold(): cell}

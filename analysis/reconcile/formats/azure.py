"""Azure's cost details, "actual cost", as Cost Management exports them.

https://learn.microsoft.com/azure/cost-management-billing/automate/understand-usage-details-fields, read 2026-11-25.
Agreements differ in the names of columns. A row is a day's use; its tags are JSON without the braces.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation

from analysis.reconcile.formats import cells as read
from analysis.reconcile.formats.charge import ChargeRow, Preview, lease_of, resource_of
from bench.record.documents import BillSource, ChargeCategory

_COSTS = ("costInBillingCurrency", "Cost", "PreTaxCost")
_CURRENCIES = ("billingCurrency", "billingCurrencyCode", "Currency")
_DATES = ("date", "usageDateTime", "usageDate")
_RESOURCES = ("resourceId", "instanceId", "instanceName")
_METERS = ("meterId", "meterName", "meter", "meterCategory")
# Columns of no other provider: many a bill has a date, a cost, a currency and a resource.
_OWN = (*_METERS, "subscriptionId", "resourceGroup", "resourceGroupName", "costInBillingCurrency", "PreTaxCost")
_CATEGORIES: dict[str, ChargeCategory] = {
    "purchase": "Purchase",
    "refund": "Credit",
    "tax": "Tax",
    "roundingadjustment": "Adjustment",
}
_PRICING = {"ondemand": "Standard", "spot": "Dynamic", "reservation": "Committed", "savingsplan": "Committed"}
# Rows that only the amortized export has: its costs are shares of a purchase that the actual cost holds whole.
_AMORTIZED = "holds amortized cost, which is not what was billed: export the actual cost"
_UNUSED = ("unusedreservation", "unusedsavingsplan")
_NOISE = Decimal("1e-9")  # what binary fractions leave of nothing
_DAY, _LONGEST = timedelta(days=1), timedelta(days=62)


@dataclass(frozen=True)
class Azure:
    """Rows of Azure's actual cost."""

    source: BillSource = "azure"
    title: str = "Azure actual cost"
    required: tuple[tuple[str, ...], ...] = (_COSTS, _CURRENCIES, _DATES, (*_RESOURCES, "tags"), _OWN)
    optional: tuple[str, ...] = (
        "billingPeriodStartDate",
        "billingPeriodEndDate",
        "chargeType",
        "invoiceId",
        *_METERS,
        "product",
        "productName",
        "pricingModel",
        "benefitName",
        "reservationName",
        "paygCostInBillingCurrency",
        "quantity",
        "unitOfMeasure",
    )
    identity: tuple[tuple[str, ...], ...] = (
        _DATES,
        ("chargeType",),
        ("meterId", "meterName", "productName", "product"),
        _COSTS,
        _CURRENCIES,
        ("subscriptionId", "subscriptionGuid"),
        _RESOURCES,
    )

    def preview(self, cells: read.Cells) -> Preview:
        """By the tag: on Azure a bill does not carry the id that a machine knows itself by."""
        tag, error = lease_of(cells, "tags")
        since = until = None
        kind = (read.text(cells, "chargeType") or "usage").casefold()
        if kind == "usage":
            with suppress(ValueError, OverflowError):
                since = read.instant(read.text(cells, *_DATES))
                until = since + _DAY
        return Preview(
            tag=tag,
            tag_error=error,
            resource_id=resource_of(read.text(cells, *_RESOURCES)),
            period=_period_name(cells),
            provider="azure",
            since=since,
            until=until,
            refused=_AMORTIZED if kind in _UNUSED or (kind == "usage" and _shares(cells)) else None,
        )

    def charge(self, cells: read.Cells) -> ChargeRow:
        """Raises ValueError, naming the column, for what it cannot hold."""
        start = read.required(cells, _first(cells, _DATES), read.instant)
        cost = _first(cells, _COSTS)
        unreadable: list[str] = []
        billed = read.required(cells, cost, read.number)
        pricing = _pricing(cells)
        return ChargeRow(
            resource_id=resource_of(read.text(cells, *_RESOURCES)),
            currency=read.required(cells, _first(cells, _CURRENCIES), read.currency),
            billing_period=_period(cells, start),
            charge_period=(start, start + _DAY),
            category=_CATEGORIES.get((read.text(cells, "chargeType") or "").casefold(), "Usage"),
            description=read.description(cells, "meterName", "meter", "productName", "product", "meterCategory"),
            billed_cost=billed,
            cost_column=cost,
            # What a commitment covers costs nothing here; what it was worth, only the amortized export says.
            effective_cost=None if pricing == "Committed" else billed,
            list_cost=read.optional(cells, "paygCostInBillingCurrency", unreadable),
            pricing_category=pricing,
            commitment=(read.description(cells, "benefitName", "reservationName") or None)
            if pricing == "Committed"
            else None,
            quantity=read.optional(cells, "quantity", unreadable),
            unit=read.text(cells, "unitOfMeasure"),
            final=None if read.text(cells, "invoiceId") or "invoiceid" not in cells else False,
            unreadable=tuple(unreadable),
        )


def _period(cells: read.Cells, day: datetime) -> read.Period:
    """The billing period, which can begin in mid-month, and whose end is written as its last day."""
    edges = [f"billingPeriod{edge}Date" for edge in ("Start", "End")]
    if read.text(cells, edges[0]) is None:
        return read.month_of(day)
    first = read.required(cells, edges[0], read.instant)
    if read.text(cells, edges[1]) is None:
        return first, read.next_month(first)
    last = read.required(cells, edges[1], read.instant)
    if not first <= last <= first + _LONGEST:
        raise ValueError("billingPeriodEndDate is not within two months after billingPeriodStartDate")
    return first, last + _DAY


def _period_name(cells: read.Cells) -> str:
    """Its first day, or else that of the charge's month: the same, for a column that only some runs have."""
    first = read.text(cells, "billingPeriodStartDate")
    return read.period_of(first or f"{read.period_of(read.text(cells, *_DATES) or '')[:7]}-01")


def _pricing(cells: read.Cells) -> str | None:
    return _PRICING.get((read.text(cells, "pricingModel") or "").replace(" ", "").casefold())


def _shares(cells: read.Cells) -> bool:
    """Whether use that a commitment covers has a cost: in actual cost it has none."""
    if _pricing(cells) != "Committed":
        return False
    with suppress(ValueError, InvalidOperation):
        return abs(read.number(cells.get(read.column(_first(cells, _COSTS))))) > _NOISE
    return False


def _first(cells: read.Cells, names: tuple[str, ...]) -> str:
    """The first of these columns that the file has, filled ones before empty ones."""
    there = [name for name in names if read.column(name) in cells]
    return next((name for name in there if not read.blank(cells[read.column(name)])), (*there, *names)[0])

"""FOCUS, the FinOps Open Cost and Usage Specification, versions 1.0 to 1.4.

https://focus.finops.org/focus-specification/, read 2026-11-22. Providers spell columns and words in several ways:
Google's view writes categories in small letters, and Microsoft's and Snowflake's exports write NULL as text. FOCUS 1.4
has ServiceProviderName and HostProviderName in place of ProviderName and PublisherName.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from analysis.reconcile.formats import cells as read
from analysis.reconcile.formats.charge import ChargeRow, Preview, lease_of, resource_of
from bench.record.documents import BillSource

# Whose machine it is. Oracle's reports have the last two, from a preview of FOCUS.
_PROVIDER_COLUMNS = ("HostProviderName", "ServiceProviderName", "ProviderName", "Provider", "Publisher")
_ESTIMATED = "holds estimates (x_Estimated), as `bench export focus` writes them, which are no bill"
_PROVIDERS = {"amazon": "aws", "microsoft": "azure", "google": "gcp", "oracle": "oci"}


@dataclass(frozen=True)
class Focus:
    """Charges as FOCUS has them."""

    source: BillSource = "focus"
    title: str = "FOCUS"
    required: tuple[tuple[str, ...], ...] = (
        ("BillingCurrency",),
        ("BillingPeriodStart",),
        ("BillingPeriodEnd",),
        ("ChargePeriodStart",),
        ("ChargePeriodEnd",),
        ("ChargeCategory",),
        ("BilledCost",),
        ("ResourceId", "Tags"),
    )
    optional: tuple[str, ...] = (
        "EffectiveCost",
        "ListCost",
        "ChargeDescription",
        "PricingCategory",
        "ConsumedQuantity",
        "ConsumedUnit",
        "InvoiceId",
        "CommitmentDiscountId",
        "CommitmentDiscountName",
        "CommitmentDiscountType",
        *_PROVIDER_COLUMNS,
        "x_Estimated",
    )
    identity: tuple[tuple[str, ...], ...] = (
        ("ChargePeriodStart",),
        ("ChargePeriodEnd",),
        ("ChargeCategory",),
        ("ChargeClass",),
        ("ChargeDescription",),
        ("BilledCost",),
        ("BillingCurrency",),
        ("SubAccountId", "BillingAccountId"),
        ("ResourceId",),
    )

    def preview(self, cells: read.Cells) -> Preview:
        """By the tag in Tags, or in a column of its own, and the resource in ResourceId."""
        tag, error = lease_of(cells, "Tags")
        # A purchase or tax of a whole month or year is there from the first day of it.
        usage = str(cells.get("chargecategory")).strip().casefold() == "usage"
        start, end = cells.get("chargeperiodstart"), cells.get("chargeperiodend")
        until = read.shown_until(start, end) if usage else None
        return Preview(
            tag=tag,
            tag_error=error,
            resource_id=resource_of(cells.get("resourceid")),
            period=read.period_of(cells.get("billingperiodstart")),
            provider=_provider(read.text(cells, *_PROVIDER_COLUMNS)),
            since=read.shown_since(start, until),
            until=until,
            refused=_ESTIMATED
            if "xestimated" in cells and (read.text(cells, "x_Estimated") or "").casefold() == "true"
            else None,
        )

    def charge(self, cells: read.Cells) -> ChargeRow:
        """Raises ValueError, naming the column, for what it cannot hold."""
        period = read.required(cells, "BillingPeriodStart", read.period_start)
        period_end = read.required(cells, "BillingPeriodEnd", read.instant)
        if period_end <= period:
            raise ValueError("BillingPeriodEnd is not after BillingPeriodStart")
        unreadable: list[str] = []
        # An invoice can be provisional until its period is over, so an id says only that charges got that far.
        invoiced = read.column("InvoiceId") not in cells or read.text(cells, "InvoiceId")
        return ChargeRow(
            resource_id=resource_of(cells.get("resourceid")),
            currency=read.required(cells, "BillingCurrency", read.currency),
            billing_period=(period, period_end),
            charge_period=read.charge_period(cells, "ChargePeriodStart", "ChargePeriodEnd"),
            category=read.required(cells, "ChargeCategory", read.category),
            description=read.description(cells, "ChargeDescription"),
            billed_cost=read.required(cells, "BilledCost", read.number),
            cost_column="BilledCost",
            effective_cost=read.optional(cells, "EffectiveCost", unreadable),
            list_cost=read.optional(cells, "ListCost", unreadable),
            pricing_category=read.pricing(read.text(cells, "PricingCategory")),
            commitment=_commitment(cells),
            quantity=read.optional(cells, "ConsumedQuantity", unreadable),
            unit=read.text(cells, "ConsumedUnit"),
            final=None if invoiced else False,
            unreadable=tuple(unreadable),
        )


def _commitment(cells: read.Cells) -> str | None:
    """Such as `Savings Plan sp-1`, without the account."""
    kind = read.description(cells, "CommitmentDiscountType")
    name = read.description(cells, "CommitmentDiscountName") or resource_of(cells.get("commitmentdiscountid"))
    return " ".join(part for part in (kind, name) if part) or None


@lru_cache(64)  # the rows of an export share a few
def _provider(name: str | None) -> str:
    """The provider in the words of leases: `aws` for Amazon Web Services."""
    if name is None:
        return ""
    word = name.casefold().split()[0]
    return _PROVIDERS.get(word, word)

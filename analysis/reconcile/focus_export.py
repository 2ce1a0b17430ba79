"""Our own estimates as a FOCUS 1.0 file: a row for each lease and each priced part of it.

A machine of one's own that has a price is among them, as in the report; its provider is called `own`.
FOCUS has no word for an estimate: every cost column holds the same amount, no invoice is named, and the column
`x_Estimated` says it. Five columns are there twice: focus-validator 1.0.0 asks for them in its rules for FOCUS 1.0
under the names that they had in a preview.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from analysis.frames.leases import Lease, leases_of, oldest_first, paid_for
from bench.billing import SECONDS_PER_HOUR, Estimate
from bench.errors import BenchError
from bench.record.documents import LEASE_TAG, AnyDocument
from bench.text import csv_cell, one_line

_SERVICES = {
    "machine": ("Compute", "Virtual machine"),
    "disk": ("Storage", "Block storage"),
    "public-ip": ("Networking", "Public address"),
    "egress": ("Networking", "Data transfer"),
}
_COSTS = ("BilledCost", "ContractedCost", "EffectiveCost", "ListCost")
# The name in a preview of FOCUS -> the name in FOCUS 1.0.
_PREVIEW = {
    "ChargeType": "ChargeCategory",
    "InvoiceIssuer": "InvoiceIssuerName",
    "Provider": "ProviderName",
    "Publisher": "PublisherName",
    "ResourceID": "ResourceId",
}
COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "AvailabilityZone",
    "x_Estimated",
    *_PREVIEW,
)


def as_focus(documents: Iterable[AnyDocument]) -> tuple[str, list[BenchError]]:
    """The CSV, and the leases that have no estimate, with why: what is unknown is left out, never 0.

    Machines of one's own without a price cost nobody anything, and are in neither.
    """
    out, unknown = io.StringIO(), []
    writer = csv.DictWriter(out, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for lease in oldest_first(paid_for(leases_of(documents))):
        estimate = lease.estimate()
        if estimate.amount is None:
            unknown.append(BenchError(f"lease {lease.id} is left out: {estimate.why}"))
            continue
        writer.writerows(_rows(lease, estimate))
    return out.getvalue(), unknown


def _rows(lease: Lease, estimate: Estimate) -> Iterator[dict[str, str]]:
    common = _common(lease)
    for part in estimate.parts:
        if part.amount is None:
            continue
        category, service = _SERVICES[part.part]
        row = common | dict.fromkeys(_COSTS, _plain(part.amount.value))
        row |= {"BillingCurrency": part.amount.currency, "ServiceCategory": category, "ServiceName": service}
        row["ChargeDescription"] = f"{service}, as estimated by bench"
        row["SkuPriceId"] = f"{row['SkuId']}/{part.part}/{row['PricingCategory']}"
        if part.part == "machine" and estimate.billed_seconds:
            hours = estimate.billed_seconds / SECONDS_PER_HOUR
            row |= dict.fromkeys(("PricingQuantity", "ConsumedQuantity"), _plain(hours))
            row |= dict.fromkeys(("PricingUnit", "ConsumedUnit"), "Hours")
            row |= dict.fromkeys(("ListUnitPrice", "ContractedUnitPrice"), _plain(part.amount.value / hours))
        yield row | {old: row[new] for old, new in _PREVIEW.items()}


def _common(lease: Lease) -> dict[str, str]:
    """What the rows of one lease share. Records hold no account, so its id says that there is none."""
    opened, stopped = lease.opened, lease.stopped
    assert stopped is not None  # an open lease has no estimate
    assert opened.price is not None  # nor has one without a price
    provider, region, instance = _text(opened.provider), _text(opened.region), _text(opened.instance_type)
    month = opened.started.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return {
        "BillingAccountId": "none",
        "BillingPeriodStart": _utc(month),
        "BillingPeriodEnd": _utc((month + timedelta(days=32)).replace(day=1)),
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _utc(opened.started),
        "ChargePeriodEnd": _utc(stopped),
        "InvoiceIssuerName": provider,
        "PricingCategory": opened.price.pricing_category,
        "ProviderName": provider,
        "PublisherName": provider,
        "RegionId": region,
        "RegionName": region,
        "ResourceId": _text(opened.resource_id),
        "ResourceType": instance,
        "SkuId": f"{provider}/{instance}" if instance else provider,
        "AvailabilityZone": _text(opened.zone),
        "Tags": json.dumps({LEASE_TAG: lease.id}),
        "x_Estimated": "true",
    }


def _text(name: str | None) -> str:
    return csv_cell(one_line(name or ""))


def _plain(amount: Decimal) -> str:
    """Twelve decimals, never an exponent."""
    return f"{amount:.12f}".rstrip("0").rstrip(".")


def _utc(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%SZ}"

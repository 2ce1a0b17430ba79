"""AWS Cost and Usage Report: CUR 2.0 of Data Exports, CSV and Parquet, and the older one, which has the same columns.

https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html, read 2026-11-25. The older report writes
`lineItem/UnblendedCost` for `line_item_unblended_cost` and has a column for each tag.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from analysis.reconcile.formats import cells as read
from analysis.reconcile.formats.aws_kinds import (
    RESERVED,
    SAVINGS_PLAN,
    category_of,
    commitment_of,
    is_negation,
    is_offset,
)
from analysis.reconcile.formats.charge import ChargeRow, Preview, lease_of, resource_of
from bench.record.documents import BillSource

_ARNS = {SAVINGS_PLAN: "savings_plan_savings_plan_a_r_n", RESERVED: "reservation_reservation_a_r_n"}
_EFFECTIVE = {
    SAVINGS_PLAN: "savings_plan_savings_plan_effective_cost",
    RESERVED: "reservation_effective_cost",
}


@dataclass(frozen=True)
class Cur2:
    """Lines of AWS's report."""

    source: BillSource = "cur2"
    title: str = "AWS CUR 2.0"
    required: tuple[tuple[str, ...], ...] = (
        ("line_item_unblended_cost",),
        ("line_item_currency_code",),
        ("line_item_usage_start_date",),
        ("line_item_usage_end_date",),
        ("line_item_line_item_type",),
        ("bill_billing_period_start_date",),
        (
            "line_item_resource_id",
            "resource_tags",
            "tags",  # a map of all kinds of tags, with keys as `resourceTags/user:bench-lease`
            "resource_tags_user_bench_lease",
            "resourceTags/user:bench-lease",
        ),
    )
    optional: tuple[str, ...] = (
        "bill_billing_period_end_date",
        "bill_invoice_id",
        "line_item_net_unblended_cost",
        "line_item_line_item_description",
        "line_item_usage_amount",
        "line_item_usage_type",
        "pricing_public_on_demand_cost",
        "pricing_unit",
        *_ARNS.values(),
        *_EFFECTIVE.values(),
    )
    identity: tuple[tuple[str, ...], ...] = (
        ("line_item_usage_start_date",),
        ("line_item_usage_end_date",),
        ("line_item_line_item_type",),
        ("line_item_usage_type",),
        ("line_item_line_item_description",),
        ("line_item_unblended_cost",),
        ("line_item_currency_code",),
        ("line_item_usage_account_id",),
    )

    def preview(self, cells: read.Cells) -> Preview:
        """By the tag, in its own column or among the others, and the resource."""
        tag, error = lease_of(cells, "resource_tags", "tags")
        start, end = (cells.get(read.column(f"line_item_usage_{edge}_date")) for edge in ("start", "end"))
        until = read.shown_until(start, end) if category_of(_kind(cells)) == "Usage" else None
        return Preview(
            tag=tag,
            tag_error=error,
            resource_id=resource_of(cells.get(read.column("line_item_resource_id"))),
            period=read.period_of(cells.get(read.column("bill_billing_period_start_date"))),
            provider="aws",
            since=read.shown_since(start, until),
            until=until,
        )

    def charge(self, cells: read.Cells) -> ChargeRow:
        """Raises ValueError, naming the column, for what it cannot hold."""
        kind, unreadable = _kind(cells), list[str]()
        billed = read.required(cells, "line_item_unblended_cost", read.number)
        name = commitment_of(kind)
        effective = read.optional(cells, _EFFECTIVE.get(name, "line_item_net_unblended_cost"), unreadable)
        plan = resource_of(cells.get(read.column(_ARNS.get(name, ""))))
        period = read.required(cells, "bill_billing_period_start_date", read.period_start)
        spot = "spotusage" in (read.text(cells, "line_item_usage_type") or "").casefold()
        return ChargeRow(
            resource_id=resource_of(cells.get(read.column("line_item_resource_id"))),
            currency=read.required(cells, "line_item_currency_code", read.currency),
            billing_period=(period, read.next_month(period)),
            charge_period=read.charge_period(cells, "line_item_usage_start_date", "line_item_usage_end_date"),
            category=category_of(kind),
            description=read.description(cells, "line_item_line_item_description") or kind,
            billed_cost=Decimal(0) if is_offset(kind) else billed,
            cost_column="line_item_unblended_cost",
            effective_cost=Decimal(0) if is_negation(kind) else effective,
            list_cost=read.optional(cells, "pricing_public_on_demand_cost", unreadable),
            pricing_category="Committed" if name else "Dynamic" if spot else None,
            commitment=" ".join(part for part in (name, plan) if part) or None,
            quantity=read.optional(cells, "line_item_usage_amount", unreadable),
            unit=read.text(cells, "pricing_unit"),
            final=None if read.text(cells, "bill_invoice_id") or "billinvoiceid" not in cells else False,
            unreadable=tuple(unreadable),
        )


def _kind(cells: read.Cells) -> str:
    return read.text(cells, "line_item_line_item_type") or ""

"""What AWS charges: its Cost and Usage Report, and Cost Explorer, a day at a time, by the tag `bench-lease`.

The report is CUR 2.0 of Data Exports, CSV and Parquet, or the older one, which has the same columns: it writes
`lineItem/UnblendedCost` for `line_item_unblended_cost` and has a column for each tag.
https://docs.aws.amazon.com/cur/latest/userguide/table-dictionary-cur2.html, read 2026-11-25.

For Cost Explorer the tag has to be activated as a cost allocation tag in the billing console, and counts from then on.
AWS charges $0.01 for each request (https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/, read
2026-11-22); a year of leases takes one, or a few where the answer has pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from analysis.reconcile.formats import cells as read
from analysis.reconcile.formats.charge import ChargeRow, Preview, Row, RowError, lease_of, resource_of
from bench.errors import BenchError
from bench.record.documents import LEASE_TAG, BillSource, ChargeCategory

# The type of a line as a kind of charge: table-dictionary-cur2-line-item.html beside the page above, read 2026-11-25.
# Cost Explorer writes some types in words: `Enterprise Discount Program Discount` for EdpDiscount.
SAVINGS_PLAN, RESERVED = "Savings Plan", "Reserved"
_CATEGORIES: dict[str, ChargeCategory] = {
    "tax": "Tax",
    "credit": "Credit",
    "refund": "Credit",
    "fee": "Purchase",
    "rifee": "Purchase",
    "savingsplanupfrontfee": "Purchase",
    "savingsplanrecurringfee": "Purchase",
}
_COMMITMENTS = {"savingsplancoveredusage": SAVINGS_PLAN, "discountedusage": RESERVED}
_NEGATION = "savingsplannegation"


def category_of(kind: str) -> ChargeCategory:
    """FOCUS's category: every discount, of whatever programme, is a credit; the rest, as DiscountedUsage, is use."""
    plain = _plain(kind)
    if plain.endswith("discount"):
        return "Credit"
    return _CATEGORIES.get(plain, "Usage")


def commitment_of(kind: str) -> str:
    """What covers a line of this kind, a savings plan or a reservation; empty: nothing does."""
    return _COMMITMENTS.get(_plain(kind), "")


def is_offset(kind: str) -> bool:
    """Whether another line takes this one back: a plan covers use at the price on demand, and a negation offsets it."""
    return is_negation(kind) or commitment_of(kind) == SAVINGS_PLAN


def is_negation(kind: str) -> bool:
    """Whether it takes back what a savings plan covers: it has no cost and no effective cost of its own."""
    return _plain(kind) == _NEGATION


def _plain(kind: str) -> str:
    return kind.replace(" ", "").replace("-", "").casefold()


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


@dataclass(frozen=True)
class CostExplorer:
    """Groups of Cost Explorer's answer, each with its day."""

    source: BillSource = "cost-explorer"
    title: str = "Cost Explorer"
    required: tuple[tuple[str, ...], ...] = (("Start",), ("End",), ("Tag",), ("RECORD_TYPE",), ("UnblendedCost",))
    optional: tuple[str, ...] = ("Unit", "NetAmortizedCost", "Estimated")
    identity: tuple[tuple[str, ...], ...] = ()  # it is asked once, not exported again

    def preview(self, cells: read.Cells) -> Preview:
        """By the tag: an answer by day names no resource."""
        until = None
        if category_of(cells["recordtype"]) == "Usage":
            until = read.shown_until(cells["start"], cells["end"])
        return Preview(cells["tag"] or None, None, str(cells["start"])[:7], "aws", until=until)

    def charge(self, cells: read.Cells) -> ChargeRow:
        """Raises ValueError, naming the metric, for what it cannot hold."""
        start = read.required(cells, "Start", read.instant)
        kind, unreadable = cells["recordtype"], list[str]()
        billed = read.required(cells, "UnblendedCost", read.number)
        effective = read.optional(cells, "NetAmortizedCost", unreadable)
        commitment = commitment_of(kind) or None
        return ChargeRow(
            resource_id=None,
            currency=read.required(cells, "Unit", read.currency),
            billing_period=read.month_of(start),
            charge_period=(start, read.required(cells, "End", read.instant)),
            category=category_of(kind),
            description=kind,
            billed_cost=Decimal(0) if is_offset(kind) else billed,
            cost_column="UnblendedCost",
            effective_cost=Decimal(0) if is_negation(kind) else effective,
            pricing_category="Committed" if commitment else None,
            commitment=commitment,
            final=not cells["estimated"],
            unreadable=tuple(unreadable),
        )


def daily_charges(since: date, until: date) -> Iterator[Row]:
    """Every tagged charge from the day `since` to before the day `until`.

    Raises BenchError where Cost Explorer does not answer.
    """
    form = CostExplorer()
    for day in _results(since, until):
        period = day.get("TimePeriod", {})
        where = f"Cost Explorer {period.get('Start')}"
        if not {"Start", "End"} <= period.keys():
            yield Row(where, form, RowError("Cost Explorer: a result without a period; it is not counted"))
            continue
        for group in day.get("Groups", ()):
            try:
                cells = _cells(group, period, estimated=day.get("Estimated", True))
            except (KeyError, TypeError, ValueError) as error:
                yield Row(where, form, RowError(f"{where}: {error!r} in {group}; it is not counted"))
                continue
            if cells["tag"]:
                yield Row(where, form, cells)


def _cells(group: dict[str, Any], period: dict[str, str], *, estimated: bool) -> dict[str, Any]:
    key, kind = group["Keys"]
    cost, effective = group["Metrics"]["UnblendedCost"], group["Metrics"].get("NetAmortizedCost", {})
    return {
        "start": period["Start"][:10],
        "end": period["End"][:10],
        "tag": key.removeprefix(f"{LEASE_TAG}$"),
        "recordtype": kind,
        "unblendedcost": cost["Amount"],
        "unit": cost["Unit"],
        "netamortizedcost": effective.get("Amount"),
        "estimated": estimated,
    }


def _results(since: date, until: date) -> Iterator[dict[str, Any]]:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    question: dict[str, Any] = {
        "TimePeriod": {"Start": since.isoformat(), "End": until.isoformat()},
        "Granularity": "DAILY",
        "Metrics": ["UnblendedCost", "NetAmortizedCost"],
        "GroupBy": [{"Type": "TAG", "Key": LEASE_TAG}, {"Type": "DIMENSION", "Key": "RECORD_TYPE"}],
        "Filter": {"Not": {"Tags": {"Key": LEASE_TAG, "MatchOptions": ["ABSENT"]}}},
    }
    try:
        client = boto3.client("ce", region_name="us-east-1")  # it has no other
        while True:
            answer = client.get_cost_and_usage(**question)
            yield from answer.get("ResultsByTime", ())
            if not answer.get("NextPageToken"):
                return
            question["NextPageToken"] = answer["NextPageToken"]
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code"))
        raise BenchError(
            f"Cost Explorer refused the request ({code}); the credentials need ce:GetCostAndUsage, and it answers for "
            "the last 14 months"
        ) from None
    except (BotoCoreError, ValueError) as error:  # its text can hold the URL that was asked, and what stands in it
        raise BenchError(
            f"Cost Explorer cannot be asked ({type(error).__name__}); check the credentials and the network"
        ) from None

"""Charges from AWS Cost Explorer, a day at a time, by the tag `bench-lease`.

The tag has to be activated as a cost allocation tag in the billing console, and counts from then on. AWS charges
$0.01 for each request (https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/, read 2026-11-22);
a year of leases takes one, or a few where the answer has pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from analysis.reconcile.formats import cells as read
from analysis.reconcile.formats.aws_kinds import category_of, commitment_of, is_negation, is_offset
from analysis.reconcile.formats.charge import ChargeRow, Preview, Row, RowError
from bench.errors import BenchError
from bench.record.documents import LEASE_TAG, BillSource


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

"""Charges from AWS Cost Explorer, a day at a time, by the tag `bench-lease`.

The tag has to be activated as a cost allocation tag in the billing console, and counts from then on. AWS charges
$0.01 for each request (https://aws.amazon.com/aws-cost-management/aws-cost-explorer/pricing/, read 2026-11-22);
a year of leases takes one, or a few where the answer has pages.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from analysis.reconcile.focus import ChargeRow, RowError
from bench.errors import BenchError
from bench.record.documents import LEASE_TAG, ChargeCategory

# Cost Explorer's RECORD_TYPE -> FOCUS's ChargeCategory; the rest, such as Usage and SavingsPlanCoveredUsage, is use.
_CATEGORIES: dict[str, ChargeCategory] = {
    "Tax": "Tax",
    "Credit": "Credit",
    "Refund": "Credit",
    "Fee": "Purchase",
    "RIFee": "Purchase",
    "SavingsPlanUpfrontFee": "Purchase",
    "SavingsPlanRecurringFee": "Purchase",
}


def daily_charges(since: date, until: date) -> Iterator[ChargeRow | RowError]:
    """Every tagged charge from the day `since` to before the day `until`, or what is wrong with one.

    Raises BenchError where Cost Explorer does not answer.
    """
    for day in _results(since, until):
        try:
            period = _midnight(day["TimePeriod"]["Start"]), _midnight(day["TimePeriod"]["End"])
        except (KeyError, TypeError, ValueError):
            yield RowError("Cost Explorer: a result without a period; it is not counted")
            continue
        for group in day.get("Groups", ()):
            try:
                row = _row(group, period, final=not day.get("Estimated", True))
            except (KeyError, TypeError, ValueError, InvalidOperation) as error:
                yield RowError(f"Cost Explorer {period[0]:%Y-%m-%d}: {error!r} in {group}; it is not counted")
                continue
            if row is not None:
                yield row


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


def _row(group: dict[str, Any], period: tuple[datetime, datetime], *, final: bool) -> ChargeRow | None:
    """The charge in `group`; None for one without a lease."""
    key, kind = group["Keys"]
    tag = key.removeprefix(f"{LEASE_TAG}$")
    if not tag:
        return None
    cost = group["Metrics"]["UnblendedCost"]
    effective = group["Metrics"].get("NetAmortizedCost")
    month = period[0].replace(day=1)
    return ChargeRow(
        resource_id=None,
        tag=tag,
        currency=cost["Unit"],
        billing_period=(month, (month + timedelta(days=32)).replace(day=1)),
        charge_period=period,
        category=_CATEGORIES.get(kind, "Usage"),
        description=kind,
        billed_cost=Decimal(cost["Amount"]),
        effective_cost=Decimal(effective["Amount"]) if effective else None,
        final=final,
    )


def _midnight(day: str) -> datetime:
    return datetime.combine(date.fromisoformat(day[:10]), datetime.min.time(), UTC)

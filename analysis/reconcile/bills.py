"""Bills from matched charges: the sums of each lease, billing period and currency, and why more may follow."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from analysis.frames.leases import Lease
from analysis.reconcile.formats.charge import ChargeRow
from analysis.reconcile.match import Matched, MatchResult
from bench.record.documents import Bill, BillSource, Charge, Partial, make_bill, sum_known

# Charges come up to a day late; two days after a lease ended they are taken to be complete.
LATE = timedelta(hours=48)


def bills_of(result: MatchResult) -> Iterator[Bill]:
    """The bills of the matched charges, one a lease, billing period, currency and source; tax included."""
    bills: dict[tuple[str, datetime, str, BillSource], list[Matched]] = {}
    for charge in result.matched:
        key = charge.lease.id, charge.row.billing_period[0], charge.row.currency, charge.source
        bills.setdefault(key, []).append(charge)
    for (lease_id, period, currency, source), charges in sorted(bills.items(), key=lambda item: item[0]):
        lease, rows = charges[0].lease, [charge.row for charge in charges]
        yield make_bill(
            lease_id=lease_id,
            provider=lease.opened.provider,
            source=source,
            joined_by="tag" if any(charge.by == "tag" for charge in charges) else "resource-id",
            billing_period_start=period,
            charge_period_start=min(row.charge_period[0] for row in rows),
            charge_period_end=max(row.charge_period[1] for row in rows),
            charged_until=result.until_of(lease.opened.provider),
            currency=currency,
            charges=_summed(rows),
            partial=_partial(result, lease, rows),
        )


def _partial(result: MatchResult, lease: Lease, rows: list[ChargeRow]) -> tuple[Partial, ...]:
    period_end = max(row.billing_period[1] for row in rows)
    until = result.until_of(lease.opened.provider)
    reached = max(row.charge_period[1] for row in rows)
    covered = max(reached, until or reached)
    reasons: list[Partial] = []
    if lease.stopped is None:
        reasons.append("lease-open")
    elif covered < min(lease.stopped, period_end):
        reasons.append("period-not-covered")
    if not _final(until, lease, rows, period_end):
        reasons.append("not-final")
    if lease.id in result.damaged:
        reasons.append("row-unreadable")
    return tuple(reasons)


def _final(until: datetime | None, lease: Lease, rows: list[ChargeRow], period_end: datetime) -> bool:
    """Whether no charge can follow: the source says so or, where it does not, the lease ended long ago."""
    stated = {row.final for row in rows}
    if False in stated:
        return False
    if stated == {True}:
        return True
    settled = min(lease.stopped + LATE, period_end) if lease.stopped else period_end
    return until is not None and until >= settled


def _summed(rows: list[ChargeRow]) -> list[Charge]:
    """One charge a kind and resource, in an order that the order of the rows does not change."""
    kinds: dict[tuple[str, ...], list[ChargeRow]] = {}
    for row in rows:
        words = (row.pricing_category, row.resource_id, row.unit, row.commitment)
        kinds.setdefault((row.category, row.description, *(word or "" for word in words)), []).append(row)
    return [
        Charge(
            description=kind[0].description,
            category=kind[0].category,
            pricing_category=kind[0].pricing_category,
            commitment=kind[0].commitment,
            resource_id=kind[0].resource_id,
            billed_cost=sum_known(row.billed_cost for row in kind) or Decimal(0),
            effective_cost=sum_known(row.effective_cost for row in kind),
            list_cost=sum_known(row.list_cost for row in kind),
            quantity=sum_known(row.quantity for row in kind),
            unit=kind[0].unit,
            rows=len(kind),
        )
        for _, kind in sorted(kinds.items())
    ]

"""What `bench reconcile` does: charges matched to leases, summed to bills, stored, and set beside the estimates.

A charge belongs to the lease that its tag `bench-lease` names, of several to the one on its resource; without a tag,
to the lease on its resource with which its charge period overlaps longest, or the nearest within an hour: providers
charge in whole hours or days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import Any

from analysis.frames.leases import NEAR, Lease, Reconciliation, leases_of, reconcile, rented
from analysis.reconcile.cost_explorer import daily_charges
from analysis.reconcile.focus import ChargeRow, RowError, charge_row, column, instant, resource_of, tag_of
from analysis.reconcile.focus_reader import export_files, read_rows
from bench.errors import BenchError
from bench.record.documents import (
    LEASE_TAG,
    AnyDocument,
    Bill,
    BillSource,
    Charge,
    JoinedBy,
    Partial,
    current_bills,
    make_bill,
    sum_known,
)
from bench.store import Store, read_all

# Charges come up to a day late; two days after a lease ended they are taken to be complete.
LATE = timedelta(hours=48)
_FAR = datetime.max.replace(tzinfo=UTC)


@dataclass
class LeaseCharges:
    """The charges of one lease, billing period and currency."""

    rows: list[ChargeRow] = field(default_factory=list)
    joined_by: JoinedBy = "tag"


@dataclass
class MatchResult:
    """The charges by lease, billing period and currency, and how many rows have no lease."""

    leases: Mapping[str, Lease]
    charges: dict[tuple[str, datetime, str], LeaseCharges] = field(default_factory=dict)
    orphans: Counter[str] = field(default_factory=Counter)  # rows by the tag of a lease without a record
    out_of_period: int = 0  # rows of a lease's machine from another time
    unrelated: int = 0  # rows of nothing that bench rented
    errors: list[RowError] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)  # leases of which a row could not be read
    until: datetime | None = None  # the end of the last charge of all

    def add(self, lease: Lease, row: ChargeRow, by: JoinedBy) -> None:
        """Put `row` on the bill of `lease`."""
        charges = self.charges.setdefault((lease.id, row.billing_period[0], row.currency), LeaseCharges(joined_by=by))
        charges.rows.append(row)
        if by == "tag":
            charges.joined_by = by


@dataclass(frozen=True)
class ReconcileResult:
    """Each lease beside its bills, the rows without a lease, and what could not be read."""

    reconciliations: list[Reconciliation]
    matched: MatchResult
    errors: Sequence[BenchError]


def from_focus(names: Iterable[str], store: Store) -> ReconcileResult:
    """Read FOCUS exports. Raises BenchError where one cannot be read, or is none; nothing is stored then."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    leases = rented(leases_of(documents))
    files = dict.fromkeys(chain.from_iterable(export_files(name) for name in names))
    matched = match(chain.from_iterable(read_rows(file) for file in files), leases)
    return _reconciled(matched, "focus", documents, errors, store)


def from_cost_explorer(since: date | None, store: Store) -> ReconcileResult:
    """Ask Cost Explorer, from `since` on or from the first lease on AWS. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    leases = {key: lease for key, lease in rented(leases_of(documents)).items() if lease.opened.provider == "aws"}
    matched = MatchResult(leases)
    if leases:
        first = min(lease.opened.started for lease in leases.values()).date()
        _ask(since or first, leases, matched)
    return _reconciled(matched, "cost-explorer", documents, errors, store)


def _ask(since: date, leases: dict[str, Lease], matched: MatchResult) -> None:
    tagged = _by_tag(leases)
    for row in daily_charges(since, datetime.now(UTC).date() + timedelta(days=1)):
        if isinstance(row, RowError):
            matched.errors.append(row)
            continue
        matched.until = max(matched.until or row.charge_period[1], row.charge_period[1])
        candidates = tagged.get(row.tag or "")
        if candidates is None:
            matched.orphans[row.tag or ""] += 1
        else:
            matched.add(_nearest(row, candidates), row, "tag")


def _reconciled(
    matched: MatchResult,
    source: BillSource,
    documents: Sequence[AnyDocument],
    errors: Sequence[BenchError],
    store: Store,
) -> ReconcileResult:
    bills = list(bills_of(matched, source))
    for bill in bills:
        store.put(bill)
    stored = [document for document in documents if isinstance(document, Bill)]
    # The other source counts the same money again, so the two are never added.
    of_source = [bill for bill in current_bills([*stored, *bills]) if bill.source == source]
    return ReconcileResult(reconcile(matched.leases, of_source), matched, [*errors, *matched.errors])


def _by_tag(leases: Mapping[str, Lease]) -> dict[str, list[Lease]]:
    """The leases by the tag on their machines. The machines of one launch share a tag."""
    tagged: dict[str, list[Lease]] = {}
    for lease in leases.values():
        tagged.setdefault(lease.opened.tags.get(LEASE_TAG, lease.id), []).append(lease)
    return tagged


def match(rows: Iterable[tuple[str, Mapping[str, Any] | RowError]], leases: Mapping[str, Lease]) -> MatchResult:
    """Match each row to its lease. Only rows that belong to one are read in full: a bill has many others."""
    result = MatchResult(leases)
    tagged = _by_tag(leases)
    by_resource: dict[str, list[Lease]] = {}
    for lease in leases.values():
        if lease.opened.resource_id:
            by_resource.setdefault(lease.opened.resource_id, []).append(lease)
    for where, cells in rows:
        if isinstance(cells, RowError):
            result.errors.append(cells)
            continue
        _extend_period(result, cells)
        tag, resource = tag_of(cells.get(column("Tags"))), resource_of(cells.get(column("ResourceId")))
        if tag in tagged or (tag is None and resource in by_resource):
            candidates = tagged[tag] if tag else by_resource[resource or ""]
            _match_row(result, where, cells, candidates, "tag" if tag else "resource-id")
        elif tag:
            result.orphans[tag] += 1
        else:
            result.unrelated += 1
    return result


def _extend_period(result: MatchResult, cells: Mapping[str, Any]) -> None:
    try:
        end = instant(cells.get(column("ChargePeriodEnd")))
    except (ValueError, TypeError, OverflowError):
        return
    result.until = end if result.until is None else max(result.until, end)


def _match_row(
    result: MatchResult, where: str, cells: Mapping[str, Any], candidates: list[Lease], by: JoinedBy
) -> None:
    try:
        row = charge_row(cells)
    except ValueError as error:
        result.errors.append(RowError(f"{where}: {error}; the row is not counted"))
        result.damaged |= {lease.id for lease in candidates}
        return
    if by == "tag":
        on_resource = [lease for lease in candidates if lease.opened.resource_id in (None, row.resource_id)]
        result.add(_nearest(row, on_resource or candidates), row, by)
        return
    lease = _nearest(row, candidates)
    if _overlap(row, lease) < -NEAR:
        result.out_of_period += 1
    else:
        result.add(lease, row, by)


def _nearest(row: ChargeRow, leases: Sequence[Lease]) -> Lease:
    """The lease that shares most of its time with the charge, or is nearest to it."""
    return max(leases, key=lambda lease: _overlap(row, lease))


def _overlap(row: ChargeRow, lease: Lease) -> timedelta:
    """How long both last together; below zero, how far apart they are."""
    start, end = row.charge_period
    return min(end, lease.stopped or _FAR) - max(start, lease.opened.started)


def bills_of(result: MatchResult, source: BillSource) -> Iterator[Bill]:
    """The bills of the matched charges, one a lease, billing period and currency; tax included."""
    for (lease_id, period, currency), charges in sorted(result.charges.items(), key=lambda item: item[0]):
        lease = result.leases[lease_id]
        yield make_bill(
            lease_id=lease_id,
            provider=lease.opened.provider,
            source=source,
            joined_by=charges.joined_by,
            billing_period_start=period,
            charge_period_start=min(row.charge_period[0] for row in charges.rows),
            charge_period_end=max(row.charge_period[1] for row in charges.rows),
            currency=currency,
            charges=_summed(charges.rows),
            partial=_partial(result, lease, charges.rows),
        )


def _partial(result: MatchResult, lease: Lease, rows: list[ChargeRow]) -> tuple[Partial, ...]:
    period_end = max(row.billing_period[1] for row in rows)
    reasons: list[Partial] = []
    if lease.stopped is None:
        reasons.append("lease-open")
    elif result.until is None or result.until < min(lease.stopped, period_end):
        reasons.append("period-not-covered")
    if not _final(result, lease, rows, period_end):
        reasons.append("not-final")
    if lease.id in result.damaged:
        reasons.append("row-unreadable")
    return tuple(reasons)


def _final(result: MatchResult, lease: Lease, rows: list[ChargeRow], period_end: datetime) -> bool:
    """Whether no charge can follow: all are invoiced or, where the source does not say, the lease ended long ago."""
    stated = [row.final for row in rows if row.final is not None]
    if stated:
        return all(stated)
    settled = min(lease.stopped + LATE, period_end) if lease.stopped else period_end
    return result.until is not None and result.until >= settled


def _summed(rows: list[ChargeRow]) -> list[Charge]:
    """One charge a kind and resource, in an order that the order of the rows does not change."""
    kinds: dict[tuple[str, ...], list[ChargeRow]] = {}
    for row in rows:
        key = (row.category, row.description, row.pricing_category or "", row.resource_id or "", row.unit or "")
        kinds.setdefault(key, []).append(row)
    return [
        Charge(
            description=kind[0].description,
            category=kind[0].category,
            pricing_category=kind[0].pricing_category,
            resource_id=kind[0].resource_id,
            billed_cost=sum((row.billed_cost for row in kind), Decimal(0)),
            effective_cost=sum_known(row.effective_cost for row in kind),
            list_cost=sum_known(row.list_cost for row in kind),
            quantity=sum_known(row.quantity for row in kind),
            unit=kind[0].unit,
            rows=len(kind),
        )
        for _, kind in sorted(kinds.items())
    ]

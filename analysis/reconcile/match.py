"""The bill against the estimate: charges are joined to leases, by tag or by resource, and added up.

A charge belongs to the lease that its tag `bench-lease` names, of several to the one on its resource; without a tag,
to the lease on its resource with which its charge period overlaps longest, or the nearest within an hour: providers
charge in whole hours or days.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from analysis.reconcile.focus import ChargeRow, charge_row, column, instant, resource_of, tag_of
from analysis.reconcile.focus_reader import RowError
from bench.billing.estimate import Estimate, lease_cost
from bench.record.bill import Bill, BillSource, Charge, JoinedBy, Partial, make_bill, sum_known
from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened
from bench.record.lease import OWN, TAG

_NEAR = timedelta(hours=1)
# Charges come up to a day late; two days after a lease ended they are taken to be there.
LATE = timedelta(hours=48)
_FAR = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Lease:
    """A lease as a bill sees it: `stopped` is None while it is open."""

    opened: LeaseOpened
    closed: LeaseClosed | None

    @property
    def stopped(self) -> datetime | None:
        """When it ended, as far as is known."""
        return self.closed.stopped if self.closed else None

    @property
    def id(self) -> str:
        """The lease's id."""
        return self.opened.id

    def estimate(self) -> Estimate:
        """What it should cost, by its price and its provider's rule."""
        return lease_cost(self.opened, self.closed)


@dataclass
class Matched:
    """The charges of one lease, billing period and currency."""

    rows: list[ChargeRow] = field(default_factory=list)
    joined_by: JoinedBy = "tag"


@dataclass
class Join:
    """What became of the rows of a source."""

    leases: Mapping[str, Lease]
    matched: dict[tuple[str, datetime, str], Matched] = field(default_factory=dict)
    orphans: Counter[str] = field(default_factory=Counter)  # rows by a lease that no record here knows
    stray: int = 0  # rows of a lease's machine from another time
    others: int = 0  # rows of nothing that bench rented
    errors: list[RowError] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)  # leases of which a row could not be read
    until: datetime | None = None  # the end of the last charge of all


@dataclass(frozen=True)
class Compared:
    """A lease with its estimate and all its bills in one currency; no bills: none has come."""

    lease: Lease
    estimate: Estimate
    bills: tuple[Bill, ...]
    partial: tuple[Partial, ...]

    @property
    def billed(self) -> Decimal | None:
        """What was charged, credits and tax included; None: nothing has come."""
        return sum((bill.billed_cost for bill in self.bills), Decimal(0)) if self.bills else None

    @property
    def currency(self) -> str | None:
        """The bills' currency; without any, the estimate's."""
        return self.bills[0].currency if self.bills else self.estimate.currency

    @property
    def difference(self) -> Decimal | None:
        """Billed less estimated; None where one of them is unknown, or they are in two currencies."""
        same = self.estimate.currency == self.currency
        if self.billed is None or self.estimate.amount is None or not same:
            return None
        return self.billed - self.estimate.amount


def leases_of(documents: Iterable[AnyDocument]) -> dict[str, Lease]:
    """The leases by id, each with its end."""
    listed = list(documents)
    closed = {document.id: document for document in listed if isinstance(document, LeaseClosed)}
    return {
        document.id: Lease(document, closed.get(document.id))
        for document in listed
        if isinstance(document, LeaseOpened)
    }


def rented(leases: Mapping[str, Lease]) -> dict[str, Lease]:
    """Those that somebody bills."""
    return {key: lease for key, lease in leases.items() if lease.opened.provider != OWN}


def by_tag(leases: Mapping[str, Lease]) -> dict[str, list[Lease]]:
    """The leases by the tag on their machines. Those of a launch that was pre-empted share one."""
    found: dict[str, list[Lease]] = {}
    for lease in leases.values():
        found.setdefault(lease.opened.tags.get(TAG, lease.id), []).append(lease)
    return found


def join(rows: Iterable[tuple[str, Mapping[str, Any] | RowError]], leases: Mapping[str, Lease]) -> Join:
    """Find the lease of each row. Only rows that belong to one are read in full, so the rest costs little."""
    done = Join(leases)
    tagged = by_tag(leases)
    by_resource: dict[str, list[Lease]] = {}
    for lease in leases.values():
        if lease.opened.resource_id:
            by_resource.setdefault(lease.opened.resource_id, []).append(lease)
    for where, cells in rows:
        if isinstance(cells, RowError):
            done.errors.append(cells)
            continue
        _see(done, cells)
        tag, resource = tag_of(cells.get(column("Tags"))), resource_of(cells.get(column("ResourceId")))
        if tag in tagged or (tag is None and resource in by_resource):
            candidates = tagged[tag] if tag else by_resource[resource or ""]
            _add(done, where, cells, candidates, "tag" if tag else "resource-id")
        elif tag:
            done.orphans[tag] += 1
        else:
            done.others += 1
    return done


def _see(done: Join, cells: Mapping[str, Any]) -> None:
    try:
        end = instant(cells.get(column("ChargePeriodEnd")))
    except (ValueError, TypeError, OverflowError):
        return
    done.until = end if done.until is None else max(done.until, end)


def _add(done: Join, where: str, cells: Mapping[str, Any], candidates: list[Lease], by: JoinedBy) -> None:
    try:
        row = charge_row(cells)
    except ValueError as error:
        done.errors.append(RowError(f"{where}: {error}; the row is not counted"))
        done.damaged |= {lease.id for lease in candidates}
        return
    if by == "tag":
        same = [lease for lease in candidates if lease.opened.resource_id in (None, row.resource_id)]
        add(done, nearest(row, same or candidates), row, by)
        return
    lease = nearest(row, candidates)
    if _overlap(row, lease) < -_NEAR:
        done.stray += 1
    else:
        add(done, lease, row, by)


def add(done: Join, lease: Lease, row: ChargeRow, by: JoinedBy) -> None:
    """Put `row` on the bill of `lease`."""
    found = done.matched.setdefault((lease.id, row.billing_period[0], row.currency), Matched(joined_by=by))
    found.rows.append(row)
    if by == "tag":
        found.joined_by = by


def nearest(row: ChargeRow, leases: Sequence[Lease]) -> Lease:
    """The lease that shares most of its time with the charge, or is nearest to it."""
    return max(leases, key=lambda lease: _overlap(row, lease))


def _overlap(row: ChargeRow, lease: Lease) -> timedelta:
    """Below zero: how far apart they are."""
    began, ended = row.charge_period
    return min(ended, lease.stopped or _FAR) - max(began, lease.opened.started)


def bills_of(done: Join, source: BillSource) -> Iterator[Bill]:
    """The bills that the joined charges make, one a lease, billing period and currency; no tax is left out."""
    for (lease_id, period, currency), found in sorted(done.matched.items(), key=lambda item: item[0]):
        lease = done.leases[lease_id]
        yield make_bill(
            lease_id=lease_id,
            provider=lease.opened.provider,
            source=source,
            joined_by=found.joined_by,
            billing_period_start=period,
            charge_period_start=min(row.charge_period[0] for row in found.rows),
            charge_period_end=max(row.charge_period[1] for row in found.rows),
            currency=currency,
            charges=_summed(found.rows),
            partial=_partial(done, lease, found.rows),
        )


def _partial(done: Join, lease: Lease, rows: list[ChargeRow]) -> tuple[Partial, ...]:
    period_end = max(row.billing_period[1] for row in rows)
    reasons: list[Partial] = []
    if lease.stopped is None:
        reasons.append("lease-open")
    elif done.until is None or done.until < min(lease.stopped, period_end):
        reasons.append("period-not-covered")
    if not _final(done, lease, rows, period_end):
        reasons.append("not-final")
    if lease.id in done.damaged:
        reasons.append("row-unreadable")
    return tuple(reasons)


def _final(done: Join, lease: Lease, rows: list[ChargeRow], period_end: datetime) -> bool:
    """Whether all charges are there: invoiced, or where the source does not say, of old enough a lease."""
    said = [row.final for row in rows if row.final is not None]
    if said:
        return all(said)
    settled = min(lease.stopped + LATE, period_end) if lease.stopped else period_end
    return done.until is not None and done.until >= settled


def _summed(rows: list[ChargeRow]) -> list[Charge]:
    """One charge for each kind and resource, in a fixed order, whatever order the rows came in."""
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


def compare(leases: Mapping[str, Lease], bills: Iterable[Bill]) -> list[Compared]:
    """Each lease beside its bills, in the order in which they began; currencies are kept apart."""
    found: dict[str, dict[str, list[Bill]]] = {}
    for bill in bills:
        found.setdefault(bill.lease_id, {}).setdefault(bill.currency, []).append(bill)
    compared = []
    for lease in sorted(leases.values(), key=lambda lease: (lease.opened.started, lease.id)):
        estimate = lease.estimate()
        for _, same in sorted(found.get(lease.id, {"": []}).items()):
            reasons = [reason for bill in same for reason in bill.partial]
            if same and not _whole(lease, same):
                reasons.append("period-not-covered")
            compared.append(Compared(lease, estimate, tuple(same), tuple(dict.fromkeys(reasons))))
    return compared


def _whole(lease: Lease, bills: list[Bill]) -> bool:
    """Whether the bills reach from the lease's beginning to its end: one over the turn of a month has two."""
    begins = min(bill.charge_period_start for bill in bills) <= lease.opened.started + _NEAR
    return begins and (lease.stopped is None or max(bill.charge_period_end for bill in bills) >= lease.stopped)

"""The work of `bench reconcile`: charges read, matched to leases, stored as bills, and compared with the estimates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import get_args

from analysis.frames.leases import NEAR, Lease, Reconciliation, leases_of, of_one_source, reconcile, rented
from analysis.reconcile.export_file import ExportFile
from analysis.reconcile.exports import export_files
from analysis.reconcile.formats import ChargeRow, Row, RowError, aws, runpod
from analysis.reconcile.match import Matched, MatchResult, match
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError
from bench.record.documents import AnyDocument, Bill, BillSource, Charge, Partial, current_bills, make_bill, sum_known
from bench.store import Store, read_all
from bench.text import plural
from bench.tracking import tracked

# Charges come up to a day late; two days after a lease ended they are taken to be complete.
LATE = timedelta(hours=48)
_MOST_NAMED = 20  # rows that cannot be read


@dataclass(frozen=True)
class ReconcileResult:
    """Each lease beside its bills, the rows without a lease, and what could not be read."""

    reconciliations: list[Reconciliation]
    matched: MatchResult
    errors: Sequence[BenchError]


def from_exports(names: Iterable[str], store: Store) -> ReconcileResult:
    """Read exported bills. Raises BenchError where one cannot be read, or is none; nothing is stored then."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    files, notes = export_files(names)
    rows = ((file, tracked(read_rows(file.name), f"rows of {Path(file.name).name}")) for file in files)
    matched = match(rows, rented(leases_of(documents)))
    matched.notes = [*notes, *matched.notes]
    return _reconciled(matched, documents, errors, store)


def from_cost_explorer(since: date | None, store: Store) -> ReconcileResult:
    """Ask Cost Explorer, from `since` on or from the first lease on AWS. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")
    leases = _leases_at("aws", documents)
    rows: Iterable[Row] = ()
    if leases:
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        rows = aws.daily_charges(since or _first(leases).date(), tomorrow)
    return _reconciled(_match_answer("cost-explorer", rows, leases), documents, errors, store)


def from_runpod(since: date | None, store: Store) -> ReconcileResult:
    """Ask RunPod, from `since` on or from the first lease on it. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")
    leases = _leases_at("runpod", documents)
    rows: Iterable[Row] = ()
    if leases:
        begin = datetime.combine(since, time(), UTC) if since else _first(leases) - timedelta(hours=1)
        rows = runpod.hourly_charges(begin, datetime.now(UTC))
    return _reconciled(_match_answer("runpod", rows, leases), documents, errors, store)


def _leases_at(provider: str, documents: Iterable[AnyDocument]) -> dict[str, Lease]:
    return {key: lease for key, lease in rented(leases_of(documents)).items() if lease.opened.provider == provider}


def _first(leases: dict[str, Lease]) -> datetime:
    return min(lease.opened.started for lease in leases.values())


def _match_answer(source: BillSource, rows: Iterable[Row], leases: dict[str, Lease]) -> MatchResult:
    matched = match(
        [(ExportFile(source, modified=datetime.now(UTC).timestamp(), size=1, run=source, series=None), rows)], leases
    )
    matched.sources.add(source)  # also where it has no row
    return matched


def _reconciled(
    matched: MatchResult, documents: Sequence[AnyDocument], errors: Sequence[BenchError], store: Store
) -> ReconcileResult:
    stored = [document for document in documents if isinstance(document, Bill)]
    read, current = list(bills_of(matched)), current_bills(stored)
    known = {_charged(bill) for bill in current}
    counting = {bill.id for bill in current_bills([*stored, *read])}
    bills = [bill for bill in read if _charged(bill) not in known and bill.id in counting]
    for bill in bills:
        store.put(bill)
    # Another source counts the same money again, so the two are never added: of a lease, those that were read now count
    # here. A lease that they say nothing of keeps what other calls read.
    every = [*stored, *bills]
    told = {bill.lease_id for bill in every if bill.source in matched.sources}
    shown = of_one_source(bill for bill in every if bill.lease_id not in told or bill.source in matched.sources)
    matched.notes += _beside_earlier(read, shown, current)
    return ReconcileResult(reconcile(matched.leases, shown), matched, [*errors, *_named(matched.errors)])


def _named(errors: Sequence[RowError]) -> Iterator[RowError]:
    """Some of them, and how many there are: where a whole file cannot be read, one line a row hides the cause."""
    yield from errors[:_MOST_NAMED]
    if more := errors[_MOST_NAMED:]:
        yield RowError(f"{plural(len(more), 'more row')} cannot be read; not counted either")


def _charged(bill: Bill) -> str:
    """What a bill says: charges that have not changed are no new bill, however far the others have gone since."""
    return bill.model_dump_json(exclude={"id", "charged_until", "exported"})


def _beside_earlier(read: Sequence[Bill], shown: Sequence[Bill], current: Sequence[Bill]) -> Iterator[str]:
    """Which bills of earlier exports say something else than what was read now, and which of the two counts.

    `shown` are those that count by now, `current` those that did before.
    """
    before, counting, now = _by_place(current), _by_place(shown), _by_place(read)
    for place, bill in now.items():
        earlier, counts = before.get(place), counting.get(place)
        said, month = _cost(bill), f"{bill.lease_id}, {bill.billing_period_start:%Y-%m}"
        if counts is not None and counts.billed_cost != bill.billed_cost:
            yield f"{month}: {_cost(counts)} of another export counts; this one, {said}, is older or covers less"
        elif earlier is not None and earlier.billed_cost != bill.billed_cost:
            yield f"{month}: {said} replaces {_cost(earlier)} of an earlier export"
    yield from _by_several_sources(read, current_bills([*current, *read]))
    if unread := len(counting.keys() - now.keys()):
        yield f"{plural(unread, 'bill')} from earlier exports shown: this call read none for the same lease and month"


def _by_several_sources(read: Sequence[Bill], every: Sequence[Bill]) -> Iterator[str]:
    """What all sources in `every` say of a lease and month that was read, where they differ, and which one counts."""
    there, counts = _by_place(every), {bill.lease_id: bill.source for bill in of_one_source(every)}
    for lease_id, month, currency in dict.fromkeys(place[:3] for place in _by_place(read)):
        places = ((lease_id, month, currency, source) for source in get_args(BillSource))
        beside = [there[place] for place in places if place in there]
        if len({bill.billed_cost for bill in beside}) > 1:
            said = ", ".join(f"{_cost(bill)} by {bill.source}" for bill in beside)
            yield f"{lease_id}, {month:%Y-%m}: {said}: reports count {counts[lease_id]}"


def _by_place(bills: Iterable[Bill]) -> dict[tuple[str, datetime, str, BillSource], Bill]:
    """The bills by what only one of them counts for."""
    return {(bill.lease_id, bill.billing_period_start, bill.currency, bill.source): bill for bill in bills}


def _cost(bill: Bill) -> str:
    return f"{bill.billed_cost:.4f} {bill.currency}"


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
            charged_until=_reached(result.until_of(lease.opened.provider), rows),
            exported=max(charge.exported for charge in charges),
            currency=currency,
            charges=_summed(rows),
            partial=_partial(result, lease, rows),
        )


def _reached(until: datetime | None, rows: list[ChargeRow]) -> datetime | None:
    """Up to where the billing period is charged: a file of the month after, read with it, makes it no later bill."""
    return until and min(until, max(row.billing_period[1] for row in rows))


def _partial(result: MatchResult, lease: Lease, rows: list[ChargeRow]) -> tuple[Partial, ...]:
    period_end = max(row.billing_period[1] for row in rows)
    until = result.until_of(lease.opened.provider)
    reasons: list[Partial] = []
    if lease.stopped is None:
        reasons.append("lease-open")
    elif not _covers(rows, until, lease.opened.started, min(lease.stopped, period_end)):
        reasons.append("period-not-covered")
    if not _final(until, lease, rows, period_end):
        reasons.append("not-final")
    if lease.id in result.damaged:
        reasons.append("row-unreadable")
    return tuple(reasons)


def _covers(rows: list[ChargeRow], until: datetime | None, began: datetime, ended: datetime) -> bool:
    """Whether the use of a lease within a billing period is charged from its beginning to its end, as far as is known.

    A tax, a credit or a purchase is no use. A later month than the lease's, as of a refund, has no use to charge.
    """
    began = max(began, min(row.billing_period[0] for row in rows))
    if ended <= began:
        return True
    used = [row.charge_period for row in rows if row.category == "Usage"]
    if not used or min(start for start, _ in used) - began > NEAR:
        return False
    reached = max(end for _, end in used)
    return max(reached, until or reached) >= ended


def _final(until: datetime | None, lease: Lease, rows: list[ChargeRow], period_end: datetime) -> bool:
    """Whether no charge can follow: the source says so or, where it does not, the lease ended long ago."""
    stated = {row.final for row in rows}
    if False in stated:
        return False
    if stated == {True}:
        return True
    if until is None:
        return False
    return until >= period_end or (lease.stopped is not None and until - lease.stopped >= LATE)


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

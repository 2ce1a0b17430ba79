"""What `bench reconcile` does: charges read, matched to leases, stored as bills, and set beside the estimates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from analysis.frames.leases import Lease, Reconciliation, leases_of, of_one_source, reconcile, rented
from analysis.reconcile.bills import bills_of
from analysis.reconcile.exports import ExportFile, export_files
from analysis.reconcile.formats.charge import Row
from analysis.reconcile.formats.cost_explorer import daily_charges
from analysis.reconcile.formats.runpod import hourly_charges
from analysis.reconcile.match import MatchResult, match
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError
from bench.record.documents import AnyDocument, Bill, BillSource, current_bills
from bench.store import Store, read_all


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
    matched = match(((file, read_rows(file.name)) for file in files), rented(leases_of(documents)))
    matched.notes = [*notes, *matched.notes]
    return _reconciled(matched, documents, errors, store)


def from_cost_explorer(since: date | None, store: Store) -> ReconcileResult:
    """Ask Cost Explorer, from `since` on or from the first lease on AWS. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")
    leases = _leases_at("aws", documents)
    rows: Iterable[Row] = ()
    if leases:
        tomorrow = datetime.now(UTC).date() + timedelta(days=1)
        rows = daily_charges(since or _first(leases).date(), tomorrow)
    return _reconciled(_match_answer("cost-explorer", rows, leases), documents, errors, store)


def from_runpod(since: date | None, store: Store) -> ReconcileResult:
    """Ask RunPod, from `since` on or from the first lease on it. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")
    leases = _leases_at("runpod", documents)
    rows: Iterable[Row] = ()
    if leases:
        begin = datetime.combine(since, time(), UTC) if since else _first(leases) - timedelta(hours=1)
        rows = hourly_charges(begin, datetime.now(UTC))
    return _reconciled(_match_answer("runpod", rows, leases), documents, errors, store)


def _leases_at(provider: str, documents: Iterable[AnyDocument]) -> dict[str, Lease]:
    return {key: lease for key, lease in rented(leases_of(documents)).items() if lease.opened.provider == provider}


def _first(leases: dict[str, Lease]) -> datetime:
    return min(lease.opened.started for lease in leases.values())


def _match_answer(source: BillSource, rows: Iterable[Row], leases: dict[str, Lease]) -> MatchResult:
    matched = match([(ExportFile(source, modified=0, size=1, run=source, series=None), rows)], leases)
    matched.sources.add(source)  # also where it has no row
    return matched


def _reconciled(
    matched: MatchResult, documents: Sequence[AnyDocument], errors: Sequence[BenchError], store: Store
) -> ReconcileResult:
    stored = [document for document in documents if isinstance(document, Bill)]
    known = {_charged(bill) for bill in current_bills(stored)}
    bills = [bill for bill in bills_of(matched) if _charged(bill) not in known]
    for bill in bills:
        store.put(bill)
    # Another source counts the same money again, so the two are never added.
    shown = of_one_source(bill for bill in [*stored, *bills] if not matched.sources or bill.source in matched.sources)
    return ReconcileResult(reconcile(matched.leases, shown), matched, [*errors, *matched.errors])


def _charged(bill: Bill) -> str:
    """What a bill says: charges that have not changed are no new bill, however far the others have gone since."""
    return bill.model_dump_json(exclude={"id", "charged_until"})

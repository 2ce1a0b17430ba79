"""From a source of charges to stored bills beside the estimates: what `bench reconcile` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from analysis.frames.leases import Lease, Reconciliation, leases_of, reconcile, rented
from analysis.reconcile.cost_explorer import charges
from analysis.reconcile.focus import RowError
from analysis.reconcile.focus_reader import rows, sources
from analysis.reconcile.match import MatchResult, bills_of, by_tag, match, nearest
from bench.errors import BenchError
from bench.record.documents import AnyDocument, Bill, BillSource, current_bills
from bench.store import Store, read_all


@dataclass(frozen=True)
class Reconciled:
    """Each lease beside its bills, the rows without a lease, and what could not be read."""

    reconciliations: list[Reconciliation]
    matched: MatchResult
    errors: Sequence[BenchError]


def from_focus(names: Iterable[str], store: Store) -> Reconciled:
    """Read FOCUS exports. Raises BenchError where one cannot be read, or is none; nothing is stored then."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    leases = rented(leases_of(documents))
    files = dict.fromkeys(chain.from_iterable(sources(name) for name in names))
    matched = match(chain.from_iterable(rows(file) for file in files), leases)
    return _reconciled(matched, "focus", documents, errors, store)


def from_cost_explorer(since: date | None, store: Store) -> Reconciled:
    """Ask Cost Explorer, from `since` on or from the first lease on AWS. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    leases = {key: lease for key, lease in rented(leases_of(documents)).items() if lease.opened.provider == "aws"}
    matched = MatchResult(leases)
    if leases:
        first = min(lease.opened.started for lease in leases.values()).date()
        _ask(since or first, leases, matched)
    return _reconciled(matched, "cost-explorer", documents, errors, store)


def _ask(since: date, leases: dict[str, Lease], matched: MatchResult) -> None:
    tagged = by_tag(leases)
    for row in charges(since, datetime.now(UTC).date() + timedelta(days=1)):
        if isinstance(row, RowError):
            matched.errors.append(row)
            continue
        matched.until = max(matched.until or row.charge_period[1], row.charge_period[1])
        candidates = tagged.get(row.tag or "")
        if candidates is None:
            matched.orphans[row.tag or ""] += 1
        else:
            matched.add(nearest(row, candidates), row, "tag")


def _reconciled(
    matched: MatchResult,
    source: BillSource,
    documents: Sequence[AnyDocument],
    errors: Sequence[BenchError],
    store: Store,
) -> Reconciled:
    bills = list(bills_of(matched, source))
    for bill in bills:
        store.put(bill)
    stored = [document for document in documents if isinstance(document, Bill)]
    # The other source counts the same money again, so the two are never added.
    of_source = [bill for bill in current_bills([*stored, *bills]) if bill.source == source]
    return Reconciled(reconcile(matched.leases, of_source), matched, [*errors, *matched.errors])

"""From a source of charges to stored bills and the comparison: what `bench reconcile` does."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import chain

from analysis.reconcile.cost_explorer import charges
from analysis.reconcile.focus_reader import RowError, rows, sources
from analysis.reconcile.match import (
    Compared,
    Join,
    Lease,
    add,
    bills_of,
    by_tag,
    compare,
    join,
    leases_of,
    nearest,
    rented,
)
from bench.errors import BenchError
from bench.record.bill import Bill, BillSource, current
from bench.record.documents import AnyDocument
from bench.store import Store
from bench.store.base import read_all


@dataclass(frozen=True)
class Reconciled:
    """The comparison, what became of the rows, and everything that could not be read."""

    compared: list[Compared]
    joined: Join
    errors: Sequence[BenchError]


def from_focus(names: Iterable[str], store: Store) -> Reconciled:
    """Read FOCUS exports. Raises BenchError where one cannot be read, or is none; nothing is stored then."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    leases = rented(leases_of(documents))
    files = dict.fromkeys(chain.from_iterable(sources(name) for name in names))
    joined = join(chain.from_iterable(rows(file) for file in files), leases)
    return _reconciled(joined, "focus", documents, errors, store)


def from_cost_explorer(since: date | None, store: Store) -> Reconciled:
    """Ask Cost Explorer, from `since` on or from the first lease on AWS. Raises BenchError where it does not answer."""
    documents, errors = read_all(store, "leases", "bills")  # the runs are many more
    leases = {key: lease for key, lease in rented(leases_of(documents)).items() if lease.opened.provider == "aws"}
    joined = Join(leases)
    if leases:
        first = min(lease.opened.started for lease in leases.values()).date()
        _ask(since or first, leases, joined)
    return _reconciled(joined, "cost-explorer", documents, errors, store)


def _ask(since: date, leases: dict[str, Lease], joined: Join) -> None:
    for row in charges(since, datetime.now(UTC).date() + timedelta(days=1)):
        if isinstance(row, RowError):
            joined.errors.append(row)
            continue
        joined.until = max(joined.until or row.charge_period[1], row.charge_period[1])
        tagged = by_tag(leases).get(row.tag or "")
        if tagged is None:
            joined.orphans[row.tag or ""] += 1
        else:
            add(joined, nearest(row, tagged), row, "tag")


def _reconciled(
    joined: Join, source: BillSource, documents: Sequence[AnyDocument], errors: Sequence[BenchError], store: Store
) -> Reconciled:
    made = list(bills_of(joined, source))
    for bill in made:
        store.put(bill)
    stored = [document for document in documents if isinstance(document, Bill)]
    # The other source counts the same money again, so the two are never added.
    counted = [bill for bill in current([*stored, *made]) if bill.source == source]
    return Reconciled(compare(joined.leases, counted), joined, [*errors, *joined.errors])

"""The bill against the estimate, for people: one row per lease, and whatever has no counterpart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from analysis.frames.leases import Reconciliation
from analysis.reconcile.formats import FORMATS
from analysis.reconcile.match import MatchResult
from analysis.reconcile.reconcile import LATE
from bench.record.documents import sum_known
from bench.text import UNKNOWN, Column, Table, one_line, plural

_WORDS = {
    "lease-open": "the lease is not closed",
    "period-not-covered": "the charges do not cover the lease",
    "not-final": "charges may follow",
    "row-unreadable": "a row could not be read",
}
_NOT_ESTIMATED = (("tax", "Tax"), ("credits of", "Credit"))


def as_text(reconciliations: Sequence[Reconciliation], matched: MatchResult, *, terminal: bool = False) -> str:
    """The table, then a line for each thing that has no counterpart."""
    columns: tuple[Column[Reconciliation], ...] = (
        Column("lease", lambda row: row.lease.id, numeric=False),
        Column("provider", lambda row: row.lease.opened.provider, numeric=False),
        Column("estimate", _estimate),
        Column("billed", lambda row: money(row.billed, row.currency)),
        Column("difference", _difference),
        Column("bill", lambda row: _state(row, matched), numeric=False),
    )
    table = Table(columns, reconciliations, footnotes=list(lines(reconciliations, matched)))
    return table.as_text(terminal=terminal, fit=False)


def _estimate(row: Reconciliation) -> str:
    amount = money(row.estimate.amount, row.estimate.currency)
    return amount if row.estimate.why is None else f"{amount}: {row.estimate.why}"


def _difference(row: Reconciliation) -> str:
    difference = money(row.difference, row.currency, sign="+")
    if row.difference is None or not row.estimate.amount:
        return difference
    return f"{difference} ({row.difference / row.estimate.amount:+.1%})"


def money(amount: Decimal | None, currency: str | None, sign: str = "") -> str:
    """`0.0629 USD`: to a hundredth of a cent; unknown is spelled out."""
    return UNKNOWN if amount is None else f"{amount:{sign}.4f} {currency}"


def lines(reconciliations: Sequence[Reconciliation], matched: MatchResult) -> Iterator[str]:
    """What the table leaves out."""
    if not reconciliations:
        yield "No lease of a provider in this store: nothing to reconcile."
    for row in reconciliations:
        parts = [f"{word} {money(cost, row.currency)}" for word, kind in _NOT_ESTIMATED if (cost := _of(row, kind))]
        if parts:
            yield f"{row.lease.id}: billed holds {' and '.join(parts)}, which estimates leave out"
        yield from _commitments(row)
        if row.bills and row.estimate.currency not in (None, row.currency):
            yield f"{row.lease.id}: estimated in {row.estimate.currency}, billed in {row.currency}: not compared"
    for note, estimates in _notes(reconciliations).items():
        yield f"{plural(estimates, 'estimate')}: {note}"
    for tag, rows in sorted(matched.orphans.items()):
        yield f"{_rows(rows)} tagged with the lease {tag}, which this store does not have"
    if matched.out_of_period:
        yield f"{_rows(matched.out_of_period)} for a lease's machine, but outside the time of the lease"
    if matched.unrelated:
        yield f"{_rows(matched.unrelated)} unrelated to any lease"
    for what, rows in sorted(matched.skipped.items()):
        yield f"{plural(rows, 'row')}: {what}"
    yield from _repeated(matched)
    yield from matched.notes
    if matched.until:
        yield f"The charges reach to {matched.until:%Y-%m-%d %H:%M} UTC."
    columns = {(charge.source, charge.row.cost_column) for charge in matched.matched}
    if columns:
        yield f"Billed is {' and '.join(f'{column} of {FORMATS[source].title}' for source, column in sorted(columns))}."


def _state(row: Reconciliation, matched: MatchResult) -> str:
    if row.bills:
        words = [_WORDS[reason] for reason in row.partial]
        return f"partial: {', '.join(words)}" if words else "complete"
    if row.lease.id in matched.damaged:
        return f"none: {_WORDS['row-unreadable']}"
    if row.lease.id in matched.shared:
        return "none: charged together with another lease"
    stopped, until = row.lease.stopped, matched.until_of(row.lease.opened.provider)
    if until is None and matched.until is not None:
        return f"none: no charge from {one_line(row.lease.opened.provider)} was read"
    if stopped is None or until is None or until - stopped < LATE:
        return "none yet: charges come up to a day late"
    return "none, although later charges were read"


def _of(row: Reconciliation, kind: str) -> Decimal:
    charges = (charge for bill in row.bills for charge in bill.charges)
    return sum((charge.billed_cost for charge in charges if charge.category == kind), Decimal(0))


def _commitments(row: Reconciliation) -> Iterator[str]:
    """What is paid by a savings plan or a reservation: its own cost is not in the bill of the lease."""
    by_name: dict[str, list[Decimal | None]] = {}
    for charge in (charge for bill in row.bills for charge in bill.charges):
        if charge.pricing_category == "Committed" or charge.commitment:
            by_name.setdefault(charge.commitment or "", []).append(charge.effective_cost)
    for name, costs in sorted(by_name.items()):
        named = f" ({one_line(name)})" if name else ""
        yield f"{row.lease.id}: paid by a commitment{named}: effective cost {money(sum_known(costs), row.currency)}"


def _repeated(matched: MatchResult) -> Iterator[str]:
    """How many charges are there twice, as in a file that was joined from two: they can be two, so all count."""
    times = Counter((charge.lease.id, charge.row) for charge in matched.matched if charge.row.billed_cost)
    again: Counter[str] = Counter()
    for (lease, _), number in times.items():
        again[lease] += number - 1
    for lease, rows in sorted((+again).items()):
        yield f"{lease}: {plural(rows, 'row')} of the same resource, time, kind and cost as another: all count"


def _notes(reconciliations: Sequence[Reconciliation]) -> Counter[str]:
    """What the estimates leave out, and how many of them do: said once, however many leases there are."""
    found: Counter[str] = Counter()
    for estimate in {row.lease.id: row.estimate for row in reconciliations if row.estimate.amount is not None}.values():
        found.update(estimate.notes)
        if estimate.unpriced:
            found[f"without {', '.join(estimate.unpriced)}, whose price is unknown"] += 1
    return found


def _rows(number: int) -> str:
    return f"{plural(number, 'row')} {'is' if number == 1 else 'are'}"

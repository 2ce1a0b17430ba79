"""The bill against the estimate, for people: a row a lease, and what was found on one side only."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.frames.leases import Reconciliation
from analysis.reconcile.match import LATE, MatchResult
from bench.text import one_line, plural

_WORDS = {
    "lease-open": "the lease is not closed",
    "period-not-covered": "the charges do not cover the lease",
    "not-final": "charges may follow",
    "row-unreadable": "a row could not be read",
}
_BESIDE = (("tax", "Tax"), ("credits of", "Credit"))
_HEADERS = ("lease", "provider", "estimate", "billed", "difference")


def as_text(reconciliations: Sequence[Reconciliation], matched: MatchResult) -> str:
    """The table, then a line for each thing that has no counterpart."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, header in enumerate((*_HEADERS, "bill")):
        table.add_column(header, justify="right" if 2 <= place <= 4 else "left", no_wrap=True)
    for one in reconciliations:
        table.add_row(*map(Text, cells(one)), Text(_state(one, matched)))
    out = io.StringIO()
    console = Console(file=out, width=10_000, color_system=None)
    if reconciliations:
        console.print(table)
    for line in lines(reconciliations, matched):
        console.print(Text(line))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def cells(one: Reconciliation) -> list[str]:
    """The lease, its provider, estimate, bill and difference."""
    estimate, relative = one.estimate, ""
    if one.difference is not None and estimate.amount:
        relative = f" ({one.difference / estimate.amount:+.1%})"
    known = money(estimate.amount, estimate.currency)
    return [
        one.lease.id,
        one_line(one.lease.opened.provider),
        known if estimate.why is None else f"{known}: {one_line(estimate.why)}",
        money(one.billed, one.currency),
        money(one.difference, one.currency, sign="+") + relative,
    ]


def money(amount: Decimal | None, currency: str | None, sign: str = "") -> str:
    """`0.0629 USD`: to a hundredth of a cent; `unknown` for None."""
    return "unknown" if amount is None else f"{amount:{sign}.4f} {currency}"


def lines(reconciliations: Sequence[Reconciliation], matched: MatchResult) -> Iterator[str]:
    """What the table leaves out."""
    if not reconciliations:
        yield "No lease of a provider in this store: nothing to reconcile."
    for one in reconciliations:
        beside = [f"{word} {money(cost, one.currency)}" for word, kind in _BESIDE if (cost := _of(one, kind))]
        if beside:
            yield f"{one.lease.id}: billed holds {' and '.join(beside)}, which no estimate does"
        if one.bills and one.estimate.currency not in (None, one.currency):
            yield f"{one.lease.id}: estimated in {one.estimate.currency}, billed in {one.currency}: not compared"
    for note, estimates in _notes(reconciliations).items():
        yield f"{plural(estimates, 'estimate')}: {note}"
    for tag, rows in sorted(matched.orphans.items()):
        yield f"{_rows(rows)} tagged with the lease {one_line(tag)}, of which this store has no record"
    if matched.out_of_period:
        yield f"{_rows(matched.out_of_period)} of a lease's machine, from another time than the lease"
    if matched.unrelated:
        yield f"{_rows(matched.unrelated)} of nothing that bench leased"
    if matched.until:
        yield f"The charges go up to {matched.until:%Y-%m-%d %H:%M} UTC."


def _state(one: Reconciliation, matched: MatchResult) -> str:
    if one.bills:
        words = [_WORDS[reason] for reason in one.partial]
        return f"partial: {', '.join(words)}" if words else "complete"
    stopped = one.lease.stopped
    if stopped is None or matched.until is None or matched.until < stopped + LATE:
        return "none yet: charges come up to a day late"
    return "none, though the charges go on after it"


def _of(one: Reconciliation, kind: str) -> Decimal:
    charges = (charge for bill in one.bills for charge in bill.charges)
    return sum((charge.billed_cost for charge in charges if charge.category == kind), Decimal(0))


def _notes(reconciliations: Sequence[Reconciliation]) -> Counter[str]:
    """What the estimates leave out, and how many of them do: said once, however many leases there are."""
    found: Counter[str] = Counter()
    for estimate in {one.lease.id: one.estimate for one in reconciliations if one.estimate.amount is not None}.values():
        found.update(estimate.notes)
        if estimate.unpriced:
            found[f"without {', '.join(estimate.unpriced)}, which have no price"] += 1
    return found


def _rows(number: int) -> str:
    return f"{plural(number, 'row')} {'is' if number == 1 else 'are'}"

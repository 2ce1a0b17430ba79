"""The rows of the table of leases as people read them: estimate and bill side by side, unknown spelled out."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from analysis.report.cells import Cell
from analysis.tables.lease_table import LeaseRow
from bench.text import CATEGORIES, NOT_APPLICABLE, UNKNOWN, significant

TITLE = "Leases: what was paid for"
FOOTNOTES = (
    "time: the lease clock, from the start of a lease to its end, provision to teardown. time charged: what the "
    "provider's rule makes of it. Both are sums over the leases of the row, as money is; (1 of 2): only one of two "
    "is known.",
    "estimate: time charged x price, and the parts beside the machine that have a price. billed: by the bills that "
    "bench reconcile has stored, credits and tax included. difference: billed less estimate, of the leases whose "
    "bill is complete.",
    "lease cost per success: the estimate of all leases of the row, also of those without a run, / the hits in "
    "them; unknown where the cost of one lease is.",
    "–: there is none, such as no bill yet.",  # noqa: RUF001 -- the dash that the cells hold
)

# As in the cost table, the first two columns are words and the others numbers.
HEADERS: tuple[Cell, ...] = (
    ("machine",),
    ("paid as",),
    ("leases",),
    ("time,", "s"),
    ("time", "charged, s"),
    ("estimate,", "USD"),
    ("billed,", "USD"),
    ("difference,", "USD"),
    ("runs",),
    ("hits",),
    ("lease cost per", "success, USD"),
)


def cells(row: LeaseRow, marks: Sequence[int]) -> list[Cell]:
    """The row's cells, in the order of HEADERS; `marks` are the numbers of its notes."""
    return [
        _machine(row, marks),
        (CATEGORIES.get(row.pricing_category or "", "price unknown"),),
        _leases(row),
        _sum(row, row.time_s, row.timed),
        _sum(row, row.charged_s, row.charged),
        _sum(row, row.estimate, row.estimated, money=True),
        _billed(row),
        _difference(row),
        (str(row.runs),),
        (str(row.hits),),
        _per_success(row),
    ]


def _machine(row: LeaseRow, marks: Sequence[int]) -> Cell:
    name = f"{row.provider}:{row.instance_type}" if row.instance_type else row.provider
    several = "" if row.accelerators in (None, 1) else f"{row.accelerators} x "
    return (
        f"{name} ({', '.join(map(str, marks))})" if marks else name,
        *([f"{several}{row.accelerator}"] if row.accelerator else []),
    )


def _leases(row: LeaseRow) -> Cell:
    apart = ((row.open, "open"), (row.preempted, "preempted"))
    said = ", ".join(f"{count} {what}" for count, what in apart if count)
    return (str(row.leases), f"({said})") if said else (str(row.leases),)


def _sum(row: LeaseRow, value: float | Decimal | None, of: int, *, money: bool = False) -> Cell:
    if value is None:
        return (UNKNOWN,)
    return (_in(row.currency, significant(value)) if money else significant(value), *_of(row, of))


def _of(row: LeaseRow, count: int, *more: str) -> Cell:
    said = [*([f"{count} of {row.leases}"] if count < row.leases else []), *more]
    return (f"({', '.join(said)})",) if said else ()


def _billed(row: LeaseRow) -> Cell:
    if row.billed is None:
        return (NOT_APPLICABLE,)
    partial = [f"{row.billed_partial} partial"] if row.billed_partial else []
    return (_in(row.currency, significant(row.billed)), *_of(row, row.billed_leases, *partial))


def _difference(row: LeaseRow) -> Cell:
    if row.difference is None:
        return (NOT_APPLICABLE,)
    return (
        _in(row.currency, f"{'+' if row.difference > 0 else ''}{significant(row.difference)}"),
        *_of(row, row.compared),
    )


def _per_success(row: LeaseRow) -> Cell:
    if row.cost_per_success is None:
        return (UNKNOWN if row.hits else NOT_APPLICABLE,)
    fewer = row.parts is not None and row.parts_priced is not None and row.parts_priced < row.parts
    parts = [f"({row.parts_priced} of {row.parts} parts priced)"] if fewer else []
    return (_in(row.currency, significant(row.cost_per_success)), *parts)


def _in(currency: str | None, amount: str) -> str:
    return amount if currency == "USD" else f"{amount} {currency}"

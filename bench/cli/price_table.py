"""Prices for people, as a table, and for programs, as CSV and JSON. What no source knows is said to be unknown."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis.escape import clean, csv_cell
from analysis.notes import CATEGORIES
from bench.billing.offers.quote import Quote

_UNBOUNDED = 10_000


def render(quotes: Sequence[Quote], style: str, today: date, *, terminal: bool) -> str:
    """`quotes` as `table`, `csv` or `json`; stale is what was seen more than 30 days before `today`."""
    if style == "table":
        return _table(quotes, today, terminal=terminal)
    rows = [_row(quote, today) for quote in quotes]
    if style == "json":
        return json.dumps({"schema_version": 1, "prices": rows}, indent=1) + "\n"
    out = io.StringIO()
    writer = csv.DictWriter(out, list(_FIELDS), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({key: csv_cell(clean(_cell(value))) for key, value in row.items()})
    return out.getvalue()


_FIELDS = (
    "provider", "instance_type", "gpu", "gpus", "region", "pricing_category", "per_hour", "per_gpu_hour", "currency",
    "source", "seen", "stale",
)  # fmt: skip


def _row(quote: Quote, today: date) -> dict[str, Any]:
    """One price with every digit; unknown is null."""
    values = (
        quote.provider, quote.instance_type, quote.gpu, quote.gpus, quote.region, quote.category,
        _exact(quote.hourly), _exact(quote.per_gpu), quote.currency, quote.source,
        (quote.seen_at or quote.seen).isoformat(), quote.stale(today),
    )  # fmt: skip
    return dict(zip(_FIELDS, values, strict=True))


def _table(quotes: Sequence[Quote], today: date, *, terminal: bool) -> str:
    if not quotes:
        return ""
    sources = {name: number for number, name in enumerate(dict.fromkeys(quote.source for quote in quotes), 1)}
    currencies = {quote.currency for quote in quotes}
    unit = currencies.pop() if len(currencies) == 1 else "price"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for header in ("instance", "GPUs", "region", "category"):
        table.add_column(header)
    for header in (f"{unit}/h", f"{unit}/GPU-h"):
        table.add_column(header, justify="right")
    for header in ("seen (UTC)", "source"):
        table.add_column(header)
    for quote in quotes:
        money = [_short(amount, quote.currency if unit == "price" else "") for amount in (quote.hourly, quote.per_gpu)]
        cells = (
            f"{quote.provider}:{quote.instance_type}", f"{quote.gpus} x {quote.gpu}", quote.region or "not stated",
            CATEGORIES[quote.category], *money, _seen(quote) + (", stale" if quote.stale(today) else ""),
            f"({sources[quote.source]})",
        )  # fmt: skip
        table.add_row(*(Text(clean(cell)) for cell in cells), style="dim" if quote.stale(today) else "")
    out = io.StringIO()
    # As wide as it gets: an instance folded in two cannot be copied.
    console = Console(file=out, width=_UNBOUNDED, force_terminal=terminal, color_system="auto" if terminal else None)
    console.print(table)
    for name, number in sources.items():
        console.print(Text(f"({number}) {clean(name)}"))
    if any(quote.stale(today) for quote in quotes):
        console.print(Text("stale: seen more than 30 days ago"))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _seen(quote: Quote) -> str:
    return f"{quote.seen_at:%Y-%m-%d %H:%M}" if quote.seen_at else quote.seen.isoformat()


def _short(amount: Decimal | None, currency: str) -> str:
    return "unknown" if amount is None else f"{currency} {amount:.3f}".strip()


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)

"""Prices for people, as a table, and for programs, as CSV and JSON. What no source knows is said to be unknown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bench.billing.offers.quote import Quote
from bench.table import Line, as_csv, as_table
from bench.text import CATEGORIES, UNKNOWN


def render(quotes: Sequence[Quote], style: str, today: date, *, terminal: bool) -> str:
    """`quotes` as `table`, `csv` or `json`; stale is what was seen more than 30 days before `today`."""
    if style == "table":
        return _table(quotes, today, terminal=terminal)
    rows = [_row(quote, today) for quote in quotes]
    if style == "json":
        return json.dumps({"schema_version": 1, "prices": rows}, indent=1) + "\n"
    return as_csv(_FIELDS, rows)


_FIELDS = (
    "provider",
    "instance_type",
    "gpu",
    "gpus",
    "region",
    "pricing_category",
    "per_hour",
    "per_gpu_hour",
    "currency",
    "source",
    "seen",
    "stale",
)


def _row(quote: Quote, today: date) -> dict[str, Any]:
    """One price with every digit; unknown is null."""
    values = (
        quote.provider,
        quote.instance_type,
        quote.gpu,
        quote.gpus,
        quote.region,
        quote.category,
        _exact(quote.hourly),
        _exact(quote.per_gpu),
        quote.currency,
        quote.source,
        (quote.seen_at or quote.seen).isoformat(),
        quote.stale(today),
    )
    return dict(zip(_FIELDS, values, strict=True))


def _table(quotes: Sequence[Quote], today: date, *, terminal: bool) -> str:
    if not quotes:
        return ""
    sources = {name: number for number, name in enumerate(dict.fromkeys(quote.source for quote in quotes), 1)}
    currencies = {quote.currency for quote in quotes}
    unit = currencies.pop() if len(currencies) == 1 else "price"
    lines = []
    for quote in quotes:
        money = [_short(amount, quote.currency if unit == "price" else "") for amount in (quote.hourly, quote.per_gpu)]
        cells = (
            f"{quote.provider}:{quote.instance_type}",
            f"{quote.gpus} x {quote.gpu}",
            quote.region or "not stated",
            CATEGORIES[quote.category],
            *money,
            _seen(quote) + (", stale" if quote.stale(today) else ""),
            f"({sources[quote.source]})",
        )
        lines.append(Line(cells, dim=quote.stale(today)))
    below = [f"({number}) {name}" for name, number in sources.items()]
    if any(quote.stale(today) for quote in quotes):
        below.append("stale: seen more than 30 days ago")
    money_headers = (f"{unit}/h", f"{unit}/GPU-h")
    headers = ("instance", "GPUs", "region", "category", *money_headers, "seen (UTC)", "source")
    return as_table(headers, set(money_headers), lines, below, terminal=terminal)


def _seen(quote: Quote) -> str:
    return f"{quote.seen_at:%Y-%m-%d %H:%M}" if quote.seen_at else quote.seen.isoformat()


def _short(amount: Decimal | None, currency: str) -> str:
    return UNKNOWN if amount is None else f"{currency} {amount:.3f}".strip()


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")

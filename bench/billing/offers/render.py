"""Prices for people, as a table, and for programs, as CSV and JSON. What no source knows is said to be unknown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bench.billing.prices import Offer
from bench.table import Line, as_csv, as_table
from bench.text import CATEGORIES, UNKNOWN


def render(offers: Sequence[Offer], style: str, today: date, *, terminal: bool) -> str:
    """`quotes` as `table`, `csv` or `json`; stale is what was seen more than 30 days before `today`."""
    if style == "table":
        return _table(offers, today, terminal=terminal)
    rows = [_row(offer, today) for offer in offers]
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


def _row(offer: Offer, today: date) -> dict[str, Any]:
    """One price with every digit; unknown is null."""
    values = (
        offer.provider,
        offer.instance_type,
        offer.accelerators.name,
        offer.accelerators.count,
        offer.region,
        offer.category,
        _exact(offer.hourly),
        _exact(offer.per_gpu),
        offer.currency,
        offer.source,
        (offer.seen_at or offer.seen).isoformat(),
        offer.stale(today),
    )
    return dict(zip(_FIELDS, values, strict=True))


def _table(offers: Sequence[Offer], today: date, *, terminal: bool) -> str:
    if not offers:
        return ""
    sources = {name: number for number, name in enumerate(dict.fromkeys(offer.source for offer in offers), 1)}
    currencies = {offer.currency for offer in offers}
    unit = currencies.pop() if len(currencies) == 1 else "price"
    lines = []
    for offer in offers:
        money = [_short(amount, offer.currency if unit == "price" else "") for amount in (offer.hourly, offer.per_gpu)]
        cells = (
            f"{offer.provider}:{offer.instance_type}",
            f"{offer.accelerators.count} x {offer.accelerators.name}",
            offer.region or "not stated",
            CATEGORIES[offer.category],
            *money,
            _seen(offer) + (", stale" if offer.stale(today) else ""),
            f"({sources[offer.source]})",
        )
        lines.append(Line(cells, dim=offer.stale(today)))
    below = [f"({number}) {name}" for name, number in sources.items()]
    if any(offer.stale(today) for offer in offers):
        below.append("stale: seen more than 30 days ago")
    money_headers = (f"{unit}/h", f"{unit}/GPU-h")
    headers = ("instance", "GPUs", "region", "category", *money_headers, "seen (UTC)", "source")
    return as_table(headers, set(money_headers), lines, below, terminal=terminal)


def _seen(offer: Offer) -> str:
    return f"{offer.seen_at:%Y-%m-%d %H:%M}" if offer.seen_at else offer.seen.isoformat()


def _short(amount: Decimal | None, currency: str) -> str:
    return UNKNOWN if amount is None else f"{currency} {amount:.3f}".strip()


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")

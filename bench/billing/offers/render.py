"""Prices for people, as a table, and for programs, as CSV and JSON. Unknown prices are called unknown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from bench.billing.offers.query import ranked_since
from bench.billing.prices import Offer
from bench.text import CATEGORIES, UNKNOWN, Column, Table, table_of


def render(offers: Sequence[Offer], style: str, today: date, *, terminal: bool) -> str:
    """`offers` as `table`, `csv` or `json`; stale is what was seen more than 30 days before `today`."""
    if style == "table":
        return _table(offers, today).as_text(terminal=terminal, fit=False)
    records = [_record(offer, today) for offer in offers]
    if style == "json":
        return json.dumps({"schema_version": 1, "prices": records}, indent=1) + "\n"
    return table_of(_FIELDS, [tuple(record.values()) for record in records]).as_csv()


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


def _record(offer: Offer, today: date) -> dict[str, Any]:
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


def _table(offers: Sequence[Offer], today: date) -> Table[Offer]:
    currencies = {offer.currency for offer in offers}
    unit = currencies.pop() if len(currencies) == 1 else "price"

    def money(amount: Decimal | None, currency: str) -> str:
        return UNKNOWN if amount is None else f"{currency if unit == 'price' else ''} {amount:.3f}".strip()

    columns: tuple[Column[Offer], ...] = (
        Column("instance", lambda offer: f"{offer.provider}:{offer.instance_type}", numeric=False),
        Column("GPUs", lambda offer: f"{offer.accelerators.count} x {offer.accelerators.name}", numeric=False),
        Column("region", lambda offer: offer.region or "not stated", numeric=False),
        Column("category", lambda offer: CATEGORIES[offer.category], numeric=False),
        Column(f"{unit}/h", lambda offer: money(offer.hourly, offer.currency)),
        Column(f"{unit}/GPU-h", lambda offer: money(offer.per_gpu, offer.currency)),
        Column("seen (UTC)", lambda offer: _seen(offer) + (", stale" if offer.stale(today) else ""), numeric=False),
        Column("source", lambda offer: "", numeric=False),
    )
    return Table(
        columns,
        offers,
        footnotes=_footnotes(offers, today),
        notes=lambda offer: [offer.source],
        dim=lambda offer: offer.stale(today),
        marks=len(columns) - 1,
    )


def _footnotes(offers: Sequence[Offer], today: date) -> list[str]:
    since = ranked_since(offers)
    stale = any(offer.stale(today) for offer in offers)
    old = any(offer.seen < since and offer.amount is not None for offer in offers)
    return [
        *(["stale: seen more than 30 days ago"] if stale else []),
        *([f"seen before {since}: too old to be ranked with the newest, so listed last"] if old else []),
    ]


def _seen(offer: Offer) -> str:
    return f"{offer.seen_at:%Y-%m-%d %H:%M}" if offer.seen_at else offer.seen.isoformat()


def _exact(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount.normalize(), "f")

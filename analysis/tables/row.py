"""The rows of a cost table: a group of like runs, or a published entry. Numbers only, nothing rounded."""

from __future__ import annotations

from dataclasses import Field, dataclass, field, fields
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from analysis.stats.intervals import Interval

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


# What a row is made of, and no column of it.
NOT_FLAT = {"flat": False}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row. None is unknown or without an answer; `notes` says which where it matters.

    Shares are 0..1, times are seconds under `clock`, money is in `currency`. Text has gone through `one_line`.
    `run_ids` are of the runs that count, oldest first; a published entry has none.
    """

    kind: Literal["measured", "published"]
    recipe: str
    machine: str
    instance: str | None = None
    precision: str | None = None
    path: str | None = None
    convolution: str | None = None
    dataset: str
    target: float
    clock: str
    price_per_hour: Decimal | None
    currency: str | None
    pricing_category: str | None = None
    price_source: str | None = None
    price_seen: date | None = None
    runs: int
    completed: int
    failed: int = 0
    interrupted: int = 0
    invalid: int = 0
    hits: int
    p_hit: float | None = None
    p_hit_interval: Interval | None = None
    accuracy: float | None
    accuracy_interval: Interval | None = None
    timed: int
    time_s: float | None
    time_s_interval: Interval | None = None
    train_cost: Decimal | None
    train_cost_interval: Interval | None = None
    cost_per_success: Decimal | None = None
    time_ratio: float | None = None
    cost_ratio: float | None = None
    same_machine: bool | None = None
    notes: tuple[str, ...] = ()
    run_ids: tuple[str, ...] = field(default=(), repr=False, metadata=NOT_FLAT)


def flat_fields(row: DataclassInstance | type[DataclassInstance]) -> list[Field[Any]]:
    """The fields of a row that tables for programs hold."""
    return [each for each in fields(row) if each.metadata != NOT_FLAT]


def flat(row: DataclassInstance) -> dict[str, Any]:
    """A row as plain values, unrounded, for CSV and JSON: an interval is three columns, money a number."""
    content: dict[str, Any] = {}
    for each in flat_fields(row):
        value = getattr(row, each.name)
        if each.name.endswith("_interval"):
            stem = each.name.removesuffix("_interval")
            content[f"{stem}_low"] = value.low if value else None
            content[f"{stem}_high"] = value.high if value else None
            content[f"{stem}_method"] = value.method if value else None
        else:
            content[each.name] = _plain(value)
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value

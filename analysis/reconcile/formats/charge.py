"""A charge, the interface of a bill format, and the lease that a row's tags name, however providers write tags."""

from __future__ import annotations

import json
import re
from ast import literal_eval
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from analysis.reconcile.formats.cells import Cells, blank, column, nameless
from bench.errors import RecordError
from bench.record.documents import LEASE_TAG, BillSource, ChargeCategory

# Its key without marks, also behind the words that providers put before a user's own tags.
_KEY = re.compile(rf"((resource|user|label|tag|freeform)s?)*{LEASE_TAG.replace('-', '')}")
_NAMED = re.compile(LEASE_TAG.replace("-", "[-_]"), re.IGNORECASE)
# `"bench-lease": "x"`, `bench-lease=x`, `{'bench_lease': 'x'}`, also out of a list that is cut off; Scala's map
# `bench-lease -> x`, and Alibaba's `key:bench-lease value:x`.
_PAIR = re.compile(
    rf"{_NAMED.pattern}[\"']*(?:\s*(?:[-=]>|[:=])|[\s,;]+value\s*[:=])\s*[\"']*([^\"',;|{{}}\[\]()\s]+)", re.IGNORECASE
)


class TagError(ValueError):
    """Tags that name the lease's tag, and cannot be read."""


def is_lease_tag(key: Any) -> bool:
    """Whether a tag's key, or the name of its own column, is the lease's, in whatever namespace.

    `bench-lease`, `user:bench-lease`, `resource_tags_user_bench_lease`, `Operations.bench-lease`, `label/bench-lease`.
    """
    last = re.split(r"[./:]", str(key))[-1]
    return _KEY.fullmatch(re.sub(r"[-_\s]", "", last).casefold()) is not None


def lease_of(cells: Cells, *names: str) -> tuple[str | None, str | None]:
    """The lease that a row names, in these columns of tags or one of its own; or why a tag that is there is unread."""
    try:
        for name in names:
            tag = tag_of(cells.get(column(name)))
            if tag is not None:
                return tag, None
    except TagError as error:
        return None, str(error)
    own = _own_columns(tuple(cells))
    return next((str(cells[name]).strip() for name in own if not nameless(cells[name])), None), None


@lru_cache(64)  # the rows of a file have the same
def _own_columns(names: tuple[str, ...]) -> list[str]:
    return [name for name in names if "lease" in name and is_lease_tag(name)]


def tag_of(cell: Any) -> str | None:
    """The lease that a cell of tags names; None where it names none.

    Read are JSON, an object or a list of pairs or of {key, value}, also one in another; the same without braces, as
    Azure writes it; `key=value`; mappings and lists of Parquet. Raises TagError where the tag is there and its value
    cannot be read.
    """
    if isinstance(cell, str):
        return _of_text(cell)
    if blank(cell):
        return None
    try:
        pairs = sorted(_pairs(cell), key=lambda pair: str(pair[0]) != LEASE_TAG)  # its own name goes first
    except (TypeError, ValueError, RecursionError):
        return _of_pair(str(cell)) if _NAMED.search(str(cell)) else None
    value = next((value for key, value in pairs if is_lease_tag(key) and not nameless(value)), None)
    if isinstance(value, Mapping):
        value = value.get("value")
    if value is None:
        return None
    if not isinstance(value, str):
        raise TagError(f"the tag {LEASE_TAG} holds no text")
    return value.strip()


def _of_text(cell: str) -> str | None:
    # Nearly always, in a big file; the pattern alone takes ten times as long.
    if "lease" not in cell.casefold() or not _NAMED.search(cell):
        return None
    for parse, written in (
        (json.loads, cell),
        (json.loads, f"{{{cell}}}"),
        (json.loads, f"[{cell}]"),
        (json.loads, cell.replace('\\"', '"')),
        (literal_eval, cell),  # `[('bench-lease', 'x')]`: what pandas makes of Parquet's mappings in CSV
    ):
        try:
            parsed = parse(written)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(parsed, str):  # JSON in JSON
            return None if parsed == cell else _of_text(parsed)
        if isinstance(parsed, Mapping | list):
            return tag_of(parsed)
    return _of_pair(cell)


def _of_pair(written: str) -> str | None:
    pair = _PAIR.search(written)
    if pair is None:
        raise TagError(f"Tags name {LEASE_TAG} and cannot be read")
    return None if nameless(pair[1]) else pair[1]


def _pairs(cell: Any) -> Iterator[tuple[Any, Any]]:
    """Every key with its value, however deep. Raises ValueError for what is no pair."""
    if isinstance(cell, Mapping):
        named = {str(key).casefold(): value for key, value in cell.items()}
        if "value" in named and named.keys() & {"key", "name"}:
            yield named.get("key", named.get("name")), named["value"]
            return
        for key, value in cell.items():
            yield key, value
            if isinstance(value, Mapping | list) and not is_lease_tag(key):
                yield from _pairs(value)
        return
    for item in cell:
        if isinstance(item, list | tuple) and len(item) == 2 and isinstance(item[0], str):
            yield item[0], item[1]
        elif isinstance(item, Mapping | list | tuple):
            yield from _pairs(item)
        elif item is not None:
            raise ValueError("no pair")


class RowError(RecordError):
    """A row that cannot be read: it is named and skipped."""


@dataclass(frozen=True)
class ChargeRow:
    """One row of a bill. Costs can be negative, for credits and refunds; None is unknown."""

    resource_id: str | None
    currency: str
    billing_period: tuple[datetime, datetime]
    charge_period: tuple[datetime, datetime]
    category: ChargeCategory
    description: str
    billed_cost: Decimal
    cost_column: str  # from which `billed_cost` was read
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    pricing_category: str | None = None
    commitment: str | None = None  # what covers it: a savings plan, a reservation
    quantity: Decimal | None = None
    unit: str | None = None
    final: bool | None = None  # False: can still change; True: cannot; None: time will tell
    unreadable: tuple[str, ...] = ()  # optional columns whose cell could not be read


class Preview(NamedTuple):
    """The part of a row that is read before it is known whether the row belongs to a lease."""

    tag: str | None
    resource_id: str | None
    period: str  # the billing period, as it is written
    provider: str = ""  # whose charge it is, in the words of leases; empty: the row does not say
    since: datetime | None = None  # from where on this row charges usage, where that is of at most a day
    until: datetime | None = None  # up to where this row shows that usage was charged
    tag_error: str | None = None  # the tags name a lease, and which one cannot be read
    refused: str | None = None  # why a file with such a row is no bill


class Format(Protocol):
    """One format of bills."""

    @property
    def source(self) -> BillSource:
        """Its name in a bill."""

    @property
    def title(self) -> str:
        """Its name for people."""

    @property
    def required(self) -> tuple[tuple[str, ...], ...]:
        """The columns that it must have; of each tuple one."""

    @property
    def optional(self) -> tuple[str, ...]:
        """Other columns that are read."""

    @property
    def identity(self) -> tuple[tuple[str, ...], ...]:
        """The columns that, with the resource, tell one charge from another; of each tuple the first that is filled."""

    def preview(self, cells: Cells) -> Preview:
        """Which lease it may belong to. Never raises."""

    def charge(self, cells: Cells) -> ChargeRow:
        """The charge. Raises ValueError, naming the column, for what it cannot hold."""


class Row(NamedTuple):
    """One row of a source of charges: its position, and its cells, its error, or why it is not a charge."""

    where: str
    format: Format
    cells: Cells | RowError | str


def resource_of(cell: Any) -> str | None:
    """The provider's name for a resource, without the account or project that an ARN or a path begins with."""
    if not isinstance(cell, str) or nameless(cell):
        return None
    return cell.strip().rstrip("/").rpartition("/")[2].rpartition(":")[2] or None

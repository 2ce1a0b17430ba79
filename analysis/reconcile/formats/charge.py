"""A charge, what a format of bills has to know to read one, and how providers write whose it is: tags, resources."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from analysis.reconcile.formats.cells import Cells, blank
from bench.errors import RecordError
from bench.record.documents import LEASE_TAG, BillSource, ChargeCategory

_PLAIN = LEASE_TAG.replace("-", "").replace("_", "")
_NAMED = re.compile(LEASE_TAG.replace("-", "[-_]"), re.IGNORECASE)
# `"bench-lease": "x"`, `bench-lease=x`, `{'bench_lease': 'x'}`, also out of a list that is cut off.
_PAIR = re.compile(rf"{_NAMED.pattern}[\"']*\s*[:=]\s*[\"']*([^\"',;|{{}}\[\]\s]+)", re.IGNORECASE)


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


class Glance(NamedTuple):
    """What is read of every row, before it is known whether it belongs to a lease."""

    tag: str | None
    resource_id: str | None
    period: str  # the billing period, as it is written
    provider: str = ""  # whose charge it is, in the words of leases; empty: the row does not say
    until: datetime | None = None  # up to where this row shows that usage was charged
    tag_error: str | None = None  # the tags name a lease, and which one cannot be read


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

    def glance(self, cells: Cells) -> Glance:
        """Whose charge it may be. Never raises."""

    def charge(self, cells: Cells) -> ChargeRow:
        """The charge. Raises ValueError, naming the column, for what it cannot hold."""


class Row(NamedTuple):
    """One row of a source of charges: where it stands, and its cells, what is wrong with it, or why it is none."""

    where: str
    format: Format
    cells: Cells | RowError | str
    digest: int = 0  # equal rows have equal ones


class TagError(ValueError):
    """Tags that name the lease's tag, and cannot be read."""


def is_lease_tag(key: Any) -> bool:
    """Whether a tag's key, or the name of its own column, is the lease's: `user:bench-lease`, `user_bench_lease`."""
    plain = re.sub(r"[-_/:\s]", "", str(key)).casefold()
    return plain in {_PLAIN, f"user{_PLAIN}", f"resourcetagsuser{_PLAIN}", f"resourcetags{_PLAIN}"}


def tag_of(cell: Any) -> str | None:
    """The lease that a cell of tags names; None where it names none.

    Read are JSON, an object or a list of pairs or of {key, value}; the same without braces, as Azure writes it;
    `key=value`; mappings and lists of Parquet. Raises TagError where the tag is there and its value cannot be read.
    """
    if isinstance(cell, str):
        return _of_text(cell)
    if blank(cell):
        return None
    try:
        pairs = sorted(_pairs(cell), key=lambda pair: str(pair[0]) != LEASE_TAG)  # its own name goes first
    except (TypeError, ValueError, KeyError):
        return _of_pair(str(cell)) if _NAMED.search(str(cell)) else None
    value = next((value for key, value in pairs if is_lease_tag(key) and not blank(value)), None)
    if value is None:
        return None
    if not isinstance(value, str):
        raise TagError(f"the tag {LEASE_TAG} holds no text")
    return value.strip()


def tag_or_error(cell: Any) -> tuple[str | None, str | None]:
    """The lease that a cell of tags names, or why a tag that is there cannot be read."""
    try:
        return tag_of(cell), None
    except TagError as error:
        return None, str(error)


def _of_text(cell: str) -> str | None:
    if not _NAMED.search(cell):  # nearly always, in a big file
        return None
    for written in (cell, f"{{{cell}}}", f"[{cell}]"):
        try:
            parsed = json.loads(written)
        except (ValueError, RecursionError):
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
    return None if blank(pair[1]) else pair[1]


def _pairs(cell: Any) -> list[tuple[Any, Any]]:
    if isinstance(cell, Mapping):
        return list(cell.items())
    return [_pair(item) for item in cell]


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        named = {str(key).casefold(): value for key, value in item.items()}
        if named.keys() & {"key", "name"}:
            return named.get("key", named.get("name")), named.get("value")
        (pair,) = item.items()
        return pair
    key, value = item
    return key, value


def resource_of(cell: Any) -> str | None:
    """The provider's name for a resource, without the account or project that an ARN or a path begins with."""
    if not isinstance(cell, str) or blank(cell):
        return None
    return cell.strip().rstrip("/").rpartition("/")[2].rpartition(":")[2] or None

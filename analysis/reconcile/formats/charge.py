"""A charge, and the interface of a bill format."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from analysis.reconcile.formats.cells import Cells, nameless
from bench.errors import RecordError
from bench.record.documents import BillSource, ChargeCategory


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

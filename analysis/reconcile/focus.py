"""FOCUS, the FinOps Open Cost and Usage Specification: a charge as its columns name it, versions 1.0 to 1.2.

https://focus.finops.org/focus-specification/, read 2026-11-22. Providers spell the columns in several ways
(`BilledCost`, `billed_cost`, `billedcost`); case and underscores do not count here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, get_args

from bench.errors import RecordError
from bench.record.documents import LEASE_TAG, ChargeCategory

REQUIRED = (
    "BillingCurrency",
    "BillingPeriodStart",
    "BillingPeriodEnd",
    "ChargePeriodStart",
    "ChargePeriodEnd",
    "ChargeCategory",
    "BilledCost",
)
OPTIONAL = (
    "ResourceId",
    "Tags",
    "EffectiveCost",
    "ListCost",
    "ChargeDescription",
    "PricingCategory",
    "ConsumedQuantity",
    "ConsumedUnit",
    "InvoiceId",
)
# An AWS account, or an Azure subscription: nobody else's business.
_ACCOUNT = re.compile(r"\b(\d{12}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})\b", re.ASCII | re.IGNORECASE)
T = TypeVar("T")
_PRICING = ("Standard", "Dynamic", "Committed", "Other")


class RowError(RecordError):
    """A row that cannot be read: it is named and skipped."""


@dataclass(frozen=True)
class ChargeRow:
    """One row of a bill. Costs can be negative, for credits and refunds; None is unknown."""

    resource_id: str | None
    tag: str | None
    currency: str
    billing_period: tuple[datetime, datetime]
    charge_period: tuple[datetime, datetime]
    category: ChargeCategory
    description: str
    billed_cost: Decimal
    effective_cost: Decimal | None = None
    list_cost: Decimal | None = None
    pricing_category: str | None = None
    quantity: Decimal | None = None
    unit: str | None = None
    final: bool | None = None  # None: the source does not say


def column(spelled: str) -> str:
    """The name by which a column is known here, however it is spelled."""
    return spelled.replace("_", "").strip().casefold()


def tag_of(cell: Any) -> str | None:
    """The lease that a cell of `Tags` names: JSON, a mapping, or a list of pairs; None where it names none."""
    if isinstance(cell, str):
        if LEASE_TAG not in cell:  # nearly always, in a big file
            return None
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            return None
    try:
        pairs = dict(cell.items() if isinstance(cell, Mapping) else cell or ())
    except (TypeError, ValueError):
        return None
    value = pairs.get(LEASE_TAG, pairs.get(f"user:{LEASE_TAG}"))  # AWS marks the tags that users made
    return value if isinstance(value, str) and value else None


def resource_of(cell: Any) -> str | None:
    """The provider's name for a resource, without the account or project that an ARN or a path begins with."""
    if not isinstance(cell, str) or not cell.strip():
        return None
    return cell.strip().rstrip("/").rpartition("/")[2].rpartition(":")[2] or None


def charge_row(cells: Mapping[str, Any]) -> ChargeRow:
    """The row in `cells`, by `column`. Raises ValueError, naming the column, for what it cannot hold."""
    period = _read(cells, "ChargePeriodStart", instant), _read(cells, "ChargePeriodEnd", instant)
    if period[1] <= period[0]:
        raise ValueError("ChargePeriodEnd is not after ChargePeriodStart")
    pricing = _text(cells, "PricingCategory")
    return ChargeRow(
        resource_id=resource_of(cells.get(column("ResourceId"))),
        tag=tag_of(cells.get(column("Tags"))),
        currency=_read(cells, "BillingCurrency", _currency),
        billing_period=(_read(cells, "BillingPeriodStart", instant), _read(cells, "BillingPeriodEnd", instant)),
        charge_period=period,
        category=_read(cells, "ChargeCategory", _category),
        description=_ACCOUNT.sub("…", _text(cells, "ChargeDescription") or ""),
        billed_cost=_read(cells, "BilledCost", _decimal),
        effective_cost=_optional(cells, "EffectiveCost"),
        list_cost=_optional(cells, "ListCost"),
        pricing_category=pricing if pricing in _PRICING else None,
        quantity=_optional(cells, "ConsumedQuantity"),
        unit=_text(cells, "ConsumedUnit"),
        final=bool(_text(cells, "InvoiceId")) if column("InvoiceId") in cells else None,
    )


def _read(cells: Mapping[str, Any], name: str, how: Callable[[Any], T]) -> T:
    cell = cells.get(column(name))
    if cell is None or cell == "":
        raise ValueError(f"{name} is empty")
    try:
        return how(cell)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        raise ValueError(f"{name} cannot be {str(cell)[:40]!r}") from None


def _optional(cells: Mapping[str, Any], name: str) -> Decimal | None:
    cell = cells.get(column(name))
    return None if cell is None or cell == "" else _read(cells, name, _decimal)


def _text(cells: Mapping[str, Any], name: str) -> str | None:
    cell = cells.get(column(name))
    return str(cell).strip() or None if cell is not None else None


def _decimal(cell: Any) -> Decimal:
    value = Decimal(str(cell))  # of a float, as it prints
    if not value.is_finite():
        raise ValueError("not a number")
    return value


def instant(cell: Any) -> datetime:
    """An instant, UTC: FOCUS knows no other zone. Raises ValueError for anything else."""
    at = cell if isinstance(cell, datetime) else datetime.fromisoformat(str(cell).strip())
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _currency(cell: Any) -> str:
    text = str(cell).strip()
    if not (len(text) == 3 and text.isascii() and text.isalpha() and text.isupper()):
        raise ValueError("no currency")
    return text


def _category(cell: Any) -> ChargeCategory:
    known: tuple[ChargeCategory, ...] = get_args(ChargeCategory)
    return known[known.index(str(cell).strip())]

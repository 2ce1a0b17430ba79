"""What tells one charge from another, in a form that is the same in every export that holds the charge.

Line ids, invoices, tags, the order and the number of columns change from run to run, so none of them is part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import InvalidOperation
from functools import lru_cache
from typing import Any

from analysis.reconcile.formats.cells import Cells, blank, column, number, seen_instant
from analysis.reconcile.formats.charge import Format, Glance

_NOISE = 12  # decimals of a cost; beyond them, binary fractions differ from what is written


def digest_of(form: Format, cells: Cells, glance: Glance) -> int:
    """Equal for the same charge in another export."""
    said: list[Any] = [glance.period, (glance.resource_id or glance.tag or "").casefold()]
    for names, plain in _columns(form.identity):
        cell = cells.get(names[0])
        if len(names) > 1:
            cell = next((cells[name] for name in names if name in cells and not blank(cells[name])), None)
        said.append(plain(cell))
    return hash(tuple(said))


@lru_cache(16)
def _columns(identity: tuple[tuple[str, ...], ...]) -> list[tuple[tuple[str, ...], Callable[[Any], Any]]]:
    """The names of each column as cells have them, and what makes its cells plain."""
    return [(tuple(map(column, names)), _plain_of(column(names[0]))) for names in identity]


def _plain_of(name: str) -> Callable[[Any], Any]:
    if "cost" in name:
        return _cost
    return _instant if "date" in name or "period" in name else _word


def _cost(cell: Any) -> Any:
    with suppress(ValueError, TypeError, OverflowError):
        return round(float(cell), _NOISE)  # quicker than a decimal, and equal where the decimals are
    with suppress(ValueError, TypeError, OverflowError, InvalidOperation):
        return round(float(number(cell)), _NOISE)
    return _word(cell)


def _instant(cell: Any) -> Any:
    with suppress(ValueError, TypeError, OverflowError):
        return seen_instant(cell)
    return _word(cell)


def _word(cell: Any) -> str:
    return "" if blank(cell) else str(cell).strip().casefold()

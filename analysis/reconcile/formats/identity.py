"""What distinguishes one charge from another, the same in every export that holds the charge.

Line ids, invoices, tags, the order and the number of columns change from run to run, so none of them is part of it.
The cost is a part that a later run can correct: what is left without it is the charge's place.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import InvalidOperation
from functools import lru_cache
from typing import Any

from analysis.reconcile.formats.cells import Cells, blank, column, instant, number
from analysis.reconcile.formats.charge import Format, Preview

_NOISE = 12  # decimals of a cost; beyond them, binary fractions differ from what is written
_COST_BITS = 32  # the lowest of a digest
_REST_BITS = 32  # those above them
_KINDS = ("description", "usagetype", "meter")  # in the names of columns that say what is charged
# AWS writes it into its descriptions: `$3.06 per On Demand Linux …`.
_PRICE = re.compile(r"([$€£¥]|\busd )\s?\d[\d.,]*")
_GROUP = re.compile(r"/resourcegroups/([^/]+)/", re.IGNORECASE)


def coarse_of(preview: Preview) -> int:
    """What digests begin with: whose charge it is and when, by the preview at it, which every row gets anyway."""
    return hash((preview.period, (preview.resource_id or preview.tag or "").casefold(), preview.since, preview.until))


def begins(digest: int) -> int:
    """The `coarse_of` of a charge with this digest."""
    return digest >> (_REST_BITS + _COST_BITS)


def digest_of(form: Format, cells: Cells, preview: Preview) -> int:
    """Equal for the same charge in another export."""
    place: list[Any] = []
    cost, named = "", False
    for names, plain, names_kind in _columns(form.identity):
        cell = cells.get(names[0])
        if len(names) > 1:
            cell = next((cells[name] for name in names if name in cells and not blank(cells[name])), None)
        try:
            said = plain(cell)
        except TypeError:  # a list or a mapping, which JSON can hold
            said = plain(str(cell))
        if plain is _cost:
            cost = said
        else:
            place.append(said)
            named = named or (names_kind and said != "")
    # What names no kind is told by its cost alone; and what takes money back is another charge than what takes it.
    place.append(cost[:1] == "-" if named else cost)
    digest = coarse_of(preview)
    for part, bits in ((tuple(place), _REST_BITS), (cost, _COST_BITS)):
        digest = (digest << bits) | (hash(part) & ((1 << bits) - 1))
    return digest


def place_of(digest: int) -> int:
    """Equal for the same charge in another export, also where its cost was corrected."""
    return digest >> _COST_BITS


@lru_cache(16)
def _columns(identity: tuple[tuple[str, ...], ...]) -> list[tuple[tuple[str, ...], Callable[[Any], Any], bool]]:
    """The names of each column as cells have them, what makes its cells plain, and whether they say what is charged."""
    columns = []
    for names in identity:
        first = column(names[0])
        columns.append((tuple(map(column, names)), _plain_of(first), any(word in first for word in _KINDS)))
    return columns


def _plain_of(name: str) -> Callable[[Any], Any]:
    if "cost" in name:
        return _cost
    if "resource" in name:
        return _group
    if "description" in name:
        return _described
    return _instant if "date" in name or "period" in name else _word


def _cost(cell: Any) -> str:
    """As a text: the hashes of the numbers -1 and -2 are the same."""
    try:
        return str(round(float(cell), _NOISE) + 0.0)  # quicker than a decimal, and equal where the decimals are
    except (ValueError, TypeError, OverflowError):
        pass
    try:
        return str(round(float(number(cell)), _NOISE) + 0.0)
    except (ValueError, TypeError, OverflowError, InvalidOperation):
        return _word(cell)


def _group(cell: Any) -> str:
    """Azure's resource group: in two of them, two resources can have one name."""
    found = _GROUP.search(cell) if isinstance(cell, str) and cell[:1] == "/" else None
    return found[1].casefold() if found else ""


@lru_cache(4096, typed=True)  # rows share their hours and words
def _instant(cell: Any) -> Any:
    try:
        return instant(cell)
    except (ValueError, TypeError, OverflowError):
        return _word(cell)


@lru_cache(4096, typed=True)
def _described(cell: Any) -> str:
    """Without the price, which is corrected together with the cost."""
    return _PRICE.sub("", _word(cell))


@lru_cache(4096, typed=True)
def _word(cell: Any) -> str:
    return "" if blank(cell) else str(cell).strip().casefold()

"""How a CSV file spells numbers and dates, if a cell alone is ambiguous, such as `1.234` and `05/11/2026`.

Each column's other cells tell, or else those of the whole file: `0,50` has a decimal comma, `20/11/2026` its day first,
and so has a billing period that begins or ends on `01/11/2026`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from analysis.reconcile.formats.cells import bare

Repair = Callable[[str], str]

_COMMA = re.compile(r"[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+(E[+-]?\d+)?", re.IGNORECASE)
_POINT = re.compile(r"[+-]?(\d*|\d{1,3}(,\d{3})+)\.\d+(E[+-]?\d+)?", re.IGNORECASE)
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2}[,.]\d{3}")
_THOUSANDS = re.compile(r"[+-]?\d{1,3}(\.\d{3})+")
_GROUPS = re.compile(r"[+-]?\d{1,3}([,.])\d{3}(\1\d{3})+")
_DATE = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(.*)", re.DOTALL)
# Written without decimals, by ISO 4217 or by custom: `1.234` of them is as likely 1234.
_WHOLE = frozenset(
    "BIF CLP COP DJF GNF HUF IDR ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF".split()  # noqa: SIM905 -- a line in place of nineteen
)


class _Kind(NamedTuple):
    """A kind of columns that can be spelled in two ways."""

    words: tuple[str, ...]  # one of them is in the name of such a column
    style: Callable[[str], str]  # by a cell, which way; empty: it does not tell
    repairs: Mapping[frozenset[str], Repair]  # what makes cells plain, by what the others tell


def repairs_of(
    rows: Sequence[Sequence[str]], places: Mapping[str, int], whole: Iterable[Sequence[str]] = ()
) -> dict[str, Repair]:
    """How to repair the cells of a column, for each column of these rows that needs it.

    The rows of the `whole` file are read where its first rows tell nothing.
    """
    heads = {name: [row[place].strip() for row in rows if place < len(row)] for name, place in places.items()}
    repairs: dict[str, Repair] = {}
    currencies = {cell.upper() for name in heads if "currency" in name for cell in heads[name]} - {""}
    for kind in (_NUMBERS, _DATES):
        names = [name for name in heads if any(word in name for word in kind.words)]
        styles = {name: frozenset(kind.style(cell) for cell in heads[name]) - {""} for name in names}
        of_file = frozenset[str]().union(*styles.values())
        if kind is _DATES and not of_file:
            edges = [cell for name in names if "billingperiod" in name for cell in heads[name]]
            of_file = frozenset(map(_period_style, edges)) - {""}
        if not of_file and (kind is _NUMBERS or any(_DATE.fullmatch(cell) for name in names for cell in heads[name])):
            of_file = _first_style(kind, whole, [places[name] for name in names])
        if kind is _NUMBERS and not of_file and currencies & _WHOLE:
            repairs |= dict.fromkeys(names, _refused_number)
        for name in names:
            repair = kind.repairs.get(styles[name] or of_file)
            if repair is not None:
                repairs[name] = repair
    return repairs


def _first_style(kind: _Kind, rows: Iterable[Sequence[str]], places: Sequence[int]) -> frozenset[str]:
    """That of the first cell that tells."""
    cells = (row[place].strip() for row in rows for place in places if place < len(row))
    return frozenset(islice(filter(None, map(kind.style, cells)), 1))


def _number_style(cell: str) -> str:
    cell = bare(cell)
    if _EITHER.fullmatch(cell):
        return ""
    if groups := _GROUPS.fullmatch(cell):
        return "comma" if groups[1] == "." else "point"
    return "comma" if _COMMA.fullmatch(cell) else "point" if _POINT.fullmatch(cell) else ""


def _with_point(cell: str) -> str:
    """`1.234` as `1234`, `1,234` as `1.234`."""
    plain = bare(cell)
    if _THOUSANDS.fullmatch(plain):
        return plain.replace(".", "")
    return plain.replace(".", "").replace(",", ".") if _COMMA.fullmatch(plain) else cell


def _without_commas(cell: str) -> str:
    """`1,234` as `1234`."""
    if "," not in cell:
        return cell
    plain = bare(cell)
    return plain.replace(",", "") if _EITHER.fullmatch(plain) else cell


def _refused_number(cell: str) -> str:
    """`1.234` with words that no number has, so that it is refused as `1,234` is."""
    return f"{cell} (decimals, or thousands?)" if "." in cell and _EITHER.fullmatch(bare(cell)) else cell


def _date_style(cell: str) -> str:
    date = _DATE.fullmatch(cell)
    return "" if date is None else "day" if int(date[1]) > 12 else "month" if int(date[2]) > 12 else ""


def _period_style(cell: str) -> str:
    """As `_date_style`, of an edge of a period, which nearly always is the first of a month."""
    date = _DATE.fullmatch(cell)
    first = date is not None and int(date[1]) == 1, date is not None and int(date[2]) == 1
    return {(True, False): "day", (False, True): "month"}.get(first, "")


def _year_first(cell: str) -> str:
    """`05/11/2026` as `2026-11-05`."""
    date = _DATE.fullmatch(cell.strip())
    return f"{date[3]}-{date[2]:0>2}-{date[1]:0>2}{date[4]}" if date else cell


def _refused(cell: str) -> str:
    """Unchanged if its own style is clear; otherwise with a word that makes it invalid, so that it is refused."""
    date = _DATE.fullmatch(cell.strip())
    return cell if date is None or _date_style(cell.strip()) == "month" else f"{cell} (day or month first?)"


_NUMBERS = _Kind(
    ("cost", "amount", "quantity"),
    _number_style,
    {frozenset({"comma"}): _with_point, frozenset({"point"}): _without_commas},
)
_DATES = _Kind(
    ("date", "period"), _date_style, {frozenset({"day"}): _year_first, frozenset({"day", "month"}): _refused}
)

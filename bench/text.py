"""Text and tables for people, in a terminal, in Markdown and in CSV.

Text from records is anybody's text. What stands in a cell is made harmless by the table, for each of the three.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
import io
import re
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from operator import itemgetter
from typing import Generic, TypeVar

import rich.table
from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.text import Text

# Control, format (such as a change of writing direction), surrogate, and line and paragraph separators.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
# A dollar begins a formula on GitHub.
_MARKDOWN = re.compile(r"[\\`*_<>|~&$]|\](?=[(\[:])")
# GitHub makes a link of what begins with https:// or www.
_ADDRESS = re.compile(r":(?=//)|(?<=www)\.", re.IGNORECASE)
# Spreadsheets compute a cell that begins so, also where it is written in full width.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "＝", "＋", "－", "＠")  # noqa: RUF001 -- just these
# File systems take 255 bytes, an encrypted one 143; what stands before and behind it needs room too.
_LONGEST_NAME = 100
_UNBOUNDED = 10_000  # wider than any table: nothing is folded
DURATION = re.compile(r"([1-9][0-9]*)(s|m|h|d)", re.ASCII)
_TIME_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}

# FOCUS's pricing categories, as people say them.
CATEGORIES = {"Standard": "on-demand", "Dynamic": "spot", "Committed": "committed"}
NOT_APPLICABLE = "–"  # noqa: RUF001 -- a dash, not a minus: there is no answer
UNKNOWN = "unknown"

# Lines of text, or a value for programs. In CSV lines are joined by semicolons, elsewhere set below each other.
Cell = str | Sequence[str] | float | Decimal | date | None
Lines = list[str]
Item = TypeVar("Item")


def one_line(text: str) -> str:
    """`text` on one line, without characters that cannot be seen."""
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in text)
    return " ".join(seen.split())


def escape_markdown(text: str, *, links: bool = False) -> str:
    """`text` verbatim in a cell of a Markdown table: no markup, no new column, no link, no formula, no HTML.

    With `links` an address may become one: in a note, which names its sources.
    """
    escaped = _MARKDOWN.sub(_escaped, text)
    return escaped if links else _ADDRESS.sub(_escaped, escaped)


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]


def short_name(name: str) -> str:
    """`name`, in ASCII, as a part of a file's name: a long one is cut, and ends in a digest of the whole."""
    if len(name) <= _LONGEST_NAME:
        return name
    cut = re.sub(r"%[0-9A-F]?$", "", name[: _LONGEST_NAME - 17])  # not within %20
    return f"{cut}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def csv_cell(text: str) -> str:
    """`text` for a spreadsheet: a leading apostrophe keeps it from being taken for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def plural(count: int, noun: str) -> str:
    """`1 run`, `2 runs`, `10,000 runs`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def did_you_mean(name: str, names: Iterable[str], most: int = 1) -> str:
    """`did you mean a or b?`: of `names`, at most `most` that hold `name`, or else are near it; empty for none."""
    typed, known = name.casefold(), {each.casefold(): each for each in names}
    longer = [key for key in known if typed and typed in key]
    near = difflib.get_close_matches(typed, longer or known, n=most, cutoff=0 if longer else 0.6)
    return f"did you mean {' or '.join(known[key] for key in near)}?" if near else ""


def duration(text: object) -> timedelta:
    """A whole number and its unit: `90s`, `45m`, `2h`, `1d`. Raises ValueError for anything else."""
    parts = DURATION.fullmatch(text) if isinstance(text, str) else None
    if parts is None:
        raise ValueError(f"{text!r} is not a duration; give a whole number with s, m, h or d: 90s, 45m, 2h, 1d")
    try:
        return timedelta(**{_TIME_UNITS[parts[2]]: int(parts[1])})
    except OverflowError:
        raise ValueError(f"{text!r} is too long") from None


def significant(value: float | Decimal, digits: int = 3) -> str:
    """`value` to so many significant digits, without an exponent: 0.00264, 74.0, 286000."""
    # By way of str: a half is rounded as it is printed, whether it comes as a double or exactly.
    return format(Decimal(f"{Decimal(str(value)):.{digits - 1}e}"), "f") if value else "0"


def percent(share: float) -> str:
    """`share` of 1 in per cent, to three digits or, where it would look like all and is not, to as many as it takes."""
    shown = (significant(100 * share, digits) for digits in range(3, 9))  # the ninth is the noise of a double
    return next((text for text in shown if float(text) < 100), "100")


@dataclass(frozen=True)
class Column(Generic[Item]):
    """A column: its header, the cell of an item, and the attribute that items are sorted by. Most hold numbers."""

    header: Cell
    show: Callable[[Item], Cell]
    sort: str = ""
    numeric: bool = True


@dataclass(frozen=True)
class Table(Generic[Item]):
    """Rows of items under the headers of columns; `footnotes` are about the whole table.

    `notes` are those of an item; the table numbers them, and the numbers stand in the column `marks`. A `dim` item
    counts less than others; those that come last are set apart. The first `label` columns say which row it is: in
    text they are one column, line below line.
    """

    columns: Sequence[Column[Item]]
    items: Sequence[Item]
    footnotes: Sequence[str] = ()
    notes: Callable[[Item], Sequence[str]] = lambda item: ()
    dim: Callable[[Item], bool] = lambda item: False
    label: int = 1
    marks: int = 0
    title: str = ""
    headline: str = ""

    def headers(self) -> list[Lines]:
        """The headers, line by line."""
        return [_lines(column.header) for column in self.columns]

    def numbered(self) -> dict[str, int]:
        """The notes of the items, each once, numbered from 1 in the order of their appearance."""
        notes = dict.fromkeys(note for item in self.items for note in self.notes(item))
        return {note: number for number, note in enumerate(notes, start=1)}

    def rows(self) -> list[list[Lines]]:
        """The cells as a person reads them, line by line, with the numbers of their notes."""
        numbers, rows = self.numbered(), []
        for item in self.items:
            cells = [_lines(column.show(item)) for column in self.columns]
            if notes := self.notes(item):
                first, *more = cells[self.marks]
                cells[self.marks] = [f"{first} ({', '.join(str(numbers[note]) for note in notes)})".lstrip(), *more]
            rows.append(cells)
        return rows

    def as_text(self, *, terminal: bool = False, fit: bool = True) -> str:
        """Plain and as wide as it gets; for a `terminal` styled, and, to `fit` into it, each row as a list."""
        console = Console(
            file=io.StringIO(),
            width=shutil.get_terminal_size().columns if terminal and fit else _UNBOUNDED,
            force_terminal=terminal,
            color_system="auto" if terminal else None,
            legacy_windows=False,
        )
        # Text, not str: what stands in a cell is never taken for rich's markup.
        if self.title:
            console.print(Text(one_line(self.title), style="bold"))
        if self.headline:
            console.print(Text(one_line(self.headline)))
        if self.items:
            grid: RenderableType = self._grid()
            if Measurement.get(console, console.options.update(width=_UNBOUNDED), grid).maximum > console.width:
                grid = self._list()
            console.print(grid)
        for line in (*self.footnotes, *(f"({number}) {note}" for note, number in self.numbered().items())):
            console.print(Text(one_line(line)))
        assert isinstance(console.file, io.StringIO)
        return "".join(f"{line.rstrip()}\n" for line in console.file.getvalue().splitlines())

    def as_markdown(self) -> str:
        """A table in GitHub's Markdown between its title and its notes."""
        aligned = ["-:" if column.numeric else ":-" for column in self.columns]
        header, *rows = ([_markdown(" ".join(lines)) for lines in row] for row in (self.headers(), *self.rows()))
        parts = [
            [f"**{_markdown(self.title)}**"] if self.title else [],
            [_markdown(self.headline)] if self.headline else [],
            [f"| {' | '.join(row)} |" for row in (header, aligned, *rows)],
            [f"- {_markdown(note, links=True)}" for note in self.footnotes],
            [f"{number}. {_markdown(note, links=True)}" for note, number in self.numbered().items()],
        ]
        return "\n\n".join("\n".join(part) for part in parts if part) + "\n"

    def as_csv(self) -> str:
        """The headers and the rows alone, numbers in full; unknown is empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(_csv(" ".join(lines)) for lines in self.headers())
        writer.writerows([_csv(column.show(item)) for column in self.columns] for item in self.items)
        return out.getvalue()

    def _grid(self) -> rich.table.Table:
        """A line of cells for each row."""
        grid = rich.table.Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
        for number, header in enumerate(self._labelled(self.headers())):
            numeric = self.columns[number + self.label - 1 if number else 0].numeric
            grid.add_column(_text(header), no_wrap=True, justify="right" if numeric else "left")
        last = max((place for place, item in enumerate(self.items) if not self.dim(item)), default=-1)
        for place, (item, cells) in enumerate(zip(self.items, self.rows(), strict=True)):
            style = "dim" if self.dim(item) else ""
            grid.add_row(*map(_text, self._labelled(cells)), style=style, end_section=place == last)
        return grid

    def _list(self) -> Group:
        """Each row as a list of its cells, every one beside its header."""
        parts: list[RenderableType] = []
        for cells in self.rows():
            label, *values = self._labelled(cells)
            block = rich.table.Table.grid(padding=(0, 2))
            for header, value in zip(self._labelled(self.headers())[1:], values, strict=True):
                block.add_row(Text(" ".join(header)), Text(" ".join(value)))
            parts += [Text(""), Text(" ".join(label), style="bold"), Padding(block, (0, 0, 0, 2))]
        return Group(*parts, Text(""))

    def _labelled(self, cells: Sequence[Lines]) -> list[Lines]:
        """The cells with those of the label as one."""
        return [[line for cell in cells[: self.label] for line in cell], *cells[self.label :]]


def table_of(
    headers: Iterable[Cell], rows: Iterable[Sequence[Cell]], footnotes: Sequence[str] = ()
) -> Table[Sequence[Cell]]:
    """The table of rows that are cells already."""
    columns: list[Column[Sequence[Cell]]] = [
        Column(header, itemgetter(place), numeric=False) for place, header in enumerate(headers)
    ]
    return Table(columns, list(rows), footnotes)


def _lines(cell: Cell) -> Lines:
    if isinstance(cell, Sequence) and not isinstance(cell, str):
        return [one_line(line) for line in cell]
    return [one_line(_plain(cell))]


def _csv(cell: Cell) -> str:
    if isinstance(cell, str):
        return csv_cell(one_line(cell))
    return csv_cell("; ".join(_lines(cell))) if isinstance(cell, Sequence) else _plain(cell)


def _plain(cell: str | float | Decimal | date | None) -> str:
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, date):
        return cell.isoformat()
    return "" if cell is None else str(cell)


def _markdown(text: str, *, links: bool = False) -> str:
    return escape_markdown(one_line(text), links=links)


def _text(lines: Lines) -> Text:
    return Text("\n".join(lines))

"""A report for people at a terminal: a table, or where that does not fit, its rows one below the other."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from analysis import lease_cells
from analysis.cells import NUMERIC_FROM, Cell, cells, headers
from analysis.notes import numbered_notes, title

if TYPE_CHECKING:
    from analysis.report import Report

# Wider than any table: off a terminal nothing is folded.
_UNBOUNDED = 10_000


def as_table(report: Report, *, terminal: bool = False) -> str:
    """The tables with their notes: styled and fitted into a `terminal`, or else plain and as wide as it gets."""
    out = io.StringIO()
    console = Console(
        file=out,
        width=shutil.get_terminal_size().columns if terminal else _UNBOUNDED,
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        legacy_windows=False,
    )
    notes = numbered_notes(report.rows)
    shown = [cells(row, report.policy, [notes[note] for note in row.notes]) for row in report.rows]
    published = [row.kind == "published" for row in report.rows]
    console.print(Text(title(report.policy), style="bold"), Text(report.headline), sep="\n")
    _print(console, headers(report.policy), shown, published, report.footnotes, notes)
    if report.paid:
        notes = numbered_notes(report.paid)
        shown = [lease_cells.cells(row, [notes[note] for note in row.notes]) for row in report.paid]
        console.print(Text(""), Text(lease_cells.TITLE, style="bold"), sep="\n")
        _print(console, lease_cells.HEADERS, shown, [False] * len(shown), lease_cells.FOOTNOTES, notes)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _print(
    console: Console,
    names: Sequence[Cell],
    shown: Sequence[Sequence[Cell]],
    published: Sequence[bool],
    footnotes: Sequence[str],
    notes: Mapping[str, int],
) -> None:
    rows: RenderableType = _table(names, shown, published)
    if Measurement.get(console, console.options.update(width=_UNBOUNDED), rows).maximum > console.width:
        rows = _blocks(names, shown)
    console.print(rows)
    for line in [*footnotes, *(f"({number}) {note}" for note, number in notes.items())]:
        console.print(Text(line))


def _table(names: Sequence[Cell], shown: Sequence[Sequence[Cell]], published: Sequence[bool]) -> Table:
    """One line of cells a row, the words of both first columns together."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    table.add_column(_text(_label(names)), no_wrap=True)
    for header in names[NUMERIC_FROM:]:
        table.add_column(_text(header), justify="right", no_wrap=True)
    for row, dim, next_dim in zip(shown, published, [*published, True][1:], strict=True):
        texts = [_text(_label(row)), *map(_text, row[NUMERIC_FROM:])]
        table.add_row(*texts, style="dim" if dim else "", end_section=next_dim and not dim)
    return table


def _blocks(names: Sequence[Cell], shown: Sequence[Sequence[Cell]]) -> Group:
    """Each row as a list of its cells, every one beside its header."""
    parts: list[RenderableType] = []
    for row in shown:
        block = Table.grid(padding=(0, 2))
        for header, cell in zip(names[NUMERIC_FROM:], row[NUMERIC_FROM:], strict=True):
            block.add_row(Text(" ".join(header)), Text(" ".join(cell)))
        parts += [Text(""), Text(" ".join(_label(row)), style="bold"), Padding(block, (0, 0, 0, 2))]
    return Group(*parts, Text(""))


def _label(row: Sequence[Cell]) -> Cell:
    return tuple(line for cell in row[:NUMERIC_FROM] for line in cell)


def _text(lines: Cell) -> Text:
    # Text, not str: what stands in a record is never taken for markup.
    return Text("\n".join(lines))

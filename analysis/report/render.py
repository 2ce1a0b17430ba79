"""A report as text: a table for people, Markdown, CSV, JSON, HTML. All say the same numbers."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from analysis.claims.render import plain
from analysis.report import lease_cells
from analysis.report.cells import NUMERIC_FROM, Cell, cells, headers
from analysis.stats.intervals import LEVEL
from analysis.tables.footnotes import numbered_notes, title
from analysis.tables.row import flat
from bench.errors import UsageError
from bench.text import csv_cell, escape_markdown

if TYPE_CHECKING:
    from analysis.report.report import Report


import shutil
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from analysis.report.report import Report


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


TableFormat = Literal["table", "markdown", "csv", "json"]
Format = Literal[TableFormat, "html"]
# The formats of the table alone; html draws plots too, and takes a second where these take milliseconds.
FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)

# Of the JSON and CSV reports. Raise it with any change of a column's name or meaning.
# 1  2026-11-22  first version. Not released yet; since then only added to: claims, leases.
SCHEMA_VERSION: Final = 1


def render(report: Report, format: str, *, terminal: bool | None = None) -> str:  # noqa: A002 -- the word that the command's option has
    """The report as text, ending in a newline. Raises UsageError for an unknown format.

    `csv` holds the rows of the cost table alone, unrounded, an interval as two columns; `json` holds everything.
    `table` is styled for a terminal and fits into it, or else is plain and as wide as it needs to be; `terminal`
    says which, and None asks stdout: say False for what goes into a file. `html` is a page with plots; it alone
    needs matplotlib, and imports it when it is asked for.
    """
    styled = sys.stdout.isatty() if terminal is None else terminal
    writers: dict[str, Callable[[Report], str]] = {
        "table": partial(as_table, terminal=styled),
        "markdown": as_markdown,
        "csv": as_csv,
        "json": as_json,
        "html": _as_html,
    }
    if format not in writers:
        raise UsageError(f"{format!r} is no format of a report; there are {', '.join(writers)}")
    return writers[format](report)


def as_markdown(report: Report) -> str:
    """Tables in GitHub's Markdown, with their notes as lists below them."""
    notes = numbered_notes(report.rows)
    lines = [f"**{title(report.policy)}**", "", escape_markdown(report.headline), ""]
    rows = [cells(row, report.policy, [notes[note] for note in row.notes]) for row in report.rows]
    lines += _markdown_table(headers(report.policy), rows, report.footnotes, notes)
    if report.paid:
        notes = numbered_notes(report.paid)
        rows = [lease_cells.cells(row, [notes[note] for note in row.notes]) for row in report.paid]
        lines += ["", f"**{lease_cells.TITLE}**", ""]
        lines += _markdown_table(lease_cells.HEADERS, rows, lease_cells.FOOTNOTES, notes)
    return "\n".join(lines).rstrip() + "\n"


def as_csv(report: Report) -> str:
    """The rows with a header line, numbers in full; unknown is an empty cell, see the notes."""
    out = io.StringIO()
    rows = [flat(row) for row in report.rows]
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["schema_version", *(rows[0] if rows else ())])
    writer.writerows([SCHEMA_VERSION, *map(_csv_value, row.values())] for row in rows)
    return out.getvalue()


def as_json(report: Report) -> str:
    """The whole report, numbers in full; unknown is null."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": title(report.policy),
        "policy": report.policy,
        "level": LEVEL,
        "headline": report.headline,
        "rows": [flat(row) for row in report.rows],
        "footnotes": list(report.footnotes),
        "leases": {
            "title": lease_cells.TITLE,
            "rows": [flat(row) for row in report.paid],
            "footnotes": list(lease_cells.FOOTNOTES) if report.paid else [],
        },
        "claims": plain(report.checks),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _as_html(report: Report) -> str:
    from analysis.report.html import as_html  # matplotlib takes a second to import

    return as_html(report)


def _markdown_table(
    names: Sequence[Cell], rows: Iterable[Sequence[Cell]], footnotes: Iterable[str], notes: Mapping[str, int]
) -> Iterator[str]:
    yield _markdown_row(names)
    yield _markdown_row([("-:",) if n >= NUMERIC_FROM else (":-",) for n in range(len(names))])
    yield from map(_markdown_row, rows)
    yield from ("", *(f"- {escape_markdown(note)}" for note in footnotes))
    yield from ("", *(f"{number}. {escape_markdown(note)}" for note, number in notes.items()))


def _markdown_row(row: Sequence[Sequence[str]]) -> str:
    return "| " + " | ".join(escape_markdown(" ".join(lines)) for lines in row) + " |"


def _csv_value(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return csv_cell(value) if isinstance(value, str) else value

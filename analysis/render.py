"""A report as text: a table for people, Markdown, CSV, JSON. All four say the same numbers."""

from __future__ import annotations

import csv
import io
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from analysis import escape
from analysis.cells import NUMERIC_FROM, cells, headers
from analysis.rows import Row, flat
from analysis.statistics import LEVEL
from bench.errors import UsageError

if TYPE_CHECKING:
    from analysis.report import Report

Format = Literal["table", "markdown", "csv", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)

# Of the JSON and CSV reports. Raise it with any change of a column's name or meaning.
# 1  2026-11-22  first version.
SCHEMA_VERSION: Final = 1
# Wider than any table: off a terminal nothing is folded.
_UNBOUNDED = 10_000


def render(report: Report, format: str, *, terminal: bool | None = None) -> str:  # noqa: A002 -- the word that the command's option has
    """The report as text, ending in a newline. Raises UsageError for a format not in FORMATS.

    `csv` holds the rows alone, unrounded, an interval as two columns; `json` holds everything. `table` is
    styled for a terminal and fits into it, or else is plain and as wide as it needs to be; `terminal` says
    which, and None asks stdout: say False for what goes into a file.
    """
    styled = sys.stdout.isatty() if terminal is None else terminal
    writers: dict[str, Callable[[Report], str]] = {
        "table": partial(as_table, terminal=styled),
        "markdown": as_markdown,
        "csv": as_csv,
        "json": as_json,
    }
    if format not in writers:
        raise UsageError(f"{format!r} is no format of a report; there are {', '.join(FORMATS)}")
    return writers[format](report)


def title(report: Report) -> str:
    """What the table shows."""
    return f"Time, quality and cost of training, under the {report.policy} clock"


def numbered_notes(rows: Sequence[Row]) -> dict[str, int]:
    """The notes of the rows, each once, numbered from 1 in the order of their appearance."""
    notes = dict.fromkeys(note for row in rows for note in row.notes)
    return {note: number for number, note in enumerate(notes, start=1)}


def as_table(report: Report, *, terminal: bool = False) -> str:
    """For a terminal, or for a file of plain text."""
    console = Console(
        file=io.StringIO(),
        width=shutil.get_terminal_size().columns if terminal else _UNBOUNDED,
        force_terminal=terminal,
        color_system="auto" if terminal else None,
        legacy_windows=False,
    )
    notes = numbered_notes(report.rows)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, header in enumerate(headers(report.policy)):
        justify: Literal["left", "right"] = "right" if column >= NUMERIC_FROM else "left"
        table.add_column(Text("\n".join(header)), justify=justify, overflow="fold")
    for row, following in zip(report.rows, [*report.rows[1:], None], strict=True):
        # Text, not str: what stands in a record is never taken for markup.
        shown = [Text("\n".join(lines)) for lines in cells(row, [notes[note] for note in row.notes])]
        ends_block = following is not None and following.kind != row.kind
        table.add_row(*shown, style="dim" if row.kind == "published" else "", end_section=ends_block)
    console.print(Text(title(report), style="bold"))
    console.print(Text(report.headline))
    console.print(table)
    for line in [*report.footnotes, *(f"({number}) {note}" for note, number in notes.items())]:
        console.print(Text(line))
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def as_markdown(report: Report) -> str:
    """A table in GitHub's Markdown, with the notes as lists below it."""
    notes = numbered_notes(report.rows)
    lines = [f"**{title(report)}**", "", escape.markdown(report.headline), ""]
    names = headers(report.policy)
    lines.append(_markdown_row(names))
    lines.append(_markdown_row([("-:",) if n >= NUMERIC_FROM else (":-",) for n in range(len(names))]))
    lines += [_markdown_row(cells(row, [notes[note] for note in row.notes])) for row in report.rows]
    lines += ["", *(f"- {escape.markdown(note)}" for note in report.footnotes)]
    lines += ["", *(f"{number}. {escape.markdown(note)}" for note, number in notes.items())]
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
        "title": title(report),
        "policy": report.policy,
        "level": LEVEL,
        "headline": report.headline,
        "rows": [flat(row) for row in report.rows],
        "footnotes": list(report.footnotes),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _markdown_row(row: Sequence[Sequence[str]]) -> str:
    return "| " + " | ".join(escape.markdown(" ".join(lines)) for lines in row) + " |"


def _csv_value(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape.csv_cell(value) if isinstance(value, str) else value

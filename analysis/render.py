"""A report as text: a table for people, Markdown, CSV, JSON, HTML. All say the same numbers."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from analysis import escape, lease_cells
from analysis.cells import NUMERIC_FROM, Cell, cells, headers
from analysis.claims_text import plain
from analysis.notes import numbered_notes, title
from analysis.rows import flat
from analysis.statistics import LEVEL
from analysis.terminal import as_table
from bench.errors import UsageError

if TYPE_CHECKING:
    from analysis.report import Report

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
    lines = [f"**{title(report.policy)}**", "", escape.markdown(report.headline), ""]
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
    from analysis.html import as_html  # matplotlib takes a second to import

    return as_html(report)


def _markdown_table(
    names: Sequence[Cell], rows: Iterable[Sequence[Cell]], footnotes: Iterable[str], notes: Mapping[str, int]
) -> Iterator[str]:
    yield _markdown_row(names)
    yield _markdown_row([("-:",) if n >= NUMERIC_FROM else (":-",) for n in range(len(names))])
    yield from map(_markdown_row, rows)
    yield from ("", *(f"- {escape.markdown(note)}" for note in footnotes))
    yield from ("", *(f"{number}. {escape.markdown(note)}" for note, number in notes.items()))


def _markdown_row(row: Sequence[Sequence[str]]) -> str:
    return "| " + " | ".join(escape.markdown(" ".join(lines)) for lines in row) + " |"


def _csv_value(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(value)
    if isinstance(value, bool):
        return str(value).lower()
    return escape.csv_cell(value) if isinstance(value, str) else value

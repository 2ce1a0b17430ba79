"""A report as text: tables for people, Markdown, CSV, JSON, HTML. All say the same numbers."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Literal, get_args

from analysis.claims.check import plain
from analysis.report.flat_files import SCHEMA_VERSION, flat, rows_as_csv
from analysis.report.report import Report
from analysis.report.tables import cost_table, lease_table
from analysis.stats.intervals import LEVEL
from bench.errors import UsageError
from bench.text import Table

TableFormat = Literal["table", "markdown", "csv", "json"]
Format = Literal[TableFormat, "html"]
# The formats of the table alone; html draws plots too, and takes a second where these take milliseconds.
FORMATS: tuple[TableFormat, ...] = get_args(TableFormat)


def render(report: Report, format: str, *, terminal: bool = False) -> str:  # noqa: A002 -- the word that the command's option has
    """The report as text, ending in a newline. Raises UsageError for an unknown format.

    `csv` holds the rows of the cost table alone, unrounded, an interval as two columns; `json` holds everything.
    `table` is styled for a `terminal` and fits into it, or else is plain and as wide as it needs to be. `html` is a
    page with plots; it alone needs matplotlib, and imports it when it is asked for.
    """
    writers: dict[str, Callable[[Report], str]] = {
        "table": partial(as_text, terminal=terminal),
        "markdown": as_markdown,
        "csv": lambda report: rows_as_csv(report.rows),
        "json": as_json,
        "html": _as_html,
    }
    if format not in writers:
        raise UsageError(f"{format!r} is no format of a report; there are {', '.join(writers)}")
    return writers[format](report)


def as_text(report: Report, *, terminal: bool = False) -> str:
    """The tables with their notes: styled and fitted into a `terminal`, or else plain and as wide as it gets."""
    return "\n".join(table.as_text(terminal=terminal) for table in _tables(report))


def as_markdown(report: Report) -> str:
    """Tables in GitHub's Markdown, with their notes as lists below them."""
    return "\n".join(table.as_markdown() for table in _tables(report))


def as_json(report: Report) -> str:
    """The whole report, numbers in full; unknown is null."""
    leases = lease_table(report)
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": cost_table(report).title,
        "policy": report.policy,
        "level": LEVEL,
        "headline": report.headline,
        "rows": [flat(row) for row in report.rows],
        "footnotes": list(report.footnotes),
        "leases": {
            "title": leases.title,
            "rows": [flat(row) for row in report.paid],
            "footnotes": list(leases.footnotes),
        },
        "claims": plain(report.checks),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _as_html(report: Report) -> str:
    from analysis.report.html import as_html  # matplotlib takes a second to import

    return as_html(report)


def _tables(report: Report) -> list[Table[Any]]:
    return [cost_table(report), *([lease_table(report)] if report.paid else [])]

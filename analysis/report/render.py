"""A report as text and as files: tables for people, Markdown, HTML, JSON, CSV, Parquet. All say the same numbers.

The flat files hold a row a row of the report, or a row a run of a store.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import Field, fields
from datetime import date
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import pandas as pd
import pyarrow as pa

from analysis.claims.check import plain
from analysis.frames import COLUMNS
from analysis.report.report import Report
from analysis.report.sample_table import sample_table
from analysis.report.tables import cost_table, lease_table
from analysis.stats import LEVEL
from analysis.tables.cost_table import Row
from bench.errors import UsageError
from bench.store.compact import SCHEMA
from bench.text import Table, table_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# The version of the JSON, CSV and Parquet reports: raise it with any change of a column's name or meaning.
# 1  2026-11-22  first version. Not released yet; since then only added to: claims, leases, samples, what-if, seconds
#                that the clock leaves out, energy, time per success.
SCHEMA_VERSION: Final = 1

# What a frame has beside a compacted row. Money is exact, so it is text.
_DERIVED = {"program": pa.bool_(), "hourly": pa.string(), "images_per_second": pa.float64()}

_OF_ROW = {
    "int": pa.int64(),
    "float": pa.float64(),
    "Decimal": pa.float64(),
    "bool": pa.bool_(),
    "tuple[str, ...]": pa.list_(pa.string()),
}

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
        raise UsageError(f"{format!r} is not a report format; choose from {', '.join(writers)}")
    return writers[format](report)


def as_text(report: Report, *, terminal: bool = False) -> str:
    """The tables with their notes: styled and fitted into a `terminal`, or else plain and as wide as it gets."""
    return "\n".join(table.as_text(terminal=terminal) for table in _tables(report))


def as_markdown(report: Report) -> str:
    """Tables in GitHub's Markdown, with their notes as lists below them."""
    return "\n".join(table.as_markdown() for table in _tables(report))


def as_json(report: Report) -> str:
    """The whole report, numbers in full; unknown is null."""
    leases, samples = lease_table(report), sample_table(report.samples)
    content = {
        "schema_version": SCHEMA_VERSION,
        "title": cost_table(report).title,
        "policy": report.policy,
        "level": LEVEL,
        "headline": report.headline,
        "what_if": flat(report.what_if) if report.what_if else None,
        "electricity": flat(report.electricity) if report.electricity else None,
        "rows": [flat(row) for row in report.rows],
        "footnotes": list(report.footnotes),
        "leases": {
            "title": leases.title,
            "rows": [flat(row) for row in report.paid],
            "footnotes": list(leases.footnotes),
        },
        "samples": {
            "title": samples.title,
            "rows": [flat(row) for row in report.samples],
            "footnotes": list(samples.footnotes),
        },
        "claims": plain(report.checks),
    }
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _as_html(report: Report) -> str:
    from analysis.report.html import as_html  # matplotlib takes a second to import

    return as_html(report)


def _tables(report: Report) -> list[Table[Any]]:
    samples = [sample_table(report.samples)] if report.samples else []
    return [cost_table(report), *samples, *([lease_table(report)] if report.paid else [])]


def as_csv(frame: pd.DataFrame) -> str:
    """`frame` (of `runs_frame`) with a header line; unknown is an empty cell, and no cell a formula."""
    known = frame[list(COLUMNS)].astype(object)
    return table_of(COLUMNS, known.where(known.notna(), None).itertuples(index=False, name=None)).as_csv()


def as_parquet(frame: pd.DataFrame) -> bytes:
    """`frame` (of `runs_frame`) as Parquet, the same types whatever is unknown; each column says its meaning."""
    types = {name: SCHEMA.field(name).type for name in COLUMNS if name in SCHEMA.names} | _DERIVED
    schema = pa.schema(
        [
            pa.field(name, types.get(name, pa.string()), metadata={"meaning": column.meaning})
            for name, column in COLUMNS.items()
        ]
    )
    exact = frame.assign(hourly=frame["hourly"].map(str, na_action="ignore"))[list(COLUMNS)]
    table = pa.Table.from_pandas(exact, schema=schema, preserve_index=False).replace_schema_metadata()
    return _parquet(table)


def rows_as_csv(rows: Iterable[Row]) -> str:
    """The rows of a report with a header line, numbers in full; unknown is an empty cell, see the notes."""
    content = [(SCHEMA_VERSION, *flat(row).values()) for row in rows]
    return table_of([name for name, _ in _row_types()], content).as_csv()


def rows_as_parquet(rows: Iterable[Row]) -> bytes:
    """The rows of a report as Parquet: columns and numbers of its CSV, the same types whatever is unknown."""
    content = [{"schema_version": SCHEMA_VERSION, **flat(row)} for row in rows]
    return _parquet(pa.Table.from_pylist(content, pa.schema(_row_types())))


def _row_types() -> list[tuple[str, pa.DataType]]:
    """The columns of a report's rows, in the order of `flat`."""
    return [("schema_version", pa.int64()), *(pair for field in _flat_fields(Row) for pair in _types(field))]


def _parquet(table: pa.Table) -> bytes:
    from pyarrow import parquet  # not for the other formats

    out = io.BytesIO()
    parquet.write_table(table, out, compression="zstd")
    return out.getvalue()


def _types(field: Field[Any]) -> list[tuple[str, pa.DataType]]:
    """The columns that `flat` makes of a field of Row."""
    kind = str(field.type).removesuffix(" | None")
    if kind != "Interval":
        return [(field.name, _OF_ROW.get(kind, pa.string()))]
    stem = field.name.removesuffix("_interval")
    return [(f"{stem}_low", pa.float64()), (f"{stem}_high", pa.float64()), (f"{stem}_method", pa.string())]


def _flat_fields(row: DataclassInstance | type[DataclassInstance]) -> list[Field[Any]]:
    """The fields of a row that tables for programs hold."""
    return [field for field in fields(row) if field.metadata.get("flat", True)]


def flat(row: DataclassInstance) -> dict[str, Any]:
    """A row as plain values, unrounded, for CSV and JSON: an interval is three columns, money a number."""
    content: dict[str, Any] = {}
    for field in _flat_fields(row):
        value = getattr(row, field.name)
        if field.name.endswith("_interval"):
            stem = field.name.removesuffix("_interval")
            content[f"{stem}_low"] = value.low if value else None
            content[f"{stem}_high"] = value.high if value else None
            content[f"{stem}_method"] = value.method if value else None
        else:
            content[field.name] = _plain(value)
    return content


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value

"""Flat files for other tools: the runs of a store, a row a run, and the rows of a report."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import Field, fields
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.frames.runs import COLUMNS
from analysis.tables.cost_table import Row
from bench.store.compact import SCHEMA
from bench.text import table_of

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# Of the JSON, CSV and Parquet reports. Raise it with any change of a column's name or meaning.
# 1  2026-11-22  first version. Not released yet; since then only added to: claims, leases.
SCHEMA_VERSION: Final = 1

# What a frame has beside a compacted row. Money is exact, so it is text.
_DERIVED = {"hourly": pa.string(), "images_per_second": pa.float64()}

_OF_ROW = {
    "int": pa.int64(),
    "float": pa.float64(),
    "Decimal": pa.float64(),
    "bool": pa.bool_(),
    "tuple[str, ...]": pa.list_(pa.string()),
}


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
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()


def rows_as_csv(rows: Iterable[Row]) -> str:
    """The rows of a report with a header line, numbers in full; unknown is an empty cell, see the notes."""
    content = [{"schema_version": SCHEMA_VERSION, **flat(row)} for row in rows]
    return table_of(content[0] if content else ["schema_version"], [tuple(row.values()) for row in content]).as_csv()


def rows_as_parquet(rows: Iterable[Row]) -> bytes:
    """The rows of a report as Parquet: columns and numbers of its CSV, the same types whatever is unknown."""
    content = [{"schema_version": SCHEMA_VERSION, **flat(row)} for row in rows]
    fields = [("schema_version", pa.int64()), *(pair for field in _flat_fields(Row) for pair in _types(field))]
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(content, pa.schema(fields)), out, compression="zstd")
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

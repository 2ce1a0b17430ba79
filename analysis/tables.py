"""The runs of a store as one flat file for other tools, a row a run: columns of analysis.frame.COLUMNS."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.escape import clean, csv_cell
from analysis.frame import COLUMNS
from bench.store.rows import SCHEMA

# What a frame has beside a compacted row. Money is exact, so it is text.
_DERIVED = {"hourly": pa.string(), "images_per_second": pa.float64()}


def as_csv(frame: pd.DataFrame) -> str:
    """`frame` (of `runs_frame`) with a header line; unknown is an empty cell, and no cell a formula."""
    shown = pd.DataFrame({name: frame[name].map(_cell, na_action="ignore") for name in COLUMNS}, dtype=object)
    out = io.StringIO()
    shown.to_csv(out, index=False, lineterminator="\n")
    return out.getvalue()


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


def _cell(value: Any) -> Any:
    if isinstance(value, str):
        return csv_cell(clean(value))
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    # What is not a string of Python's own: numbers, days, and numpy's booleans.
    return str(value).lower() if str(value) in ("True", "False") else value

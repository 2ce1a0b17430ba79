"""Stores to one frame: the compact layer where there is one, the records themselves for the rest."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa

from analysis.frame import tidy
from bench.errors import RecordError
from bench.store.compact import read_runs
from bench.store.folder import FolderStore

# Arrow's own strings, and integers that can be missing: nothing is copied or widened.
_PANDAS = {pa.string(): pd.StringDtype("pyarrow"), pa.int64(): pd.Int64Dtype()}


def load(stores: Iterable[FolderStore]) -> tuple[pd.DataFrame, list[RecordError]]:
    """The runs of all `stores` as a frame (columns of analysis.frame.COLUMNS), oldest first, each run once.

    The errors are those of the records that could not be trusted; they are not in the frame.
    """
    read = [read_runs(store) for store in stores]
    table = pa.concat_tables([rows.table for rows in read])
    rows = table.to_pandas(types_mapper=_PANDAS.get, date_as_object=True).sort_values("run_id", kind="stable")
    frame = tidy(rows.drop_duplicates("run_id").reset_index(drop=True))
    return frame, [error for rows in read for error in rows.errors]

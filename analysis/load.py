"""Stores to one frame: the compact layer where there is one, the records themselves for the rest."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.frame import tidy
from bench.errors import RecordError
from bench.record.documents import AnyDocument
from bench.store.base import Store, read_all
from bench.store.compact import read_runs

# Arrow's own strings, and integers that can be missing: nothing is copied or widened.
_PANDAS = {pa.string(): pd.StringDtype("pyarrow"), pa.int64(): pd.Int64Dtype()}


def load(stores: Iterable[Store]) -> tuple[pd.DataFrame, list[RecordError]]:
    """The runs of all `stores` as a frame (columns of analysis.frame.COLUMNS), oldest first, each run once.

    The errors are those of the records that could not be trusted; they are not in the frame.
    """
    read = [read_runs(store) for store in stores]
    rows = _each_once(pa.concat_tables([found.table for found in read]))
    frame = tidy(rows.to_pandas(types_mapper=_PANDAS.get, date_as_object=True))
    return frame, [error for found in read for error in found.errors]


def load_published(stores: Iterable[Store]) -> tuple[list[AnyDocument], list[RecordError]]:
    """The published entries of all `stores`, and an error for each that could not be trusted."""
    return _documents(stores, "published")


def load_beside(stores: Iterable[Store]) -> tuple[list[AnyDocument], list[RecordError]]:
    """What a report needs beside the runs: published entries, leases and bills, and an error as above."""
    return _documents(stores, "published", "leases", "bills")


def _documents(stores: Iterable[Store], *kinds: str) -> tuple[list[AnyDocument], list[RecordError]]:
    read = [read_all(store, *kinds) for store in stores]
    return [one for documents, _ in read for one in documents], [one for _, errors in read for one in errors]


def _each_once(table: pa.Table) -> pa.Table:
    """The rows by id; of several of one id the first."""
    # In Arrow, not in pandas, which takes seconds for a million; and not at all where one recipe wrote them in order.
    ids = table["run_id"].combine_chunks()
    if pc.any(pc.less(ids[1:], ids[:-1])).as_py():
        table = table.take(pc.sort_indices(ids))  # which is stable
        ids = table["run_id"].combine_chunks()
    again = pc.equal(ids[1:], ids[:-1])
    if not pc.any(again).as_py():
        return table
    return table.filter(pa.concat_arrays([pa.array([True]), pc.invert(again)]))

"""What a series that broke off has already: `bench run --resume` makes only the rest of it."""

from __future__ import annotations

from datetime import timedelta

from bench.record.documents import Run
from bench.record.ids import time_of
from bench.store import Store
from bench.store.base import read_each


def runs_of(series_id: str, store: Store) -> list[Run]:
    """The runs of the series in `store`. Records that cannot be trusted are passed over; the report names them.

    Raises StoreError where the store cannot be read.
    """
    # No run of it is older than the series; the clocks of two machines may be a day apart.
    since = f"v1/runs/{time_of(series_id) - timedelta(days=1):%Y/%m/%d}"
    keys = [key for key in store.keys("v1/runs/") if key >= since]
    return [found for found in read_each(store, keys) if isinstance(found, Run) and found.series.id == series_id]

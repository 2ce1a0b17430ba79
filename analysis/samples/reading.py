"""The runs of sampled programs, out of stores that may hold a million others."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from bench.record.documents import Run, time_of
from bench.store import Store, read_each


def sampled_programs(stores: Iterable[Store], frame: pd.DataFrame) -> list[Run]:
    """Every run of the programs of which `frame` (of `runs_frame`) has a sample: samples, and runs to the end.

    A record that cannot be read is left out; who made the frame has named it.
    """
    sampled = frame.loc[frame["ended"].fillna("") == "sampled", "source_sha256"].unique()
    ids = frame.loc[frame["program"] & frame["source_sha256"].isin(sampled), "run_id"].tolist()
    keys = [f"v1/runs/{time_of(run_id):%Y/%m/%d}/{run_id}.json" for run_id in ids]
    runs: dict[str, Run] = {}
    if keys:
        for store in stores:
            runs |= {run.id: run for run in read_each(store, keys) if isinstance(run, Run) and run.id not in runs}
    return list(runs.values())

"""What `bench estimate` says of programs that were sampled."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from analysis.frames.runs import load
from analysis.report.sample_table import sample_table
from analysis.samples.samples import sample_rows, sampled_programs
from bench.store import open_store, read_leases


def sampled_table(names: Collection[str], store: str, total_steps: int | None) -> tuple[str, set[str]]:
    """The table of the samples of those of `names` that the store holds any of, and these names. Empty: none."""
    if not store.startswith("s3://") and not Path(store, "v1").is_dir():
        return "", set()
    opened = open_store(store)
    frame, _ = load([opened])
    ours = frame[frame["program"] & frame["recipe"].isin(list(names))]
    runs = sampled_programs([opened], ours)
    leases, _ = read_leases(opened)
    rows = sample_rows(runs, leases.values(), total_steps)
    return sample_table(rows).as_text() if rows else "", {row.program for row in rows}

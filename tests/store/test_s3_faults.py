"""Servers and clients that are killed at any moment lose nothing, double nothing and overwrite nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from threading import Event, Thread
from typing import Any

import boto3
import pytest

from bench.record.documents import to_bytes
from bench.store import Store, open_store, read_all, read_each
from bench.store.spool import Spool, SpooledWriter, drain
from tests.support import seaweedfs
from tests.support.builders import make_run
from tests.support.seaweedfs import SeaweedFS

pytestmark = pytest.mark.slow

WRITERS, RECORDS, CRASHES = 64, 2_000, 3
KILLS = 20


@pytest.fixture
def server(tmp_path: Path, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[SeaweedFS]:
    """A server of this test's own, to be killed, with a bucket."""
    with seaweedfs.running(tmp_path / "own") as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", server.endpoint)
        monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
        boto3.Session().client("s3").create_bucket(Bucket="bucket")
        yield server


def drained(url: str) -> Store:
    """Put what waits for the store at `url`, which may take a moment to get up, and return the store."""
    store, spool = open_store(url), Spool(url)
    deadline = time.monotonic() + 300
    while spool.waiting() and time.monotonic() < deadline:
        drain(spool, store)
    assert spool.waiting() == []
    return store


def test_64_writers_lose_nothing_while_the_server_is_killed_three_times(
    server: SeaweedFS, spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url, runs, done = "s3://bucket/records", [make_run(seed=seed) for seed in range(RECORDS)], Event()
    store = open_store(url)
    store.check_writable()
    spooled = [SpooledWriter(store) for _ in range(WRITERS)]
    written = [0] * WRITERS

    def write(writer: int) -> None:
        for run in runs[writer::WRITERS]:
            spooled[writer].put(run)
            written[writer] += 1

    def crash() -> None:
        for crashed in range(1, CRASHES + 1):
            while sum(written) < crashed * RECORDS / (CRASHES + 1) and not done.is_set():
                time.sleep(0.01)
            server.kill()
            server.start()

    crashing = Thread(target=crash)
    crashing.start()
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    done.set()
    crashing.join()
    capsys.readouterr()  # a line for each record that waited

    found = list(read_each(drained(url)))
    assert found == sorted(runs, key=lambda run: run.key())  # each once, and its checksum right


# Clients that put one record after another, each killed at a random moment; every second one cannot reach its store.
# They say which record is made, and which is kept.
CLIENTS = """
import hashlib, os, random, signal, sys, time
sys.path.append(sys.argv[1])
from tests.support.builders import make_run
from bench.record.documents import to_bytes
from bench.store import open_store
from bench.store.spool import SpooledWriter

def say(what, run):
    os.write(1, f"{what} {run.key()} {hashlib.sha256(to_bytes(run)).hexdigest()}\\n".encode())

def write(away):
    if away:
        os.environ["AWS_ENDPOINT_URL_S3"] = "http://127.0.0.1:9"
    writer = SpooledWriter(open_store(sys.argv[2]))
    for seed in range(10**9):
        run = make_run(seed=seed)
        say("made", run)
        writer.put(run)
        say("kept", run)
        os.write(ready, b".")

random.seed(sys.argv[3])
for number in range(int(sys.argv[3])):
    begun, ready = os.pipe()
    client = os.fork()
    if client == 0:
        write(away=number % 2)
    os.read(begun, 1)
    time.sleep(random.uniform(0, 0.2))
    os.kill(client, signal.SIGKILL)
    assert os.waitpid(client, 0)[1] == signal.SIGKILL
"""


def test_a_client_killed_at_random_moments_loses_nothing_it_said_was_kept(
    server: SeaweedFS, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    url = "s3://bucket/records"
    done = subprocess.run(
        [sys.executable, "-c", CLIENTS, str(Path(__file__).parents[2]), url, str(KILLS)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said: dict[str, dict[str, str]] = {"made": {}, "kept": {}}
    for line in done.stdout.splitlines():
        what, key, digest = line.split()
        said[what][key] = digest
    waited = len(Spool(url).waiting())

    found, errors = read_all(drained(url))
    assert errors == []
    stored = {document.key(): sha256(to_bytes(document)).hexdigest() for document in found}
    assert len(stored) == len(found)
    assert stored.items() <= said["made"].items()
    assert said["kept"].items() <= stored.items()
    assert waited > KILLS // 2  # the kills fell into work
    assert len(said["kept"]) > 2 * KILLS


def test_drainers_killed_at_random_moments_leave_every_record_in_the_store_or_in_the_spool(
    server: SeaweedFS, spool: Path
) -> None:
    url, runs = "s3://bucket/records", [make_run(seed=seed) for seed in range(300)]
    for run in runs:
        Spool(url).add(run)
    command = [sys.executable, "-m", "bench", "store", "drain"]
    left = [len(runs)]
    for _ in range(3):
        pair = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(2)]
        while len(Spool(url).waiting()) > left[-1] - 20 and any(process.poll() is None for process in pair):
            time.sleep(0.01)
        for process in pair:
            process.kill()
            process.wait()
        left.append(len(Spool(url).waiting()))
    assert left[0] > left[1] > left[-1]
    assert list(read_each(drained(url))) == sorted(runs, key=lambda run: run.key())

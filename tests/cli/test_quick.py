"""The whole road on real images: train, record, report; and what a signal leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bench.record.documents import LeaseClosed, LeaseOpened, Run
from bench.record.policy import POLICIES, policy_seconds
from bench.store import open_store, read_all

pytest.importorskip("torch")
pytestmark = pytest.mark.slow


def documents(folder: Path) -> tuple[list[Run], LeaseOpened, LeaseClosed | None]:
    found, errors = read_all(open_store(folder))
    assert not errors
    (opened,) = (document for document in found if isinstance(document, LeaseOpened))
    closed = next((document for document in found if isinstance(document, LeaseClosed)), None)
    return [document for document in found if isinstance(document, Run)], opened, closed


def test_quick_hits_its_target_is_priced_and_reported(bench, cifar10: Path, tmp_path: Path) -> None:
    done = bench("run", "quick", "--store", "store", "--price-per-hour", "3.60", CIFAR10_DIR=str(cifar10))
    assert done.returncode == 0, done.stderr
    ((run,), opened, closed) = documents(tmp_path / "store")
    assert done.stdout.split() == [run.key()]
    assert (run.status, run.hit, run.valid, run.cold) == ("completed", True, True, True)
    assert run.target.dataset == "cifar10"
    assert run.lease_id == opened.id
    assert closed is not None
    assert (closed.id, closed.reason) == (opened.id, "finished")
    times = {policy: policy_seconds(run, policy) for policy in POLICIES}
    assert all(times.values())
    assert times["dawnbench"] < times["airbench"] <= times["mlperf"] < times["cold"]
    report = bench("report", "--store", "store", "--format", "json")
    assert report.returncode == 0, report.stderr
    (row,) = (row for row in json.loads(report.stdout)["rows"] if row["kind"] == "measured")
    assert (row["runs"], row["hits"], row["currency"]) == (1, 1, "USD")
    assert row["train_cost"] == pytest.approx(times["airbench"] / 1000)  # 3.60 an hour is 1/1000 a second


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_record_of_the_run_in_flight(number: signal.Signals, cifar10: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "run", "quick", "--runs", "3", "--data", str(cifar10), "--store", "store"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stderr is not None
    assert "[1/3]" in process.stderr.readline()
    time.sleep(6)  # building takes about three seconds; then it trains
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=10)  # what `docker stop` gives
    assert process.returncode == 130
    assert "Traceback" not in err
    ((run,), _, closed) = documents(tmp_path / "store")
    assert (run.status, run.reason, run.series.planned) == ("interrupted", "USER", 3)
    assert number.name in (run.message or "")
    assert out.split() == [run.key()]
    assert closed is not None
    assert closed.reason == "interrupted"

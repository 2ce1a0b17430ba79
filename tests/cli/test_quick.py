"""The whole road on real images: train, record, report; and what a signal leaves behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from bench.record.documents import POLICIES, LeaseClosed, LeaseOpened, Run, Target, policy_seconds
from bench.store import open_store, read_all
from tests.support.scripted_bench import TRAINING
from tests.support.types import Bench


def documents(folder: Path) -> tuple[list[Run], LeaseOpened, LeaseClosed | None]:
    records, errors = read_all(open_store(folder))
    assert not errors
    (opened,) = (record for record in records if isinstance(record, LeaseOpened))
    closed = next((record for record in records if isinstance(record, LeaseClosed)), None)
    return [record for record in records if isinstance(record, Run)], opened, closed


@pytest.mark.slow
def test_quick_hits_its_target_is_priced_and_reported(bench_process: Bench, cifar10: Path, tmp_path: Path) -> None:
    done = bench_process("run", "quick", "--store", "store", "--price-per-hour", "3.60", CIFAR10_DIR=str(cifar10))
    assert done.returncode == 0, done.stderr
    ((run,), opened, closed) = documents(tmp_path / "store")
    assert done.stdout.split() == [run.key()]
    assert (run.status, run.hit, run.valid, run.cold) == ("completed", True, True, True)
    assert isinstance(run.target, Target)
    assert run.target.dataset == "cifar10"
    assert run.lease_id == opened.id
    assert closed is not None
    assert (closed.id, closed.reason) == (opened.id, "finished")
    times = {policy: policy_seconds(run, policy) or 0.0 for policy in POLICIES}
    assert all(times.values())
    assert times["dawnbench"] < times["airbench"] <= times["mlperf"] < times["cold"]
    report = bench_process("report", "--store", "store", "--format", "json")
    assert report.returncode == 0, report.stderr
    (row,) = (row for row in json.loads(report.stdout)["rows"] if row["kind"] == "measured")
    assert (row["runs"], row["hits"], row["currency"]) == (1, 1, "USD")
    assert row["train_cost"] == pytest.approx(times["airbench"] / 1000)  # 3.60 an hour is 1/1000 a second


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_the_record_of_the_run_in_flight(number: signal.Signals, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.scripted_bench", "run", "waiting", "--runs", "3"]
    process = subprocess.Popen(
        [*command, "--device", "cpu", "--store", "store"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert any(TRAINING in line for line in process.stderr)
    os.kill(process.pid, number)
    out, err = process.communicate(timeout=10)  # what `docker stop` gives
    assert process.returncode == 130
    assert "Traceback" not in err
    ((run,), _, closed) = documents(tmp_path / "store")
    assert (run.status, run.reason, run.series.planned) == ("interrupted", "USER", 3)
    assert (run.phases[-1].name, number.name in (run.message or "")) == ("train", True)
    assert out.split() == [run.key()]
    assert closed is not None
    assert closed.reason == "interrupted"


@pytest.mark.slow
def test_a_reader_that_goes_between_runs_ends_the_lease_as_interrupted(tmp_path: Path) -> None:
    """As `bench run … | head -1` does."""
    words = ["run", "short", "--runs", "3", "--device", "cpu", "--store", "store", "--quiet"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.scripted_bench", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    first = process.stdout.readline().strip()
    process.stdout.close()
    process.stdin.write("go on\n" * 3)
    process.stdin.close()
    said = process.stderr.read().splitlines()
    assert process.wait(timeout=300) == 1
    assert len(said) == 1
    assert said[0].startswith("bench: stdout: cannot be written")
    runs, opened, closed = documents(tmp_path / "store")
    assert (len(runs), first in {run.key() for run in runs}) == (2, True)
    assert closed is not None
    assert (closed.id, closed.reason) == (opened.id, "interrupted")

"""`sky launch sky/v100.yaml` on an AWS that is this machine: real provisioning, training, records, report.

About five minutes on two quiet cores. Needs what loopback.py says, the real CIFAR-10, and in BENCH_TEST_PYTHON a Python
with torch.
"""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import boto3
import pytest

from bench.record.documents import LeaseClosed, LeaseOpened, Run
from bench.store import open_store, read_all
from tests.skypilot import local_aws, loopback
from tests.skypilot.loopback import ROOT
from tests.support import seaweedfs

pytestmark = [loopback.WANTED, pytest.mark.slow, pytest.mark.usefixtures("able")]
# On the machine, in the checkout that SkyPilot put there.
_BENCH = """\
#!/bin/sh
export PYTHONPATH="$PWD:{packages}"
exec {python} tests/skypilot/short_bench.py "$@"
"""
T = TypeVar("T", LeaseOpened, LeaseClosed, Run)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with loopback.public_folder() as path:
        yield path


@pytest.fixture(scope="module")
def aws(able: None, folder: Path, cifar10: Path) -> Iterator[local_aws.LocalAws]:
    """The account. Its machines have a `bench`: of the checkout that they are sent, with the torch that is here."""
    (folder / "cifar10").mkdir()
    for batch in cifar10.rglob("*.bin"):  # to a place where the user that plays the machine may read them
        shutil.copyfile(batch, folder / "cifar10" / batch.name)
    with local_aws.local_aws(folder / "aws") as account:
        bench = account.machine.path / "bench"
        bench.write_text(_BENCH.format(packages=_packages(), python=loopback.anybodys_python()))
        bench.chmod(0o755)
        yield account


@pytest.fixture(scope="module")
def s3(folder: Path) -> Iterator[seaweedfs.SeaweedFS]:
    with seaweedfs.running(folder / "s3") as server:
        yield server


@pytest.fixture
def bucket(s3: seaweedfs.SeaweedFS, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The URL of a bucket of the test's own; this process may read it."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    name = request.node.name.replace("_", "-")[:40].strip("-")
    boto3.client("s3").create_bucket(Bucket=name)
    return f"s3://{name}"


def given(s3: seaweedfs.SeaweedFS, folder: Path, **variables: str) -> list[str]:
    """The words of a user with an S3 of his own, to whom a quick recipe will do."""
    envs = {
        "BENCH_RECIPES": "quick",
        "BENCH_RUNTIME": "installed",
        "CIFAR10_DIR": f"{folder}/cifar10",
        "AWS_ENDPOINT_URL": s3.endpoint,
        "AWS_REGION": "us-east-1",
        **variables,
    }
    secrets = {"AWS_ACCESS_KEY_ID": seaweedfs.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": seaweedfs.SECRET_KEY}
    words = [word for name, value in envs.items() for word in ("--env", f"{name}={value}")]
    return words + [word for name, value in secrets.items() for word in ("--secret", f"{name}={value}")]


def test_a_launch_on_demand_ends_in_a_report_of_its_lease(
    aws: local_aws.LocalAws, s3: seaweedfs.SeaweedFS, folder: Path, bucket: str, tmp_path: Path
) -> None:
    """README's own line, with an S3 of the user's."""
    before = _git("rev-parse", "HEAD")
    words = given(s3, folder, BENCH_RUNS="1", BENCH_STORE=bucket)
    line = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("$ sky launch"))
    line = line.removeprefix("$ ").replace("sky/v100.yaml", shlex.join([*words, "sky/v100.yaml"]))
    environment = {**aws.environment, "BENCH_STORE": str(tmp_path / "collected")}
    environment["PATH"] = f"{loopback.BIN}{os.pathsep}{environment['PATH']}"
    try:
        out = loopback.run(["bash", "-c", line], environment)
    finally:
        loopback.run([loopback.BIN / "sky", "down", "-y", "bench-v100"], aws.environment)
        aws.switch_off()
    assert aws.running() is None
    instance = aws.instances()[-1]
    assert {"Key": "bench-lease", "Value": "by-hand"} in instance["Tags"]
    assert f"The records are in {bucket}: bench report --store {bucket}" in out
    # The machine's folder is empty: they come from the log that SkyPilot keeps of the job.
    assert "3 records came from bench-v100, 0 already known, 0 damaged" in out
    assert _records(str(tmp_path / "collected")) == _records(bucket)
    (opened,), (closed,), (run,) = _records(bucket)
    assert (opened.provider, opened.zone, opened.instance_type) == ("aws", local_aws.ZONE, "p3.2xlarge")
    assert (opened.resource_id, opened.started) == (instance["InstanceId"], instance["LaunchTime"])
    names = [phase.name for phase in opened.phases if phase.name != "setup"]  # which took a second, or none
    assert names == ["provision", "idle"]
    assert (closed.id, closed.reason) == (opened.id, "finished")
    assert (run.status, run.lease_id) == ("completed", opened.id)
    # The checkout may have gone on meanwhile: it was sent as it was at one moment of these minutes.
    assert run.environment.git_commit in (before, *_git("rev-list", f"{before}..HEAD").split())
    (row,) = _report(bucket)["leases"]["rows"]
    # EC2 charges from the state running on, and SkyPilot's provisioning is over when setup.sh begins.
    seconds = (closed.stopped - opened.started).total_seconds() - opened.phases[0].stop
    assert (row["pricing_category"], row["charged_s"]) == ("Standard", max(60, math.ceil(seconds)))
    assert float(row["estimate"]) == pytest.approx(3.06 * row["charged_s"] / 3600)


def test_a_managed_job_on_spot_goes_on_where_it_was_taken_back(
    aws: local_aws.LocalAws, s3: seaweedfs.SeaweedFS, folder: Path, bucket: str
) -> None:
    price = {"BENCH_PRICE_PER_HOUR": "0.4803", "BENCH_PRICE_SOURCE": "SkyPilot catalogue"}
    hold = folder / "hold"
    hold.touch()
    words = given(s3, folder, BENCH_RUNS="2", BENCH_STORE=bucket, SHORT_HOLD=f"1:{hold}", **price)
    with _sky(aws, folder / "job.log", "jobs", "launch", "-y", "-n", "bench", "--use-spot", *words, "sky/v100.yaml"):
        loopback.wait_for(lambda: "quick seed 1" in (folder / "job.log").read_text(), 1800, "the second run")
        lost = aws.take_back()
        hold.unlink()
        # Not by the exit code: SkyPilot may look for the log once more where the machine was, and find no job.
        loopback.wait_for(lambda: len(_records(bucket)[1]) == 2, 1800, "the end of the second lease", every=2)
        loopback.wait_for(lambda: aws.running() is None, 300, "the end of the second machine")
    first, second = sorted(_records(bucket)[0], key=lambda opened: opened.attempt or 0)
    ends = {closed.id: closed for closed in _records(bucket)[1]}
    assert [each["InstanceId"] for each in aws.instances()[-2:]] == [first.resource_id, second.resource_id]
    assert (first.resource_id, first.attempt, second.attempt) == (lost, 1, 2)
    assert first.tags["bench-lease"] == second.tags["bench-lease"] == first.id
    assert (ends[first.id].reason, ends[second.id].reason) == ("preempted", "finished")
    runs = [(run.seed, run.status, run.reason, run.lease_id) for run in _records(bucket)[2]]
    assert runs == [
        (0, "completed", None, first.id),
        (1, "interrupted", "PREEMPTED", first.id),
        (1, "completed", None, second.id),
    ]
    (row,) = _report(bucket)["leases"]["rows"]
    assert (row["pricing_category"], row["leases"], row["preempted"]) == ("Dynamic", 2, 1)
    # Taken back in its first hour, the first machine is free.
    seconds = (ends[second.id].stopped - second.started).total_seconds() - second.phases[0].stop
    assert row["charged_s"] == max(60, math.ceil(seconds))
    assert float(row["estimate"]) == pytest.approx(0.4803 * row["charged_s"] / 3600)


def test_a_machine_that_goes_unwatched_leaves_its_records_in_the_log_of_the_launch(
    aws: local_aws.LocalAws, s3: seaweedfs.SeaweedFS, folder: Path, tmp_path: Path
) -> None:
    hold, log = folder / "hold", folder / "launch.log"
    hold.touch()
    words = given(s3, folder, BENCH_RUNS="3", BENCH_STORE="", SHORT_HOLD=f"2:{hold}")
    try:
        with _sky(aws, log, "launch", "-y", "-c", "unwatched", *words, "sky/v100.yaml") as launch:
            loopback.wait_for(lambda: "quick seed 2" in log.read_text(), 1800, "the third run")
            aws.terminate()
            launch.wait(1800)
    finally:
        loopback.run([loopback.BIN / "sky", "down", "-y", "unwatched"], aws.environment)
    _collect(aws, "--log", str(log), store=tmp_path / "store")
    (opened,), _, runs = _records(str(tmp_path / "store"))
    assert [run.seed for run in runs] == [0, 1]
    assert {(run.status, run.lease_id) for run in runs} == {("completed", opened.id)}


def _collect(aws: local_aws.LocalAws, *words: str, store: Path) -> str:
    """Call `bench collect` as the user of the account; what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "collect", *words, "--store", store],
        cwd=ROOT,
        env=aws.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def _sky(aws: local_aws.LocalAws, log: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """`sky` at work, with its output in `log`."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            [loopback.BIN / "sky", *words],
            cwd=ROOT,
            env=aws.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _records(bucket: str) -> tuple[list[LeaseOpened], list[LeaseClosed], list[Run]]:
    """What the bucket holds, each kind in order of its ids, which is that of time."""
    documents, errors = read_all(open_store(bucket))
    assert not errors

    def of(kind: type[T]) -> list[T]:
        return sorted((each for each in documents if isinstance(each, kind)), key=lambda each: str(each.id))

    return of(LeaseOpened), of(LeaseClosed), of(Run)


def _report(bucket: str) -> dict[str, Any]:
    words = [str(loopback.BIN / "bench"), "report", "--store", bucket, "--format", "json"]
    report: dict[str, Any] = json.loads(subprocess.run(words, cwd=ROOT, capture_output=True, check=True).stdout)
    return report


def _git(*words: str) -> str:
    return subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def _packages() -> str:
    """Where the packages of the Python with torch lie."""
    python = os.environ.get("BENCH_TEST_PYTHON", str(ROOT / ".venv/bin/python"))
    code = "import sys, sysconfig, torch; print(*sys.version_info[:2], sysconfig.get_paths()['purelib'])"
    major, minor, path = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    version = "{}.{}".format(*sys.version_info)
    assert f"{major}.{minor}" == version, f"{python} is no Python {version}, as this one is"
    return path

"""Runs on real images inside the image: recorded, stopped, killed, and put into a real S3."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.container.engine import COMMIT, DOCKER, ROOT, Engine, variables
from tests.support import seaweedfs

HARDENED = ("--read-only", "--cap-drop=ALL")
STORE = "s3://container/records"
SHORT = ROOT / "tests" / "skypilot" / "short_bench.py"
# 15 steps of quick: 59.8 and 60.8 % of 2,000 held-out images with seeds 0 and 1, where guessing is right in 10 %.
LEARNS, ACCURACY = {"SHORT_EPOCHS": "0.15"}, 0.5


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """An empty folder that every user may write."""
    folder = tmp_path / "results"
    folder.mkdir()
    folder.chmod(0o777)
    return folder


@contextmanager
def started(engine: Engine, image: str, *words: str, run: tuple[str, ...]) -> Iterator[str]:
    """A container, removed at the end; what it said is in the test's output."""
    name = engine.docker("run", "-d", *HARDENED, *words, image, *run).stdout.strip()
    try:
        yield name
    finally:
        print(engine.docker("logs", name, check=False).stderr)  # noqa: T201 -- pytest shows it where the test fails
        engine.docker("rm", "-f", "-v", name)


def wait_for(engine: Engine, name: str, said: str, seconds: float = 1800) -> None:
    """Until the container's log holds `said`. Fails where it ends before, or takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while said not in (log := "".join(engine.docker("logs", name).stderr)):
        assert engine.inspect(name, "{{.State.Running}}") == "true", log
        assert time.monotonic() < deadline, log
        time.sleep(0.5)


def stop(engine: Engine, name: str) -> int:
    """`docker stop`: the exit code. It is 137 for what takes longer than the ten seconds given."""
    engine.docker("stop", name)
    return int(engine.inspect(name, "{{.State.ExitCode}}"))


def documents(results: Path, kind: str) -> list[dict[str, Any]]:
    """The records of a folder, oldest first."""
    return [json.loads(path.read_text()) for path in sorted((results / "v1" / kind).rglob("*.json"))]


def test_a_recipe_learns_and_a_stop_leaves_a_record(engine: Engine, image: str, data: Path, results: Path) -> None:
    digest = engine.inspect(image, "{{.Id}}")
    mounts = ("-v", f"{data}:/data:ro", "-v", f"{results}:/results", "-v", f"{SHORT}:/short_bench.py:ro")
    words = ("--network=none", *mounts, *variables({"BENCH_IMAGE_DIGEST": digest, **LEARNS}), "--entrypoint=python")
    with started(engine, image, *words, run=("/short_bench.py", "run", "quick", "--runs", "2")) as name:
        wait_for(engine, name, "quick seed 1")
        assert stop(engine, name) == 130
    first, second = documents(results, "runs")
    assert first["status"] == "completed"
    assert first["evaluations"][-1]["metrics"]["accuracy"] > ACCURACY
    assert (second["status"], second["message"]) == ("interrupted", "stopped by SIGTERM")
    assert [lease.get("reason") for lease in documents(results, "leases")].count("interrupted") == 1
    for run in (first, second):
        environment = run["environment"]
        assert (environment["git_commit"], environment["git_dirty"]) == (COMMIT, True)
        assert environment["image_digest"] == digest
        assert run["device"]["path"] == "eager"  # quick is too short to be compiled on a processor, here or beside it


def test_a_stop_before_the_first_run_ends_it_at_once(engine: Engine, image: str, data: Path, results: Path) -> None:
    words = ("--network=none", "-v", f"{data}:/data:ro", "-v", f"{results}:/results")
    with started(engine, image, *words, run=("run", "quick")) as name:
        deadline = time.monotonic() + 60  # of a run that takes minutes
        # Python itself has to be there to take the signal, so it is sent until it is taken.
        while engine.inspect(name, "{{.State.Running}}") == "true":
            assert time.monotonic() < deadline
            engine.docker("kill", "--signal=TERM", name, check=False)
        assert engine.inspect(name, "{{.State.ExitCode}}") in ("130", "143")


def test_the_scripts_of_a_task_file_run_in_it(engine: Engine, image: str, data: Path, tmp_path: Path) -> None:
    """As on a rented machine, but that `docker pull` finds here what it would find in a registry."""
    shutil.copytree(ROOT / "sky", tmp_path / "sky")
    shim = tmp_path / "bin" / "docker"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/bash\n[ "$1" = pull ] || exec {DOCKER} "$@"\n')
    shim.chmod(0o755)
    environ = {
        "PATH": f"{shim.parent}:/usr/bin:/bin",
        "HOME": str(tmp_path),
        "DOCKER_HOST": engine.host,
        "BENCH_RUNTIME": "docker",
        "BENCH_IMAGE": image,
        "BENCH_RECIPES": "quick",
        "BENCH_STORE": "",
        "BENCH_ACCELERATORS": "V100:1",
        "BENCH_LEASE_STARTED": str(time.time() - 60),
        "CIFAR10_DIR": str(data),
    }
    subprocess.run(["bash", "sky/setup.sh"], cwd=tmp_path, env=environ, check=True)
    with (tmp_path / "log").open("w") as log:
        run = subprocess.Popen(["bash", "sky/run.sh"], cwd=tmp_path, env=environ, stdout=log, stderr=log)
    deadline = time.monotonic() + 1800
    while "quick seed 0" not in (said := (tmp_path / "log").read_text()):
        assert run.poll() is None, said
        assert time.monotonic() < deadline, said
        time.sleep(0.5)
    run.send_signal(signal.SIGTERM)
    assert run.wait(60) == 130
    assert "bench collect" in (tmp_path / "log").read_text()
    (made,) = documents(tmp_path / "bench-results", "runs")
    assert (made["status"], made["environment"]["image_digest"]) == ("interrupted", engine.inspect(image, "{{.Id}}"))
    (opened,) = (lease for lease in documents(tmp_path / "bench-results", "leases") if lease["kind"] == "lease-opened")
    assert (opened["started_source"], opened["accelerators"]) == ("launcher", {"name": "V100", "count": 1})


def test_what_was_recorded_before_memory_ran_out_is_in_s3(
    engine: Engine, image: str, data: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with seaweedfs.running(tmp_path_factory.mktemp("s3")) as server:
        owner = boto3.client(
            "s3",
            endpoint_url=server.endpoint,
            region_name="us-east-1",
            aws_access_key_id=seaweedfs.ACCESS_KEY,
            aws_secret_access_key=seaweedfs.SECRET_KEY,
        )
        owner.create_bucket(Bucket="container")
        told = variables({**server.environment, "BENCH_STORE": STORE, "BENCH_INSTANCE": "aws:p3.2xlarge"})
        # quick, here of five steps, needs half of this, a batch of fastai-wrn half as much again.
        memory = ("--memory=4g", "--memory-swap=4g", "--network=host")
        mounts = ("-v", f"{data}:/data:ro", "-v", f"{SHORT}:/short_bench.py:ro", "--entrypoint=python")
        run = ("/short_bench.py", "run", "quick", "fastai-wrn")
        with started(engine, image, *memory, *mounts, *told, run=run) as name:
            assert engine.docker("wait", name, timeout=2400).stdout == "137\n"
            assert engine.inspect(name, "{{.State.OOMKilled}}") == "true"
        words = ("run", "--rm", *HARDENED, "--network=host", *told, image, "report", "--format", "json")
        said = engine.docker(*words).stdout
    report = json.loads(said)
    assert [(row["recipe"], row["runs"]) for row in report["rows"] if row["kind"] == "measured"] == [("quick", 1)]
    (lease,) = report["leases"]["rows"]
    assert (lease["open"], lease["instance_type"]) == (1, "p3.2xlarge"), "nobody was left to close it"
    assert seaweedfs.SECRET_KEY not in said

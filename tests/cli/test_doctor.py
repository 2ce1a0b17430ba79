"""`bench doctor`: what it says of this machine, and its exit code."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from bench.errors import DataError
from bench.store import Spool
from bench.training import data
from tests.support.builders import make_run
from tests.support.command import Done
from tests.support.types import Bench

trains = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")


def states(done: Done | subprocess.CompletedProcess[str]) -> dict[str, str]:
    """The state of each finding, by its name."""
    return {finding["name"]: finding["state"] for finding in json.loads(done.stdout)}


def remedies(done: Done | subprocess.CompletedProcess[str]) -> dict[str, str]:
    return {finding["name"]: finding["remedy"] for finding in json.loads(done.stdout)}


@trains
def test_a_run_without_data_would_fail_and_any_other_purpose_would_not(bench: Bench, tmp_path: Path) -> None:
    done = bench("doctor", "--format", "json")
    assert done.returncode == 1
    assert {name for name, state in states(done).items() if state == "fails"} == {"data"}
    assert "bench data fetch" in remedies(done)["data"]
    assert bench("doctor", "--for", "exec").returncode == 0
    assert list(tmp_path.iterdir()) == []


@trains
def test_where_everything_is_there_a_run_can_be_done(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "find", lambda given: Path("here"))
    monkeypatch.setattr(data, "verify", lambda folder: None)
    done = bench("doctor")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == "`bench run` would work here"
    assert {line.split()[0] for line in done.stdout.splitlines()[2:]} <= {"ok", "note", "to"}


@trains
def test_every_finding_that_is_not_well_has_a_remedy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def altered(folder: Path) -> None:
        raise DataError("test_batch.bin: altered")

    monkeypatch.setattr(data, "find", lambda given: Path("here"))
    monkeypatch.setattr(data, "verify", altered)
    done = bench("doctor", "--store", "/proc/store", "--format", "json", BENCH_LEASE_ID="x", BENCH_STOR="x")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert {each["name"] for each in found if each["fails"]} == {"data", "store", "lease"}
    assert len([each for each in found if each["name"] == "variables"]) == 2
    assert all(each["remedy"] for each in found if each["state"] != "ok")
    assert "BENCH_STORE" in next(each["remedy"] for each in found if each["found"].startswith("BENCH_STOR "))


@pytest.mark.parametrize(("purpose", "code"), [("run", 1), ("exec", 0), ("report", 0), ("sweep", 1)])
def test_a_laptop_without_torch_and_skypilot_can_do_all_that_needs_neither(
    tmp_path: Path, environment: dict[str, str], purpose: str, code: int
) -> None:
    (tmp_path / "results" / "local").mkdir(parents=True)
    words = ["doctor", "--for", purpose, "--format", "json"]
    bare = (
        "import sys; from importlib import metadata; installed = metadata.version\n"
        "def version(name):\n"
        "    if name == 'torch': raise metadata.PackageNotFoundError(name)\n"
        "    return installed(name)\n"
        "metadata.version = version; sys.modules['torch'] = sys.modules['sky'] = None\n"
        "import bench.billing.offers.skypilot as skypilot; skypilot.installed = lambda: False\n"
        f"sys.argv = ['bench', *{words}]\n"
        "from bench.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", bare], capture_output=True, text=True, check=False, cwd=tmp_path, env=environment
    )
    assert (done.returncode, done.stderr) == (code, "")
    failing = {name for name, state in states(done).items() if state == "fails"}
    assert failing == {"run": {"torch", "data"}, "sweep": {"SkyPilot"}}.get(purpose, set())


def test_credentials_are_named_and_never_shown(bench: Bench, tmp_path: Path) -> None:
    secret = "hunter2"
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(secret)
    done = bench("doctor", "--for", "exec", HOME=str(tmp_path), RUNPOD_API_KEY=secret, AWS_ACCESS_KEY_ID="")
    line = next(line for line in done.stdout.splitlines() if " credentials " in line)
    assert line.split(maxsplit=2)[2] == "AWS (~/.aws/credentials); RunPod (RUNPOD_API_KEY)"
    assert secret not in done.stdout + done.stderr


def test_a_report_needs_a_store_that_is_there(bench: Bench, tmp_path: Path) -> None:
    assert bench("doctor", "--for", "report").returncode == 1
    (tmp_path / "results" / "local").mkdir(parents=True)
    assert bench("doctor", "--for", "report").returncode == 0


def test_records_that_wait_in_the_spool_are_a_note(bench: Bench, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BENCH_SPOOL", str(tmp_path / "spool"))
        Spool("s3://away/store").add(make_run())
    done = bench("doctor", "--for", "exec", "--format", "json", BENCH_SPOOL=str(tmp_path / "spool"))
    assert (done.returncode, states(done)["spool"], remedies(done)["spool"]) == (0, "note", "bench store drain")


@trains
@pytest.mark.parametrize(
    ("finding", "words", "variables"),
    [
        ("data", ("--data", "nowhere"), {}),
        ("store", ("--store", "file/store"), {}),
        ("store", ("--store", "ftp://host/store"), {}),
        ("lease", (), {"BENCH_LEASE_ID": "x"}),
        ("lease", (), {"BENCH_LEASE_STARTED": "2999-01-01T00:00:00Z"}),
        ("lease", (), {"BENCH_LEASE_STARTED": "20261122"}),
        ("lease", (), {"BENCH_LEASE_STARTED": "0"}),
        ("lease", (), {"BENCH_IDLE_MINUTES": "1.5"}),
        ("lease", (), {"BENCH_INSTANCE": "aws:nothing"}),
        ("lease", ("--price-per-hour", "cheap"), {}),
    ],
)
def test_what_the_doctor_says_would_fail_is_what_fails_a_run(
    bench: Bench,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    finding: str,
    words: tuple[str, ...],
    variables: dict[str, str],
) -> None:
    (tmp_path / "file").touch()
    if finding != "data":
        monkeypatch.setattr(data, "find", lambda given: tmp_path)
        monkeypatch.setattr(data, "verify", lambda folder: None)
    done = bench("doctor", *words, "--format", "json", **variables)
    assert done.returncode == 1
    (failing,) = [each for each in json.loads(done.stdout) if each["fails"]]
    assert failing["name"] == finding
    run = bench("run", "quick", *words, **variables)
    assert run.returncode in (1, 2)
    assert failing["found"] in run.stderr
    assert failing["remedy"] in run.stderr


def test_a_price_is_said_with_the_lease(bench: Bench) -> None:
    done = bench("doctor", "--for", "exec", "--instance", "aws:p3.2xlarge", "--format", "json")
    (lease,) = [each for each in json.loads(done.stdout) if each["name"] == "lease"]
    assert (lease["state"], lease["found"]) == ("ok", "aws p3.2xlarge, 3.06 USD per gpu-hour")

"""`bench sweep`, `status`, `collect` and `down` as a person calls them who has not set up everything yet."""

from __future__ import annotations

import fcntl
import importlib.util
import json
import re
from pathlib import Path

import pytest
import yaml

from bench.record.documents import Device
from bench.store import FolderStore
from tests.support.builders import make_run
from tests.support.types import Bench

NO_SKYPILOT = pytest.mark.skipif(
    (spec := importlib.util.find_spec("sky")) is not None and spec.origin is not None, reason="SkyPilot is installed"
)
# Without credentials of AWS, wherever they might come from.
NO_AWS = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_ACCESS_KEY_ID": "",
    "AWS_SECRET_ACCESS_KEY": "",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sweep of one cell."""
    (tmp_path / "v100.yaml").write_text("resources: {infra: aws, accelerators: V100:1}\nrun: bash sky/run.sh\n")
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"name": "one", "recipes": ["myrtle"], "runs": 2, "machines": ["./v100.yaml"]}))
    return path


@NO_SKYPILOT
@pytest.mark.parametrize("words", [("sweep", "sweep.yaml", "--yes"), ("collect", "bench-one-v100"), ("down", "--all")])
def test_without_skypilot_the_command_that_installs_it_is_named(
    bench: Bench, file: Path, words: tuple[str, ...]
) -> None:
    result = bench(*words)
    assert result.returncode == 1
    assert "pip install 'skypilot[aws]'" in result.stderr
    assert "Traceback" not in result.stderr


def _asked(bench: Bench, *words: str) -> list[str]:
    """What `bench sweep` printed before it would have asked, off a terminal."""
    result = bench("sweep", "sweep.yaml", *words, **NO_AWS)
    assert result.returncode == 2
    *lines, refusal = result.stderr.splitlines()
    assert "--yes" in refusal
    return lines


def test_the_price_is_shown_before_it_asks(bench: Bench, file: Path) -> None:
    line = _asked(bench, "--max-cost", "2.50")[-1]
    assert line.startswith("one: 1 of 1 cells ")
    assert line.count("USD") == 2
    assert "2.50 USD" in line


def test_the_price_is_that_of_bench_plan_by_the_same_records(bench: Bench, file: Path, tmp_path: Path) -> None:
    extrapolated = _asked(bench)[-1]
    store = FolderStore(tmp_path / "results" / "local")
    store.check_writable()
    gpu = Device(kind="cuda", name="Tesla V100-SXM2-16GB", precision="float16", path="graphs")
    for _ in range(3):
        store.put(make_run(device=gpu))
    (cell,) = json.loads(bench("plan", "sweep.yaml", "--format", "json", **NO_AWS).stdout)["cells"]
    assert cell["time_known_by"] == "measured, n = 3"
    line = _asked(bench)[-1]
    assert f"{float(cell['dollars']):.2f} USD, at most {float(cell['dollars_at_most']):.2f}" in line
    assert line != extrapolated


def test_a_record_that_cannot_be_trusted_is_named_and_the_price_still_comes(
    bench: Bench, file: Path, tmp_path: Path
) -> None:
    store = FolderStore(tmp_path / "results" / "local")
    store.check_writable()
    path = store.root / store.put(make_run(seed=7))
    path.write_bytes(path.read_bytes().replace(b'"seed":7', b'"seed":8'))
    *named, price = _asked(bench)
    assert any(path.name in line for line in named)
    assert "USD" in price


@pytest.mark.parametrize(
    "words", [("--max-cost", "0"), ("--max-cost", "twenty"), ("--max-cost", "NaN"), ("--max-duration", "2")]
)
def test_a_budget_that_is_none_is_a_usage_error(bench: Bench, file: Path, words: tuple[str, ...]) -> None:
    result = bench("sweep", "sweep.yaml", "--yes", *words)
    assert result.returncode == 2
    assert all(word in result.stderr for word in words)


def test_machines_without_credentials_for_their_store_are_not_rented(bench: Bench, file: Path) -> None:
    file.write_text(file.read_text() + "store: s3://bucket/prefix\n")
    result = bench("sweep", "sweep.yaml", "--yes", **NO_AWS)
    assert result.returncode == 1
    assert "s3://bucket/prefix" in result.stderr
    assert "credentials" in result.stderr


@pytest.mark.parametrize("words", [(), ("one", "--all")])
def test_down_takes_one_name_or_all(bench: Bench, words: tuple[str, ...]) -> None:
    result = bench("down", *words)
    assert result.returncode == 2
    assert "--all" in result.stderr


def test_a_file_without_bounds_has_twice_the_upper_bounds_of_the_plan(bench: Bench, file: Path) -> None:
    (cell,) = json.loads(bench("plan", "sweep.yaml", "--format", "json", **NO_AWS).stdout)["cells"]
    line = _asked(bench)[-1]
    bound = re.search(r"given back at ([0-9.]+) USD or after ([0-9:]+)", line)
    assert bound is not None, line
    assert float(bound[1]) == pytest.approx(2 * float(cell["dollars_at_most"]), abs=0.02)


def test_without_any_bound_nothing_is_rented(bench: Bench, file: Path, tmp_path: Path) -> None:
    (tmp_path / "v100.yaml").write_text("resources: {infra: aws, accelerators: NOSUCH:1}\nrun: true\n")
    result = bench("sweep", "sweep.yaml", "--yes", **NO_AWS)
    assert result.returncode == 2
    assert "--max-cost" in result.stderr


def test_a_second_call_of_a_sweep_that_runs_is_refused(bench: Bench, file: Path, tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "results" / "local")
    store.check_writable()
    folder = store.root / ".locks"
    folder.mkdir()
    with (folder / "sweep-one.lock").open("w") as running:
        fcntl.flock(running, fcntl.LOCK_EX)
        result = bench("sweep", "sweep.yaml", "--yes", **NO_AWS)
    assert result.returncode == 1
    assert "sweep-one" in result.stderr

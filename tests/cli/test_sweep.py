"""`bench sweep`, `status`, `collect` and `down` as a person calls them who has not set up everything yet."""

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

Bench = Callable[..., "subprocess.CompletedProcess[str]"]
NO_SKYPILOT = pytest.mark.skipif(
    (spec := importlib.util.find_spec("sky")) is not None and spec.origin is not None, reason="SkyPilot is installed"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A sweep of one cell."""
    (tmp_path / "v100.yaml").write_text("resources: {infra: aws, accelerators: V100:1}\nrun: bash sky/run.sh\n")
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump({"name": "one", "recipes": ["quick"], "runs": 2, "machines": ["./v100.yaml"]}))
    return path


@NO_SKYPILOT
@pytest.mark.parametrize(
    "words", [("sweep", "sweep.yaml", "--yes"), ("status",), ("collect", "bench-one-v100"), ("down", "--all")]
)
def test_without_skypilot_it_is_said_how_to_get_it(bench: Bench, file: Path, words: tuple[str, ...]) -> None:
    done = bench(*words)
    assert done.returncode == 1
    assert "SkyPilot is not installed here" in done.stderr
    assert "pip install 'skypilot[aws]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_plan_is_shown_and_nobody_there_to_say_yes_is_said(bench: Bench, file: Path) -> None:
    done = bench("sweep", "sweep.yaml", "--max-cost", "2.50")
    assert done.returncode == 2
    plan, refusal = done.stderr.splitlines()[-2:]
    assert plan.startswith("one: 1 of 1 cells to run, about ")
    assert "USD, at most" in plan
    assert "all is given back at 2.50 USD" in plan
    assert refusal == "bench: nobody is here to be asked; give --yes"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--max-cost", "0"), "--max-cost 0: is no amount of dollars above 0"),
        (("--max-cost", "twenty"), "--max-cost twenty: is no amount"),
        (("--max-cost", "NaN"), "--max-cost NaN: is no amount"),
        (("--max-duration", "2"), "--max-duration: '2' is no length of time"),
    ],
)
def test_bounds_that_are_none(bench: Bench, file: Path, words: tuple[str, ...], said: str) -> None:
    done = bench("sweep", "sweep.yaml", "--yes", *words)
    assert done.returncode == 2
    assert said in done.stderr


def test_machines_without_credentials_for_their_store_are_not_rented(bench: Bench, file: Path) -> None:
    file.write_text(file.read_text() + "store: s3://bucket/prefix\n")
    nowhere = {
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
    }
    done = bench("sweep", "sweep.yaml", "--yes", **nowhere)
    assert done.returncode == 1
    assert "there are no credentials" in done.stderr


def test_down_wants_one_thing(bench: Bench) -> None:
    for words in ((), ("one", "--all")):
        done = bench("down", *words)
        assert done.returncode == 2
        assert "a sweep or a cluster, or --all" in done.stderr

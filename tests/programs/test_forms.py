"""A program that really shows its progress in each form: who reads it, up to where, and whether it is at its target."""

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.programs.job import Job, Target
from bench.programs.measurement import measure

WAITS = Path(__file__).parents[2] / "benchmarks" / "programs" / "waits.py"
STEPS = 40
PATTERNS = {"step": r"after (\d+)", "total": r"of (\d+)", "loss": r"became (\S+)"}


def measured(form: str, folder: Path, of: int = STEPS, **job: Any) -> dict[str, Any]:
    null = os.open(os.devnull, os.O_WRONLY)
    command = (sys.executable, str(WAITS), form, str(of), "0.002")
    try:
        patterns = PATTERNS if form == "words" else {}
        return measure(Job(command, folder=folder, **job), os.environ, patterns=patterns, outputs=(null, null))
    finally:
        os.close(null)


@pytest.mark.parametrize(
    ("form", "steps_by", "metric", "metric_by"),
    [
        ("json", "json-lines", "loss", "json-lines"),
        ("events", "bench-events", "loss", "bench-events"),
        ("mllog", "mllog", "train_loss", "mllog"),
        ("key-value", "key-value", "loss", "key-value"),
        ("dict", "python-dict", "loss", "python-dict"),
        ("table", "table", "loss", "table"),
        ("csv", "csv-log", "loss", "csv-log"),
        ("words", "regex", "loss", "regex"),
        ("bar", "tqdm", "loss", "key-value"),
    ],
)
def test_each_form_is_read_to_its_end(form: str, steps_by: str, metric: str, metric_by: str, tmp_path: Path) -> None:
    found = measured(form, tmp_path, target=Target(metric, at_most=1.0))
    progress = found["progress"]
    assert (found["status"], progress["source"], progress["target_source"]) == ("completed", steps_by, metric_by)
    assert (progress["last_step"], progress["total_steps"]) == (STEPS, STEPS)
    last = found["evaluations"][-1]
    assert last["metrics"][metric] == pytest.approx(3 / STEPS**0.5, abs=1e-3)
    assert last["step"] == STEPS


@pytest.mark.parametrize("form", ["json", "events", "mllog", "words", "bar"])
def test_each_form_can_be_sampled(form: str, tmp_path: Path) -> None:
    found = measured(form, tmp_path, of=100_000, steps=10)
    assert found["ended"] == "sampled"
    assert 10 <= found["progress"]["last_step"] < 100_000
    assert found["progress"]["total_steps"] == 100_000

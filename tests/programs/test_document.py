"""The record that a program's machine writes can be read at home, whatever is shown and however it ends."""

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, strategies as st

from bench.programs.__main__ import main
from bench.programs.document import line_of, machine_of, run_document
from bench.programs.job import Job, Target
from bench.programs.measurement import measurement, program
from bench.programs.progress import UNITS, Point, Source
from bench.programs.redaction import Redaction
from bench.programs.running.runner import Outcome
from bench.programs.watching.watch import Watch
from bench.record.documents import Run, from_bytes
from bench.store import RawRecord
from bench.store.log import read_log

JOB = Job(("python", "train.py"), target=Target("loss", at_most=0.5))
NO_SECRETS = Redaction({})
WHAT, MACHINE = program(JOB, NO_SECRETS), machine_of({"PATH": ""})
COUNTS = st.integers(0, 2**53 - 1) | st.integers(0, 30)
POINTS = st.builds(
    Point,
    at=st.floats(-1, 12),
    step=st.none() | COUNTS,
    total=st.none() | COUNTS,
    unit=st.sampled_from(UNITS),
    metrics=st.dictionaries(st.sampled_from(["loss", "acc"]) | st.text(max_size=5), st.floats(), max_size=3),
    phase=st.none() | st.sampled_from(["train", "evaluate", "my own"]),
)


class Says(Source):
    """A source that says its points, one a line."""

    def __init__(self, name: str, points: Sequence[Point]) -> None:
        self.name = name
        self._points = list(points)

    def line(self, text: str, at: float) -> Point | None:
        return self._points.pop(0) if self._points else None


def read_at_home(said: Sequence[Sequence[Point]], ended: str = "exited", **job: Any) -> Run:
    """The record of a run of 10 s whose sources said all that, once its line was read."""
    asked = Job(JOB.argv, timeout=9.0, **job)
    watch = Watch([Says(f"source {number}", points) for number, points in enumerate(said)], asked.target)
    for _ in range(max(map(len, said), default=0)):
        watch.line("a line", 1.0)
    outcome = Outcome(0.0, 1_764_115_200.0, 10.0, ended, 0, None, None, "clean")
    found = measurement(asked, watch, outcome, WHAT, NO_SECRETS)
    document = run_document(found, MACHINE, {"id": "a", "index": 0, "planned": 1}, None)
    (record,) = runs_in(line_of(document))
    return record


def runs_in(log: str) -> list[Run]:
    """The records in a log."""
    records = []
    for line in read_log([f"{log}\n".encode()]):
        assert isinstance(line, RawRecord)
        record = from_bytes(line.raw, line.key)
        assert isinstance(record, Run)
        records.append(record)
    return records


@given(
    st.lists(st.lists(POINTS, max_size=12), max_size=3),
    st.sampled_from(["exited", "sampled", "target", "timeout"]),
    st.none() | st.just(JOB.target),
    st.none() | st.integers(1, 50),
)
def test_any_points_fit(
    said: list[list[Point]],
    ended: Literal["exited", "sampled", "target", "timeout"],
    target: Target | None,
    total_steps: int | None,
) -> None:
    record = read_at_home(said, ended, target=target, total_steps=total_steps)
    assert record.ended == ended
    assert all(math.isfinite(value) for each in record.evaluations for value in each.metrics.values())


def test_of_the_metrics_of_many_sources_those_that_were_shown_again_are_kept() -> None:
    settings = [Point(1.0, metrics={f"setting {number}": 1.0 for number in range(80)})]
    values = [Point(at, metrics={f"value {number}": at for number in range(60)}) for at in (2.0, 3.0)]
    (shown,) = read_at_home([settings, values]).evaluations
    assert len(shown.metrics) == 100
    assert {f"value {number}" for number in range(60)} <= set(shown.metrics)


def test_a_gpu_that_is_gone_after_the_first_run_is_the_device_of_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "nvidia-smi"
    script.write_text(f"#!/bin/sh\nmkdir {tmp_path}/asked || exit 9\necho 0, GPU-1, NVIDIA H100, 570.86\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert main(["--runs", "2", "--", "true"]) == 0
    devices = [(run.device.kind, run.device.name, run.environment.driver) for run in runs_in(capfd.readouterr().out)]
    assert devices == [("cuda", "NVIDIA H100", "570.86")] * 2

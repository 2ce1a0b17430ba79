"""Runs of a program of one's own as records, on a machine whose GPU is a script."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from importlib import metadata
from pathlib import Path
from typing import Self

import pytest

from bench.measure import program
from bench.measure.environment import Gpu
from bench.measure.program import ProgramRequest, program_runs
from bench.measure.recording import Interrupts
from bench.programs.job import Job, Node


class Metered:
    """A meter that read 40 J."""

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self.joules, self.warnings = 40.0, list[str]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing was begun."""


@pytest.mark.parametrize(("node", "joules"), [(None, 40.0), (Node(0, 2, "127.0.0.1", 1), None)])
def test_the_energy_of_several_nodes_is_unknown_as_one_reads_only_its_own(
    node: Node | None, joules: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program, "Meter", Metered)
    monkeypatch.setattr(program, "Head", lambda node: nullcontext())
    job = Job((sys.executable, "-c", ""))
    request = ProgramRequest(job, runs=1, patterns={}, folders=(), lease_id="lease", node=node)
    (run,) = program_runs(request, os.environ, Interrupts())
    assert run.energy_joules == joules


def test_the_libraries_beside_bench_are_not_taken_for_the_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "nvidia-smi"
    script.write_text("#!/bin/sh\necho 0, GPU-1, Some GPU of a test, 570.86\n")
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(metadata, "version", lambda package: "1.0")
    request = ProgramRequest(Job((sys.executable, "-c", "")), runs=1, patterns={}, folders=(), lease_id="lease")
    (run,) = program_runs(request, os.environ, Interrupts())
    environment = run.environment
    assert (environment.gpu, environment.driver) == ("Some GPU of a test", "570.86")
    assert (environment.torch, environment.cuda, environment.cudnn, environment.triton) == (None, None, None, None)

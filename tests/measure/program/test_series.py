"""Runs of a program of one's own as records, on a machine whose GPU is a script."""

from __future__ import annotations

import os
import sys
from importlib import metadata
from pathlib import Path

import pytest

from bench.measure.program.series import ProgramRequest, program_runs
from bench.measure.signals import Interrupts
from bench.programs.job import Job


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

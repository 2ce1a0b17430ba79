"""Which path is taken with a compiler for Triton, without one, and with one that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fake_gpu.conftest import Machine, compiled, without_compilers

pytestmark = pytest.mark.slow
CHOOSE = "from bench.training.api import choose; print(choose().path)"


def chosen(machine: Machine, **env: str) -> str:
    done = machine.python("-c", CHOOSE, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_triton_needs_a_compiler_once_and_then_none(machine: Machine, tmp_path: Path) -> None:
    """As in an image without one, into which the file that Triton builds was put."""
    path = without_compilers(tmp_path / "bin")
    triton = str(tmp_path / "triton")
    bare = chosen(machine, PATH=path, TRITON_CACHE_DIR=triton)
    full = chosen(machine, TRITON_CACHE_DIR=triton)
    assert "compiled" in full
    assert "compiled" not in bare
    assert chosen(machine, PATH=path, TRITON_CACHE_DIR=triton) == full


def test_a_compiler_that_fails_costs_the_path_and_not_the_run(machine: Machine, tmp_path: Path) -> None:
    caches = {f"{name}_CACHE_DIR": str(tmp_path / name) for name in ("TRITON", "TORCHINDUCTOR")}  # what is there works
    broken = {"TRITON_PTXAS_PATH": "/bin/false", **caches}
    done = machine.python("-m", "tests.fake_gpu.train", "steps", "auto", "airbench94-muon", env=broken)
    told = json.loads(done.stdout)
    assert told["path"] == "captured", told
    assert {step["graphs"] for epoch in told["steps"] for step in epoch} == {1}


def test_with_triton_s_launcher_in_its_cache_nothing_else_needs_a_compiler(machine: Machine, tmp_path: Path) -> None:
    chosen(machine, TRITON_CACHE_DIR=str(tmp_path / "triton"))
    told = compiled(machine, tmp_path, "speedrun", PATH=without_compilers(tmp_path / "bin"))
    assert told["path"] == "compiled-captured"

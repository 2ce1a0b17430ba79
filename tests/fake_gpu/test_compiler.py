"""Which path is taken with a compiler for Triton, without one, and with one that fails.

That a whole recipe is compiled without one, tests/container shows.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fake_gpu.conftest import Machine, without_compilers

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


def test_an_assembler_that_fails_costs_the_path_and_not_the_run(machine: Machine, tmp_path: Path) -> None:
    broken = tmp_path / "ptxas"
    # Triton takes its own in place of one that does not tell its version.
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "release 13.0, V13.0.48" && exit\necho no >&2\nexit 1\n')
    broken.chmod(0o755)
    caches = {f"{name}_CACHE_DIR": str(tmp_path / name) for name in ("TRITON", "TORCHINDUCTOR")}  # what is there works
    env = {"TRITON_PTXAS_PATH": str(broken), **caches}
    done = machine.python("-m", "tests.fake_gpu.train", "steps", "auto", "airbench94-muon", env=env)
    told = json.loads(done.stdout.splitlines()[-1])  # above it Triton prints what its assembler said
    assert "error" not in told, told["error"]
    assert told["path"] == "captured", told
    assert {step["graphs"] for epoch in told["steps"] for step in epoch} == {1}

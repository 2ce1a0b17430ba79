"""Which way a GPU is used, with a compiler for Triton and without one."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.fake_gpu.conftest import Machine

CHOOSE = "from bench.training.api import choose; print(choose().path)"


def chosen(machine: Machine, **env: str) -> str:
    done = machine.python("-c", CHOOSE, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_triton_needs_a_compiler_once_and_then_none(machine: Machine, tmp_path: Path) -> None:
    """As in an image without one, into which the file that Triton builds was put."""
    tools = tmp_path / "bin"  # the key of that file holds what `file` says of Python
    tools.mkdir()
    if known := shutil.which("file"):
        (tools / "file").symlink_to(known)
    triton = str(tmp_path / "triton")
    bare = chosen(machine, PATH=str(tools), TRITON_CACHE_DIR=triton)
    full = chosen(machine, TRITON_CACHE_DIR=triton)
    assert "compiled" in full
    assert "compiled" not in bare
    assert chosen(machine, PATH=str(tools), TRITON_CACHE_DIR=triton) == full

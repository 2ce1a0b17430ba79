"""Which path is taken with an assembler for Triton that fails.

With a compiler for it, without one, and with what one built, tests/container shows.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fake_gpu.conftest import Machine

pytestmark = pytest.mark.slow


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

"""A recipe compiled: machine code of the right architecture, and no compiler of C for it where Triton's launcher is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fake_gpu.conftest import Machine, without_compilers

pytestmark = pytest.mark.slow

PATH = "compiled-captured"
# A minute each. From 100 on the assembler keeps the architecture elsewhere in the file.
CAPABILITIES = [capability for capability in (75, 90) if f"sm_{capability}" in torch.cuda.get_arch_list()]


def compiled(machine: Machine, tmp_path: Path, recipe: str, **env: str) -> dict[str, Any]:
    """What compiled.py tells of a recipe, from empty caches but for what `env` says."""
    fresh = replace(machine, cache=tmp_path)
    done = fresh.python("-m", "tests.fake_gpu.compiled", PATH, recipe, env=env, timeout=3600)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in told, told["error"]
    return told


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_machine_code_is_of_the_gpu_s_own_architecture(machine: Machine, tmp_path: Path, capability: int) -> None:
    told = compiled(replace(machine, capability=capability), tmp_path, "speedrun")
    assert (told["path"], told["architectures"]) == (PATH, [capability])


def test_with_triton_s_launcher_in_its_cache_nothing_else_needs_a_compiler(machine: Machine, tmp_path: Path) -> None:
    made = machine.python(
        "-c", "from bench.training.api import choose; choose()", env={"TRITON_CACHE_DIR": str(tmp_path / "triton")}
    )
    assert made.returncode == 0, made.stderr
    told = compiled(machine, tmp_path, "speedrun", PATH=without_compilers(tmp_path / "bin"))
    assert told["path"] == PATH

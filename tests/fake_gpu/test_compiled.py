"""Every recipe compiled: machine code of the right architecture, no more of it than must be, no more bytes moved.

It takes minutes. What is compiled is what an H100 would run, and its steps are counted.
"""

from __future__ import annotations

import json
from csv import DictReader
from dataclasses import replace
from pathlib import Path
from statistics import median_high
from typing import Any

import pytest
import torch

from tests.fake_gpu.conftest import Machine, without_compilers

pytestmark = pytest.mark.slow

PATH = "compiled-captured"
# Graphs of Dynamo's, operations of a step, bytes that all compiled graphs together move, as Inductor counts them.
COMPILED = {row["recipe"]: row for row in DictReader((Path(__file__).parent / "compiled.csv").open())}
# Those for which this torch has kernels.
CAPABILITIES = [int(name.removeprefix("sm_")) for name in torch.cuda.get_arch_list() if name.startswith("sm_")]


def compiled(machine: Machine, tmp_path: Path, recipe: str, **env: str) -> dict[str, Any]:
    """What compiled.py tells of a recipe, from empty caches but for what `env` says."""
    fresh = replace(machine, cache=tmp_path)
    done = fresh.python("-m", "tests.fake_gpu.compiled", PATH, recipe, env=env, timeout=3600)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    assert "error" not in told, told["error"]
    return told


@pytest.mark.parametrize("recipe", COMPILED)
def test_a_compiled_step_moves_the_bytes_it_did_and_breaks_no_graph(
    machine: Machine, tmp_path: Path, recipe: str
) -> None:
    told, expected = compiled(machine, tmp_path, recipe), COMPILED[recipe]
    assert (told["path"], told["breaks"], told["architectures"]) == (PATH, {}, [90])
    steps = [step for epoch in told["steps"] for step in epoch]
    for step in steps:
        assert (step["synchronisations"], step["captures"], step["searches"], step["graphs"]) == (0, 0, 0, 1)
    assert told["graphs"] <= int(expected["graphs"])
    assert median_high(step["nodes"] for epoch in told["steps"] for step in epoch[1:]) <= int(expected["nodes"])
    assert told["bytes"] == pytest.approx(int(expected["bytes"]), rel=0.05)


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

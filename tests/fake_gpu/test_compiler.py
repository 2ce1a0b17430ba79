"""Which path is taken with a compiler for Triton, without one, and with one that fails."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fake_gpu.conftest import Machine, without_compilers

# Of all that is compiled for a recipe, by Inductor's count: the networks of its stages, forward and back, and that of
# an evaluation.
BYTES = {"airbench94-muon": 17.36e9, "speedrun": 8.02e9}
NODES = {"airbench94-muon": 189, "speedrun": 197}
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


@pytest.mark.slow
def test_a_compiler_that_fails_costs_the_path_and_not_the_run(machine: Machine, tmp_path: Path) -> None:
    broken = {"TRITON_PTXAS_PATH": "/bin/false", "TRITON_CACHE_DIR": str(tmp_path / "triton")}
    done = machine.python("-m", "tests.fake_gpu.train", "steps", "auto", "airbench94-muon", env=broken)
    told = json.loads(done.stdout)
    assert told["path"] == "captured", told
    assert {step["graphs"] for epoch in told["steps"] for step in epoch} == {1}


POOL = """
import torch
from torch import nn
from torch._inductor import metrics
from torch._logging._internal import set_logs
from bench.training.api import choose
from bench.training.paths.way import forward_function
set_logs(inductor_metrics=True)
layers = nn.Conv2d(3, 24, 3, padding=1), nn.MaxPool2d(2), nn.BatchNorm2d(24), nn.GELU(), nn.Conv2d(24, 8, 1)
compute, network = choose("cuda"), nn.Sequential(*layers)
compute.to_device(network)
forward, _ = forward_function(network, compute)
images = torch.zeros(512, 3, 32, 32, device="cuda", dtype=compute.dtype).to(memory_format=torch.channels_last)
forward(images).float().sum().backward()
print(metrics.num_bytes_accessed)
"""


@pytest.mark.slow
def test_the_gradient_of_a_max_pool_costs_no_second_pass(machine: Machine) -> None:
    """326 MB; 465 where torch takes that gradient apart."""
    done = machine.python("-c", POOL)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 350e6


@pytest.mark.slow
@pytest.mark.parametrize("recipe", BYTES)
def test_a_compiled_step_moves_as_many_bytes_as_it_must_and_is_one_graph(
    machine: Machine, recipe: str, tmp_path: Path
) -> None:
    """From an empty cache: what is found there was not counted."""
    done = replace(machine, cache=tmp_path).python(
        "-m", "tests.fake_gpu.compiled", "compiled-captured", recipe, timeout=900
    )
    told = json.loads(done.stdout)
    assert "error" not in told, told["error"]
    assert (told["path"], told["breaks"], told["architectures"]) == ("compiled-captured", {}, [90])
    assert told["bytes"] == pytest.approx(BYTES[recipe], rel=0.05)
    steps = [step for epoch in told["steps"] for step in epoch]
    assert {(step["graphs"], step["captures"], step["synchronisations"]) for step in steps} == {(1, 0, 0)}
    assert max(step["nodes"] for step in steps) <= NODES[recipe]

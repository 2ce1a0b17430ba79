"""A recipe compiled: machine code of the right architecture, one graph a step, and no more bytes than it must move."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.fake_gpu.conftest import Machine, compiled

pytestmark = pytest.mark.slow

PATH = "compiled-captured"
# Those for which this torch has kernels. A small network is compiled for each, and recipes for 90; one for the oldest,
# whose tensor cores differ most, is in tests/container.
CAPABILITIES = sorted(int(name.removeprefix("sm_")) for name in torch.cuda.get_arch_list() if name.startswith("sm_"))
# Of all that is compiled for a recipe, by Inductor's count: the networks of its stages, forward and back, that of an
# evaluation, and of speedrun that of the second look. What is read with strides counts as often as it is read, so pools
# have more here than they move.
BYTES = {"airbench94-muon": 15.02e9, "speedrun": 8.38e9}
# Of a step that brings the filters back to their norm: operations in its graph, and the longest chain of them.
NODES = {"airbench94-muon": (169, 130), "speedrun": (166, 127)}


@pytest.mark.parametrize("recipe", BYTES)
def test_a_compiled_step_moves_as_many_bytes_as_it_must_and_is_one_graph(
    machine: Machine, tmp_path: Path, recipe: str
) -> None:
    told = compiled(machine, tmp_path, recipe)
    assert (told["path"], told["breaks"], told["architectures"]) == (PATH, {}, [90])
    assert told["bytes"] == pytest.approx(BYTES[recipe], rel=0.05)
    steps = [step for epoch in told["steps"] for step in epoch]
    assert {(step["graphs"], step["captures"], step["synchronisations"]) for step in steps} == {(1, 0, 0)}
    nodes, chain = NODES[recipe]
    assert max(step["nodes"] for step in steps) <= nodes
    assert max(step["chain"] for step in steps) <= chain


NETWORK = """
import json
from dataclasses import replace
import torch
from torch import nn
from torch._inductor import metrics
from torch._logging._internal import set_logs
from bench.training import device
from bench.training.api import MaxPool, choose
from bench.training.paths.way import forward_function
from tests.fake_gpu.compiled import architectures
set_logs(inductor_metrics=True)
device._check_kernels = lambda device: None
layers = nn.Conv2d(3, 24, 3, padding=1), MaxPool(2), nn.BatchNorm2d(24), nn.GELU(), nn.Conv2d(24, 8, 1)
compute, network = replace(choose("cuda"), path="compiled-captured"), nn.Sequential(*layers)
compute.to_device(network)
forward, _ = forward_function(network, compute)
images = torch.zeros(512, 3, 32, 32, device="cuda", dtype=compute.dtype).to(memory_format=torch.channels_last)
forward(images).float().sum().backward()
print(json.dumps([architectures(), metrics.num_bytes_accessed]))
"""


# This torch has no kernels of its own for Volta, and refuses it; to one that has, Triton hands the same.
@pytest.mark.parametrize("capability", sorted({70, *CAPABILITIES}))
def test_machine_code_is_of_the_gpu_s_own_architecture_and_a_max_pool_costs_no_second_pass(
    machine: Machine, tmp_path: Path, capability: int
) -> None:
    """326 MB; 465 where torch takes the gradient of a max pool apart."""
    done = replace(machine, capability=capability, cache=tmp_path).python("-c", NETWORK, timeout=900)
    assert done.returncode == 0, done.stderr
    architectures, moved = json.loads(done.stdout)
    assert architectures == [capability]
    assert moved < 350e6

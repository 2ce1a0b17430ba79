"""The fake GPU itself: what it refuses, as a real one does, and what it knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from tests.fake_gpu.conftest import Machine

CAPTURED = {
    "x.mul_(2)": None,
    "torch.cuda.synchronize()": "cudaDeviceSynchronize",
    "x.sum().item()": "cudaStreamSynchronize",
    "torch.cuda.default_stream().wait_stream(torch.cuda.current_stream())": None,
    "with torch.cuda.stream(torch.cuda.default_stream()): y.add_(1)": "kernel",
}
CAPTURE = """
import sys, torch
from tests.fake_gpu.gpu import FakeGpu
gpu = FakeGpu()
x, y = torch.ones(4, device="cuda"), torch.ones(4, device="cuda")
for call in sys.argv[1:]:
    gpu.reset()
    try:
        with torch.cuda.graph(torch.cuda.CUDAGraph()):
            x.add_(1)
            exec(call)
        print(None)
    except RuntimeError as error:
        print(*(name for kind, name in gpu.names() if kind == "refused"))
"""


def test_a_capture_allows_what_cuda_allows(machine: Machine) -> None:
    done = machine.python("-c", CAPTURE, *CAPTURED)
    assert done.stdout.splitlines() == [str(refused) for refused in CAPTURED.values()]


KNOWN = """
import torch
from tests.fake_gpu.gpu import FakeGpu
gpu = FakeGpu()
x = torch.tensor([1.0, 2.0], device="cuda")
assert x.tolist() == [1, 2] and x.clone().tolist() == [1, 2]
gpu.reset()
x.add_(1)
assert x.tolist() == [0, 0]
asked = gpu.asked()
assert (asked.launches, asked.synchronisations, asked.graphs) == (2, 1, 0), gpu.names()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    x.add_(1).mul_(2)
gpu.reset()
graph.replay()
asked = gpu.asked()
assert (asked.launches, asked.nodes, asked.graphs, asked.captures) == (0, 2, 1, 0), gpu.names()
"""


def test_what_the_host_wrote_is_known_until_a_kernel_runs_and_operations_are_counted(machine: Machine) -> None:
    done = machine.python("-c", KNOWN)
    assert done.returncode == 0, done.stderr


MEMORY = """
import torch
torch.empty(3 << 28, dtype=torch.uint8, device="cuda")
try:
    torch.empty(5 << 28, dtype=torch.uint8, device="cuda")
except torch.OutOfMemoryError:
    print(torch.cuda.get_device_capability(), torch.cuda.device_count())
"""


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"gib": 1}, "(9, 0) 1\n"), ({"gib": 2}, ""), ({"gib": 1, "capability": 75, "gpus": 2}, "(7, 5) 2\n")],
)
def test_memory_ends_where_the_machine_says(machine: Machine, changes: Mapping[str, Any], says: str) -> None:
    done = replace(machine, **changes).python("-c", MEMORY)
    assert (done.returncode, done.stdout) == (0, says)

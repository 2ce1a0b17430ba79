"""How a network is called by each path."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch._inductor import decomposition

from bench.record.documents import ExecutionPath
from bench.training.device import Compute
from bench.training.layers import Conv3x3
from bench.training.paths.blocked import Blocked
from bench.training.paths.way import forward_function

KNOWN, UNKNOWN = nn.Sequential(Conv3x3(3, 4), nn.ReLU()), nn.Sequential(nn.Conv2d(3, 4, 5))


def cpu(path: ExecutionPath, *, winograd: bool) -> Compute:
    return Compute(torch.device("cpu"), torch.float32, path, winograd)


@pytest.mark.parametrize(
    ("path", "winograd", "network", "called", "is_winograd"),
    [
        ("eager", False, KNOWN, nn.Sequential, False),
        ("eager", True, KNOWN, Blocked, True),
        ("eager", True, UNKNOWN, nn.Sequential, False),
        ("compiled", True, KNOWN, Blocked, True),
        ("compiled", False, KNOWN, torch._dynamo.OptimizedModule, False),
        ("compiled", True, UNKNOWN, torch._dynamo.OptimizedModule, False),
        ("captured", False, KNOWN, nn.Sequential, False),
        ("compiled-captured", False, KNOWN, torch._dynamo.OptimizedModule, False),
    ],
)
def test_known_layers_go_by_winograd_where_that_is_fastest_and_others_by_torch(
    path: ExecutionPath, winograd: bool, network: nn.Sequential, called: type, is_winograd: bool
) -> None:
    function, says = forward_function(network, cpu(path, winograd=winograd))
    assert type(function) is called
    assert says is is_winograd


def test_an_eager_network_is_called_itself() -> None:
    assert forward_function(UNKNOWN, cpu("eager", winograd=True))[0] is UNKNOWN


def test_blocked_activations_are_compiled_only_where_the_path_says_so() -> None:
    for path in ("eager", "compiled"):
        function, _ = forward_function(KNOWN, cpu(path, winograd=True))
        assert isinstance(function, Blocked)
        assert function.compiled is (path == "compiled")


@pytest.fixture
def own_table(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inductor's decompositions as they are, to change for one test."""
    monkeypatch.setattr(decomposition, "decompositions", {**decomposition.decompositions})
    yield
    decomposition.fast_random_decomps.cache_clear()


def taken_apart() -> set[str]:
    """What Inductor replaces by simpler functions."""
    return {str(each) for each in decomposition.select_decomp_table()}


@pytest.mark.usefixtures("own_table")
@pytest.mark.parametrize(
    ("device", "path", "whole"),
    [("cuda", "compiled-captured", True), ("cuda", "captured", False), ("cpu", "compiled", False)],
)
def test_compiled_for_a_gpu_the_gradient_of_a_max_pool_is_not_taken_apart(
    device: str, path: ExecutionPath, *, whole: bool
) -> None:
    before = taken_apart()  # which makes the table that a compilation has made before
    pool = {name for name in before if "max_pool2d_with_indices_backward" in name}
    if not pool:
        pytest.skip("this torch does not take it apart")
    forward_function(UNKNOWN, Compute(torch.device(device), torch.float32, path))
    assert before - taken_apart() == (pool if whole else set())

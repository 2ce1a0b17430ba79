"""How a network is called by each path."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from bench.record.documents import ExecutionPath
from bench.training.device import Compute
from bench.training.layers import Conv3x3
from bench.training.paths.blocked import Blocked
from bench.training.paths.way import failing, forward_function

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


def test_what_a_compiler_says_is_a_line_of_a_record_without_names_and_not_all_that_it_wrote() -> None:
    error = f"CalledProcessError:\n gcc -I/home/ann/venv/include {'x' * 5000}"
    head = "CalledProcessError: gcc -I/home/***/venv/include "
    assert failing("compiled", error) == f"the path compiled fails here: {head}{'x' * (500 - len(head))}"

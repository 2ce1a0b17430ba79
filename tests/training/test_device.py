"""How a device is driven, as far as that is decided without a GPU; how a network is called on a CPU."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
import torch
from torch import nn

from bench.record.documents import ExecutionPath
from bench.training import device
from bench.training.blocked import Blocked
from bench.training.device import Compute, forward_function
from bench.training.layers import Conv3x3


@pytest.mark.parametrize(
    ("capability", "compiler", "path"),
    [((8, 0), "gcc", "compiled"), ((9, 0), "clang", "compiled"), ((8, 0), None, "graphs"), ((7, 0), "gcc", "graphs")],
)
def test_a_gpu_is_compiled_for_from_ampere_on_where_triton_finds_a_compiler(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capability: tuple[int, int], compiler: str | None, path: str
) -> None:
    (tmp_path / "Python.h").touch()
    if compiler:
        (tmp_path / compiler).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(tmp_path)})
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: capability)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", False)
    assert device._cuda(torch.device("cuda")).path == path


def test_only_a_processor_is_kept_from_compiling() -> None:
    cpu, cuda = (device.Compute(torch.device(kind), torch.float32, "compiled") for kind in ("cpu", "cuda"))
    assert (device.eager_on_cpu(cpu).path, device.eager_on_cpu(cuda).path) == ("eager", "compiled")


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

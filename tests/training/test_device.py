"""How a device is driven, as far as that is decided without one."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest
import torch

from bench.training import device


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

"""NVML's processes: in a container it names them by the host's numbers, which are not those seen there."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from bench.measure import gpu
from bench.measure.gpu import Gpu

HOST, CONTAINER = "pid:[4026531836]", "pid:[4026532211]"


def gpu_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, namespace: str, running: list[int]) -> Gpu:
    """A GPU on which NVML lists `running`, seen from a process in `namespace`; 1 and 77 are processes there too."""
    nvml = ModuleType("pynvml")
    nvml.__dict__.update(
        NVMLError=type("NVMLError", (Exception,), {}),
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: 1,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=pid) for pid in running],
        nvmlDeviceGetCurrentClocksThrottleReasons=lambda handle: 0,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "pid").symlink_to(namespace)
    for pid in (1, 77, os.getpid()):
        (tmp_path / str(pid)).mkdir()
    monkeypatch.setattr(gpu, "_PROC", tmp_path)
    return Gpu("x")


OWN, RANK = os.getpid(), 55


@pytest.mark.parametrize(
    ("namespace", "running", "others"),
    [
        (HOST, [OWN], 0),
        (HOST, [OWN, 77], 1),
        (HOST, [77], 1),  # ours holds no memory there yet
        (HOST, [3271845], 0),  # no process here has that number
        (CONTAINER, [3271845, 3271846], 0),  # ours and its rank, by the host's numbers
        (CONTAINER, [3271845, 3271846, 3271847], 1),  # more than we are
        (CONTAINER, [77, 3271846], 0),  # the host's 77, not the container's
        (CONTAINER, [OWN, 99], 1),  # a driver that translates
        (CONTAINER, [], 0),
    ],
)
def test_processes_of_others_are_counted_where_numbers_can_be_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, namespace: str, running: list[int], others: int
) -> None:
    warnings = gpu_with(monkeypatch, tmp_path, namespace, running).warnings([RANK])
    assert [warning.split()[0] for warning in warnings] == ([str(others)] if others else [])

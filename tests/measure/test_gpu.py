"""NVML's answers: processes, which it names by the host's numbers in a container too, and counters that only grow."""

import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from bench.measure import environment
from bench.measure.environment import Gpu, Meter

HOST, CONTAINER = "pid:[4026531836]", "pid:[4026532211]"


def gpu_with(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, namespace: str, running: list[int]) -> Gpu:
    """A GPU on which NVML lists `running`, seen from a process in `namespace`; 1 and 77 are processes there too."""
    nvml = ModuleType("pynvml")
    nvml.__dict__.update(
        NVMLError=type("NVMLError", (Exception,), {}),
        nvmlInit=lambda: None,
        nvmlDeviceGetHandleByUUID=lambda uuid: 1,
        nvmlDeviceGetComputeRunningProcesses=lambda handle: [SimpleNamespace(pid=pid) for pid in running],
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    (tmp_path / "self" / "ns").mkdir(parents=True)
    (tmp_path / "self" / "ns" / "pid").symlink_to(namespace)
    for pid in (1, 77, os.getpid()):
        (tmp_path / str(pid)).mkdir()
    monkeypatch.setattr(environment, "_PROC", tmp_path)
    return Gpu("x")


OWN, RANK = os.getpid(), 55


@pytest.mark.parametrize(
    ("namespace", "running", "others"),
    [
        (HOST, [OWN], 0),
        (HOST, [OWN, 77], 1),
        (HOST, [77], 1),  # ours holds no memory there yet
        (HOST, [3271845], 0),  # no process here has that number
        (CONTAINER, [3271845], 0),  # ours, by the host's number: of several ranks each has a GPU to itself
        (CONTAINER, [3271845, 3271846, 3271847], 2),
        (CONTAINER, [77, 3271846], 1),  # the host's 77, not the container's
        (CONTAINER, [OWN, 99], 1),  # a driver that translates
        (CONTAINER, [], 0),
    ],
)
def test_processes_of_others_are_counted_where_numbers_can_be_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, namespace: str, running: list[int], others: int
) -> None:
    warnings = gpu_with(monkeypatch, tmp_path, namespace, running).warnings([RANK])
    assert [warning.split()[0] for warning in warnings] == ([str(others)] if others else [])


def test_before_a_program_starts_nothing_on_its_gpu_is_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In a container what an earlier program left behind would be taken for it."""
    gpu_with(monkeypatch, tmp_path, CONTAINER, [3271845])
    assert Gpu("x").warnings() == []
    assert Gpu("x", trains=False).warnings() == ["1 other processes on the GPU"]


class MismatchError(Exception):
    """What nvidia-ml-py raises where the library is of another version: no NVMLError."""


class Counters:
    """A GPU whose energy and time under its power limit grow with each reading; the temperature is not counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, joules: float | None, slowed: float) -> None:
        self.joules, self.slowed, self.read = joules, slowed, 0
        nvml = ModuleType("pynvml")
        nvml.__dict__.update(
            nvmlInit=lambda: None,
            nvmlDeviceGetHandleByUUID=lambda uuid: 1,
            nvmlDeviceGetTotalEnergyConsumption=self.energy,
            nvmlDeviceGetViolationStatus=self.violation,
        )
        monkeypatch.setitem(sys.modules, "pynvml", nvml)
        self.gpu = Gpu("x")

    def energy(self, handle: int) -> float:
        if self.joules is None or handle is None:
            raise MismatchError
        self.read += 1
        return 1000 * (5000 + self.joules * self.read)

    def violation(self, handle: int, policy: int) -> SimpleNamespace:
        if policy:
            raise MismatchError
        return SimpleNamespace(violationTime=1e9 * (7 + self.slowed * self.read))


def metered(monkeypatch: pytest.MonkeyPatch, *gpus: Gpu, seconds: float) -> Meter:
    clock = iter([*(100.0 for _ in gpus), *(100.0 + seconds for _ in gpus)])
    monkeypatch.setattr(environment, "perf_counter", lambda: next(clock))
    with Meter(gpus) as meter:
        pass
    return meter


@pytest.mark.parametrize(
    ("seconds", "warnings"),
    [
        (10, ["GPU slowed down in 25% of the run: power limit"]),
        (300, []),
        # Of an H100 at its power limit: the counter's last step before a run of 1.35 s was up to 0.1 s ago.
        (2.45, ["GPU slowed down in 100% of the run: power limit"]),
    ],
)
def test_a_run_is_charged_what_the_counters_moved_by(
    monkeypatch: pytest.MonkeyPatch, seconds: float, warnings: list[str]
) -> None:
    counters = Counters(monkeypatch, joules=40, slowed=2.5)
    meter = metered(monkeypatch, counters.gpu, seconds=seconds)
    assert (meter.joules, meter.warnings) == (40, warnings)


def test_each_gpu_has_its_own_time_between_its_readings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading eight takes a while: the last is not read when the first is."""
    gpus = [Counters(monkeypatch, joules=40, slowed=2.5).gpu for _ in range(2)]
    clock = iter([100.0, 105.0, 110.0, 110.0])
    monkeypatch.setattr(environment, "perf_counter", lambda: next(clock))
    with Meter(gpus) as meter:
        pass
    assert meter.warnings == [f"GPU slowed down in {share}% of the run: power limit" for share in (25, 50)]


def test_energy_that_one_gpu_does_not_tell_is_not_that_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    silent, telling = (Counters(monkeypatch, joules=joules, slowed=0).gpu for joules in (None, 40))
    assert metered(monkeypatch, telling, telling, seconds=1).joules == 160  # its counter moves with every reading
    assert metered(monkeypatch, telling, silent, seconds=1).joules is None
    assert metered(monkeypatch, seconds=1).joules is None


@pytest.mark.parametrize(("mode", "joules"), [([0, 0], 40), ([1, 1], None)])
def test_what_a_gpu_in_slices_uses_is_not_that_of_one_slice(
    monkeypatch: pytest.MonkeyPatch, mode: list[int], joules: float | None
) -> None:
    counters = Counters(monkeypatch, joules=40, slowed=0)
    sys.modules["pynvml"].__dict__.update(nvmlDeviceGetMigMode=lambda handle: mode)
    assert metered(monkeypatch, Gpu("x"), seconds=1).joules == joules
    assert counters.read == (2 if joules else 0)


def test_a_counter_that_was_set_back_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when the driver is loaded anew. A record with less than no energy would not be written."""
    counters = Counters(monkeypatch, joules=-40, slowed=-2.5)
    meter = metered(monkeypatch, counters.gpu, seconds=10)
    assert (meter.joules, meter.warnings) == (None, [])


class UnknownError(Exception):
    """What NVML raises for the UUID of a slice, which is no GPU's."""


def test_of_a_slice_that_is_no_gpu_to_nvml_the_driver_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    def find(uuid: bytes) -> int:
        raise UnknownError(uuid)

    Counters(monkeypatch, joules=40, slowed=2.5)
    sys.modules["pynvml"].__dict__.update(
        nvmlDeviceGetHandleByUUID=find, nvmlSystemGetDriverVersion=lambda: "580.159.04"
    )
    gpu = Gpu("x")
    assert (gpu.driver, gpu.energy_joules(), gpu.slowed_seconds(), gpu.warnings()) == ("580.159.04", None, {}, [])


def test_a_library_that_fails_in_any_way_leaves_all_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    nvml = ModuleType("pynvml")  # without a function
    nvml.__dict__.update(nvmlInit=lambda: None, nvmlDeviceGetHandleByUUID=lambda uuid: 1)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    gpu = Gpu("x")
    assert (gpu.driver, gpu.energy_joules(), gpu.slowed_seconds(), gpu.warnings()) == (None, None, {}, [])

"""The environment of a run: machine, software and GPU, and whatever makes a time measured there doubtful.

Nothing here names a person, host or path. The GPU is as NVML sees it: its driver, its energy, what slowed it.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Collection, Sequence
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple, Self

import bench
from bench.host import cores, cpu_quota, memory_limit
from bench.programs.checkout import commit_of
from bench.programs.host import cpu_name
from bench.record.documents import Environment
from bench.variables import GIT_COMMIT, IMAGE_DIGEST


def _memory_bytes() -> int | None:
    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError, AttributeError):
        return None
    return min(memory, memory_limit() or memory)


def _commit() -> tuple[str | None, bool | None]:
    """The commit of the checkout that this package lies in, or that an image was built from; whether files differed."""
    root = Path(bench.__file__).parent.parent
    commit, dirty = commit_of(root) if (root / ".git").exists() else (None, None)
    if commit:
        return commit, dirty
    built = GIT_COMMIT.read(os.environ) or ""  # as `git describe --dirty` writes it
    return (built.removesuffix("-dirty"), built.endswith("-dirty")) if built else (None, None)


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@cache
def describe(
    gpu: str | None = None, driver: str | None = None, cuda: str | None = None, cudnn: int | None = None
) -> Environment:
    """The environment of this process; in an image BENCH_IMAGE_DIGEST says which, as it cannot know itself.

    `cudnn` is the number that torch knows its version by: 91002 is 9.10.2.
    """
    commit, dirty = _commit()
    return Environment(
        bench=bench.__version__,
        python=platform.python_version(),
        os=f"{platform.system()} {platform.release()}",
        cpu=cpu_name(),
        cores=cores(),
        cpu_quota=cpu_quota(),
        memory_bytes=_memory_bytes(),
        torch=_version("torch"),
        cuda=cuda,
        cudnn=None if cudnn is None else f"{cudnn // 10_000}.{cudnn // 100 % 100}.{cudnn % 100}",
        triton=_version("triton") if gpu else None,
        driver=driver,
        gpu=gpu,
        git_commit=commit,
        git_dirty=dirty,
        image_digest=IMAGE_DIGEST.read(os.environ),
    )


def load_warnings() -> list[str]:
    """A warning where others keep this machine busy."""
    busy = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return [f"load average {busy:.1f} before the run: others use this machine"] if busy > 0.5 else []


# NVML's policies that keep a GPU below its clocks (nvmlPerfPolicyType_t). Its reasons of the moment say nothing of a
# run that is over: the power limit holds under load only.
_SLOWED = {0: "power limit", 1: "temperature", 3: "board limit", 5: "reliability"}
_SM_CLOCK, _ITS_OWN_SENSOR = 1, 0  # nvmlClockType_t, nvmlTemperatureSensors_t
# A share of the run from which on it is worth a warning: GPUs touch their limits now and then.
_WORTH_TELLING = 0.01
_PROC = Path("/proc")
_FIRST_NAMESPACE = "pid:[4026531836]"  # that of the host: the kernel's PROC_PID_INIT_INO


def _others(running: Sequence[int], ours: Collection[int], *, trains: bool) -> int:
    """How many of the processes that NVML lists are not of `ours`. In a container it has the host's numbers for them.

    Where numbers cannot be compared, one is taken to be ours if one of ours `trains`: on each GPU one does.
    """
    strangers = [pid for pid in running if pid not in ours]
    comparable = len(strangers) < len(running) or _numbers_of_host(running)
    return len(strangers) if comparable else max(0, len(running) - trains)


def _numbers_of_host(pids: Sequence[int]) -> bool:
    """Whether processes have the numbers here that the host gives them."""
    if not _PROC.is_dir():  # not Linux
        return True
    with suppress(OSError):
        if str((_PROC / "self/ns/pid").readlink()) != _FIRST_NAMESPACE:
            return False
    return any((_PROC / str(pid)).exists() for pid in pids)


class Gpu:
    """NVML's view of one GPU. Where NVML is missing or refuses, every answer is None or empty: unknown.

    `trains`: whether a process of the measurement may be computing on it when it is asked for `warnings`.
    """

    def __init__(self, uuid: str, *, trains: bool = True) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        self._trains = trains
        try:
            import pynvml

            pynvml.nvmlInit()
            self._nvml = pynvml
        except Exception:  # any failure of an optional library means: unknown
            return
        # torch counts the visible GPUs, NVML all of them: the UUID is what both agree on. A slice's has no such GPU.
        self._handle = self._ask("nvmlDeviceGetHandleByUUID", f"GPU-{uuid}".encode())
        # What all slices of a GPU use is not what one of them does (MIG; CUDA may tell the UUID of the whole).
        if (self._ask_gpu("nvmlDeviceGetMigMode") or [0])[0]:
            self._handle = None

    def _ask_gpu(self, question: str, *arguments: Any) -> Any:
        return None if self._handle is None else self._ask(question, self._handle, *arguments)

    def _ask(self, question: str, *arguments: Any) -> Any:
        if self._nvml is None:
            return None
        try:
            return getattr(self._nvml, question)(*arguments)
        except Exception:  # NVMLError, one of its own for another version's library, AttributeError for an older one's
            return None

    @property
    def driver(self) -> str | None:
        """The driver's version."""
        answer = self._ask("nvmlSystemGetDriverVersion")
        return answer.decode() if isinstance(answer, bytes) else answer

    def energy_joules(self) -> float | None:
        """Energy used since the driver was loaded, J."""
        millijoules = self._ask_gpu("nvmlDeviceGetTotalEnergyConsumption")
        return None if millijoules is None else millijoules / 1000

    def sm_mhz(self) -> float | None:
        """The clock of its multiprocessors at the moment, MHz."""
        mhz = self._ask_gpu("nvmlDeviceGetClockInfo", _SM_CLOCK)
        return None if mhz is None else float(mhz)

    def temperature_c(self) -> float | None:
        """Its temperature, degrees Celsius."""
        celsius = self._ask_gpu("nvmlDeviceGetTemperature", _ITS_OWN_SENSOR)
        return None if celsius is None else float(celsius)

    def power_w(self) -> float | None:
        """What it draws, W."""
        milliwatts = self._ask_gpu("nvmlDeviceGetPowerUsage")
        return None if milliwatts is None else milliwatts / 1000

    def slowed_seconds(self) -> dict[str, float]:
        """Seconds in which it was kept below its clocks since the driver was loaded, by what did that."""
        asked = {why: self._ask_gpu("nvmlDeviceGetViolationStatus", policy) for policy, why in _SLOWED.items()}
        return {why: status.violationTime / 1e9 for why, status in asked.items() if status is not None}

    def warnings(self, ours: Collection[int] = ()) -> list[str]:
        """What makes a time measured now doubtful. `ours` are ids of processes that belong to the measurement."""
        running = self._ask_gpu("nvmlDeviceGetComputeRunningProcesses") or []
        others = _others([process.pid for process in running], {os.getpid(), *ours}, trains=self._trains)
        return [f"{others} other processes on the GPU"] if others else []


class _Counters(NamedTuple):
    at: float  # s on perf_counter, when the reading began
    joules: float | None
    slowed: dict[str, float]


def _grown(before: float | None, after: float | None) -> float | None:
    """What a counter grew by; None where it did not tell, or was set back, as when a driver is loaded anew."""
    return None if before is None or after is None or after < before else after - before


class Meter:
    """Around a run: what its GPUs used in it, and what slowed them down, by counters that only grow.

    `joules` is their sum, None where one of them does not say. Both are as fine as the counters are: those of an H100
    go on in steps of about 0.1 s, so that of a second's run a tenth may be that of before or after it.
    """

    def __init__(self, gpus: Sequence[Gpu]) -> None:
        self._gpus = gpus
        self.joules: float | None = None
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        self._before = self._read()
        return self

    def __exit__(self, *_: object) -> None:
        used: list[float | None] = []
        for before, after in zip(self._before, self._read(), strict=True):
            used.append(_grown(before.joules, after.joules))
            for why, slowed in after.slowed.items():
                # A step of the counter that began before the run is no more of it than the whole.
                share = min(1.0, (slowed - before.slowed.get(why, slowed)) / (after.at - before.at))
                if share >= _WORTH_TELLING:
                    self.warnings.append(f"GPU slowed down in {share:.0%} of the run: {why}")
        self.joules = None if not used or None in used else sum(filter(None, used))

    def _read(self) -> list[_Counters]:
        return [_Counters(perf_counter(), gpu.energy_joules(), gpu.slowed_seconds()) for gpu in self._gpus]

"""A GPU as NVML sees it: its driver, the energy it used, and what makes a time measured on it doubtful."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

# NVML's throttle reasons that slow a run down; idle clocks and application clocks are no fault.
_SLOWED = {
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x20: "temperature (software)",
    0x40: "temperature",
    0x80: "power brake",
}
_PROC = Path("/proc")
_FIRST_NAMESPACE = "pid:[4026531836]"  # that of the host: the kernel's PROC_PID_INIT_INO


def _others(running: Sequence[int], ours: Collection[int]) -> int:
    """How many of the processes that NVML lists are not of `ours`. In a container it has the host's numbers for them.

    Where numbers cannot be compared, those are others that are more than we are.
    """
    strangers = [pid for pid in running if pid not in ours]
    comparable = len(strangers) < len(running) or _numbers_of_host(running)
    return len(strangers) if comparable else max(0, len(running) - len(ours))


def _numbers_of_host(pids: Sequence[int]) -> bool:
    """Whether processes have the numbers here that the host gives them."""
    if not _PROC.is_dir():  # not Linux
        return True
    with suppress(OSError):
        if str((_PROC / "self/ns/pid").readlink()) != _FIRST_NAMESPACE:
            return False
    return any((_PROC / str(pid)).exists() for pid in pids)


class Gpu:
    """NVML's view of one GPU. Where NVML is missing or refuses, every answer is None or empty: unknown."""

    def __init__(self, uuid: str) -> None:
        self._nvml: Any = None
        self._handle: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            # torch counts the visible GPUs, NVML all of them: the UUID is what both agree on.
            self._handle = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{uuid}".encode())
            self._nvml = pynvml
        except Exception:  # noqa: S110 -- any failure of an optional library means: unknown
            pass

    def _ask(self, question: str, *arguments: Any) -> Any:
        if self._nvml is None:
            return None
        try:
            return getattr(self._nvml, question)(*arguments)
        except self._nvml.NVMLError:
            return None

    @property
    def driver(self) -> str | None:
        """The driver's version."""
        answer = self._ask("nvmlSystemGetDriverVersion")
        return answer.decode() if isinstance(answer, bytes) else answer

    def energy_joules(self) -> float | None:
        """Energy used since the driver was loaded, J. A run's energy is the difference of two readings."""
        millijoules = self._ask("nvmlDeviceGetTotalEnergyConsumption", self._handle)
        return None if millijoules is None else millijoules / 1000

    def warnings(self, ours: Collection[int] = ()) -> list[str]:
        """What makes a time measured now doubtful. `ours` are ids of processes that belong to the measurement."""
        running = self._ask("nvmlDeviceGetComputeRunningProcesses", self._handle) or []
        others = _others([process.pid for process in running], {os.getpid(), *ours})
        warnings = [f"{others} other processes on the GPU"] if others else []
        reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", self._handle) or 0
        return warnings + [f"GPU slowed down: {why}" for bit, why in _SLOWED.items() if reasons & bit]

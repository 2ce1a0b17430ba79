"""What NVML says of the GPU in use: its driver, its energy, who else is on it, whether it is throttled."""

from __future__ import annotations

import os
from collections.abc import Collection
from typing import Any

# NVML's throttle reasons that slow a run down; idle clocks and application clocks are no fault.
_SLOWED = {
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x20: "temperature (software)",
    0x40: "temperature",
    0x80: "power brake",
}


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

    def _ask(self, question: str, *words: Any) -> Any:
        if self._nvml is None:
            return None
        try:
            return getattr(self._nvml, question)(*words)
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
        others = [process for process in running if process.pid not in (os.getpid(), *ours)]
        found = [f"{len(others)} other processes on the GPU"] if others else []
        reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", self._handle) or 0
        return found + [f"GPU slowed down: {why}" for bit, why in _SLOWED.items() if reasons & bit]

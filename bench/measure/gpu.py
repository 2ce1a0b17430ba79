"""What NVML says of the GPU in use: its driver, its energy, who else is on it, whether it is throttled."""

from __future__ import annotations

import os
from typing import Any

# NVML's throttle reasons that slow a run down; idle clocks and application clocks are no fault.
_SLOWED = {0x4: "power limit", 0x8: "hardware slowdown", 0x20: "temperature (software)", 0x40: "temperature", 0x80: "power brake"}


class Gpu:
    """NVML's view of one GPU. Where NVML is missing or refuses, every answer is None or empty: unknown."""

    def __init__(self, pci_bus_id: str | None = None, index: int = 0) -> None:
        self._nvml: Any = None
        try:
            import pynvml

            pynvml.nvmlInit()
            # torch counts the visible GPUs, NVML all of them: the PCI address is what both agree on.
            self._handle = (
                pynvml.nvmlDeviceGetHandleByPciBusId(pci_bus_id.encode())
                if pci_bus_id
                else pynvml.nvmlDeviceGetHandleByIndex(index)
            )
            self._nvml = pynvml
        except Exception:  # noqa: BLE001, S110 -- any failure of an optional library means: unknown
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
        millijoules = self._ask("nvmlDeviceGetTotalEnergyConsumption", getattr(self, "_handle", None))
        return None if millijoules is None else millijoules / 1000

    def warnings(self) -> list[str]:
        """What makes a time measured now doubtful."""
        handle = getattr(self, "_handle", None)
        others = [p for p in self._ask("nvmlDeviceGetComputeRunningProcesses", handle) or [] if p.pid != os.getpid()]
        found = [f"{len(others)} other processes on the GPU"] if others else []
        reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle) or 0
        return found + [f"GPU slowed down: {why}" for bit, why in _SLOWED.items() if reasons & bit]

"""This host: the GPUs that a program sees, by nvidia-smi, which comes with the driver, and the processor."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,driver_version", "--format=csv,noheader")


@dataclass(frozen=True)
class Gpu:
    """One GPU; `uuid` begins with `GPU-`."""

    index: str
    uuid: str
    name: str
    driver: str


def visible_gpus(environ: Mapping[str, str]) -> list[Gpu]:
    """Those that a program with `environ` sees; none where the host has none, or does not say."""
    try:
        answer = subprocess.run(_QUERY, capture_output=True, timeout=20, check=True, text=True)
    except (OSError, ValueError, subprocess.SubprocessError):
        return []
    cells = [[cell.strip() for cell in line.split(",")] for line in answer.stdout.splitlines()]
    gpus = [Gpu(*row) for row in cells if len(row) == 4]
    wanted = environ.get("CUDA_VISIBLE_DEVICES")
    if wanted is None:
        return gpus
    # As CUDA reads it: up to the first that names none; a UUID may be cut short.
    found: list[Gpu] = []
    for word in wanted.split(","):
        named = [
            gpu for gpu in gpus if word.strip() and (gpu.index == word.strip() or gpu.uuid.startswith(word.strip()))
        ]
        if len(named) != 1:
            break
        found += named
    return found


def cpu_name() -> str:
    """The processor's own name for itself."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Hardware") and value.strip():
                return value.strip()
    return platform.processor() or platform.machine() or "unknown"


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # not Linux

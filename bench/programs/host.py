"""The GPUs of this host that a program sees, by nvidia-smi, which comes with the driver."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

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

"""This host: its processor, the GPUs that a program sees, and hashes by which the same machine is known again.

GPUs are those of nvidia-smi, which comes with the driver. No name of the machine leaves it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
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
    return _said_of_cpu("model name", "Hardware") or platform.processor() or platform.machine() or "unknown"


def cpu_features() -> str:
    """What the processor has of instructions, in the kernel's words; "" where it does not say."""
    return _said_of_cpu("flags", "Features")


def _said_of_cpu(*keys: str) -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() in keys and value.strip():
                return value.strip()
    return ""


def cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # not Linux


_MACHINE_ID = Path("/etc/machine-id")
_PRODUCT = Path("/sys/class/dmi/id/product_uuid")
_CONTAINER = (Path("/.dockerenv"), Path("/run/.containerenv"))
# What boards say whose maker gave them no name: many say the same.
_NOBODYS = {
    "00000000-0000-0000-0000-000000000000",
    "ffffffff-ffff-ffff-ffff-ffffffffffff",
    "03000200-0400-0500-0006-000700080009",
    "12345678-1234-5678-90ab-cddeefaabbcc",
}


def host_id(
    environ: Mapping[str, str] = os.environ,
    machine_id: Path = _MACHINE_ID,
    product: Path = _PRODUCT,
    container: Iterable[Path] = _CONTAINER,
) -> str | None:
    """The hash of this machine's own number, of a rented one that of the virtual machine; None where it tells none.

    The system's machine-id, or else the board's UUID, which root may read. In a container only the latter: a
    machine-id there is the image's, and alike on all machines.
    """
    inside = bool(environ.get("container") or environ.get("KUBERNETES_SERVICE_HOST")) or any(
        mark.exists() for mark in container
    )
    told = (_told(file) for file in ([product] if inside else [machine_id, product]))
    return next((hashed("host", number) for number in told if number), None)


def gpu_ids(uuids: Iterable[str]) -> tuple[str, ...]:
    """The hashes of GPUs by their UUIDs, with or without `GPU-` before them, in order of the hashes."""
    return tuple(sorted(hashed("gpu", uuid.lower().removeprefix("gpu-")) for uuid in uuids))


def hashed(kind: str, number: str) -> str:
    """16 hexadecimal digits of the SHA-256 of a number; `kind` keeps those of hosts and of GPUs apart."""
    return hashlib.sha256(f"bench {kind} {number}".encode()).hexdigest()[:16]


def _told(file: Path) -> str | None:
    try:
        number = file.read_text().strip().lower()
    except (OSError, ValueError):
        return None
    return None if number in _NOBODYS or len(set(number)) < 3 or number == "uninitialized" else number

"""Which machine this is, as hashes: the same machine says the same each time, and none of its names leaves it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

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

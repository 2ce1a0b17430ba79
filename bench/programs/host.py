"""This host: its CPU, the GPUs that a program sees, and hashes that identify the machine.

GPUs are those of nvidia-smi, which comes with the driver. No name of the machine leaves it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

UNKNOWN = "unknown"

_QUERY = ("nvidia-smi", "--query-gpu=index,uuid,name,driver_version", "--format=csv,noheader")
_LIST = ("nvidia-smi", "--list-gpus")  # with the slices of each
_SLICE = re.compile(r"\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)")
_LIMIT_S = 60  # a driver that nothing keeps loaded starts for each question
# What CUDA_VISIBLE_DEVICES can mean a device by; any other word ends the list.
_DEVICE = re.compile(r"\d+|(GPU|MIG)-.*")
_DEVICES = Path("/dev")


@dataclass(frozen=True)
class Gpu:
    """One GPU, or a slice of one; `uuid` begins with `GPU-` or `MIG-`. UNIDENTIFIED if it cannot be identified."""

    index: str
    uuid: str
    name: str
    driver: str | None


UNIDENTIFIED = Gpu("", "", UNKNOWN, None)


def visible_gpus(environ: Mapping[str, str]) -> list[Gpu]:
    """The GPUs that a program with `environ` sees; none if the host has none. An unidentified one is UNIDENTIFIED."""
    gpus = _all_gpus()
    wanted = environ.get("CUDA_VISIBLE_DEVICES")
    # As CUDA reads it: up to the first that names none; a UUID may be cut short.
    words = list(takewhile(_DEVICE.fullmatch, (word.strip() for word in (wanted or "").split(","))))
    if gpus is None:
        return [UNIDENTIFIED] * (max(1, len(_device_files())) if wanted is None else len(words))
    slices = _slices(gpus)
    if wanted is None:
        # CUDA shows a program one of several slices, and beside whole GPUs perhaps none: which one is not told.
        return gpus if not slices else [_seen(gpus[0], slices) if len(gpus) == 1 else UNIDENTIFIED]
    # CUDA counts from the fastest, nvidia-smi along the bus, and slices among whole GPUs are counted in no order told.
    alike = len({gpu.name for gpu in gpus}) < 2 and (not slices or len(gpus) == 1)
    ordered = alike or (environ.get("CUDA_DEVICE_ORDER") == "PCI_BUS_ID" and not slices)
    found: list[Gpu] = []
    all_devices = [*gpus, *(part for part, _ in slices)]
    for word in words:
        named = [gpu for gpu in all_devices if gpu.index == word or gpu.uuid.startswith(word)]
        if word.startswith("MIG-") and not named and gpus:
            named = [UNIDENTIFIED]
        if len(named) != 1:
            break
        found += [_seen(named[0], slices)] if ordered or not word.isdecimal() else [UNIDENTIFIED]
    return found


def _seen(gpu: Gpu, slices: Sequence[tuple[Gpu, Gpu]]) -> Gpu:
    """What a program that uses `gpu` sees: of a sliced GPU its only slice, otherwise an unidentified one."""
    parts = [part for part, whole in slices if whole == gpu]
    return gpu if not parts else parts[0] if len(parts) == 1 else UNIDENTIFIED


def _all_gpus() -> list[Gpu] | None:
    """The GPUs of the host, in order of the bus; None where it has some and does not say which."""
    try:
        cells = [[cell.strip() for cell in line.split(",")] for line in _lines_of(_QUERY)]
    except subprocess.TimeoutExpired:
        return None
    except (OSError, ValueError, subprocess.SubprocessError):
        return None if _device_files() else []
    return [Gpu(*row) for row in cells if len(row) == 4]


def _slices(gpus: Sequence[Gpu]) -> list[tuple[Gpu, Gpu]]:
    """The slices of `gpus` (MIG), each with its whole, below which nvidia-smi lists it; none where it does not."""
    found: list[tuple[Gpu, Gpu]] = []
    whole = UNIDENTIFIED
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        for line in _lines_of(_LIST) if gpus else []:
            if line.startswith("GPU "):
                whole = next((gpu for gpu in gpus if gpu.uuid in line), UNIDENTIFIED)
            elif part := _SLICE.match(line):
                found.append((Gpu("", part[2], f"{whole.name} MIG {part[1]}", whole.driver), whole))
    return found


def _lines_of(question: Sequence[str]) -> list[str]:
    answer = subprocess.run(question, capture_output=True, timeout=_LIMIT_S, check=True, text=True)
    return answer.stdout.splitlines()


def _device_files() -> list[Path]:
    return list(_DEVICES.glob("nvidia[0-9]*"))


_CPUINFO = Path("/proc/cpuinfo")
# ARM's processors tell maker and part by numbers, in place of a name: Linux, arch/arm64/include/asm/cputype.h.
_ARM = {
    ("0x41", "0xd08"): "ARM Cortex-A72",
    ("0x41", "0xd0b"): "ARM Cortex-A76",
    ("0x41", "0xd0c"): "ARM Neoverse-N1",
    ("0x41", "0xd40"): "ARM Neoverse-V1",
    ("0x41", "0xd42"): "ARM Cortex-A78AE",
    ("0x41", "0xd49"): "ARM Neoverse-N2",
    ("0x41", "0xd4f"): "ARM Neoverse-V2",
    ("0x41", "0xd84"): "ARM Neoverse-V3",
    ("0x41", "0xd8e"): "ARM Neoverse-N3",
    ("0x46", "0x001"): "Fujitsu A64FX",
    ("0x48", "0xd01"): "HiSilicon TaiShan-v110",
    ("0x61", "0x022"): "Apple M1",
    ("0x61", "0x023"): "Apple M1",
    ("0x61", "0x032"): "Apple M2",
    ("0x61", "0x033"): "Apple M2",
    ("0x6d", "0xd49"): "Microsoft Azure Cobalt 100",
    ("0xc0", "0xac3"): "Ampere-1",
    ("0xc0", "0xac4"): "Ampere-1A",
}


def cpu_name() -> str:
    """The processor's own name for itself, or one for the numbers that it has in place of a name."""
    name = _cpuinfo("model name", "Hardware") or _arm_name()
    return name or platform.processor() or platform.machine() or UNKNOWN


def _arm_name() -> str:
    maker, part = _cpuinfo("CPU implementer"), _cpuinfo("CPU part")
    if not (maker and part):
        return ""
    return _ARM.get((maker.lower(), part.lower()), f"ARM implementer {maker} part {part}")


def cpu_features() -> str:
    """What the processor has of instructions, in the kernel's words; "" where it does not say."""
    return _cpuinfo("flags", "Features")


def _cpuinfo(*keys: str) -> str:
    with suppress(OSError):
        for line in _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines():
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


def home() -> Path | None:
    """The user's home folder; None where the system knows of none, as of a container's bare user number."""
    with suppress(RuntimeError):
        return Path.home()
    return None


def hide_home(text: str) -> str:
    """`text` with ~ for the user's home folder; that of a container's user may be /, and is left alone."""
    folder = str(home() or "")
    # Not within a longer name: neither /rootfs nor /data/root is in /root.
    return re.sub(rf"(?<![\w.-]){re.escape(folder)}(?![\w.-])", "~", text) if len(folder) > 1 else text


def host_id(
    environ: Mapping[str, str] = os.environ,
    machine_id: Path = _MACHINE_ID,
    product: Path = _PRODUCT,
    container: Iterable[Path] = _CONTAINER,
) -> str | None:
    """The hash of this machine's own id, on a rented one that of the virtual machine; None if it has none.

    The system's machine-id, or else the board's UUID, which root may read. In a container only the latter: a
    machine-id there is the image's, and alike on all machines.
    """
    inside = bool(environ.get("container") or environ.get("KUBERNETES_SERVICE_HOST")) or any(
        mark.exists() for mark in container
    )
    told = (_read_id(file) for file in ([product] if inside else [machine_id, product]))
    return next((hashed("host", number) for number in told if number), None)


def gpu_ids(uuids: Iterable[str]) -> tuple[str, ...]:
    """The hashes of GPUs by their UUIDs, with or without `GPU-` or `MIG-` before them, in order of the hashes.

    One that is not told has none.
    """
    return tuple(sorted(hashed("gpu", re.sub("^(gpu|mig)-", "", uuid.lower())) for uuid in uuids if uuid))


def hashed(kind: str, number: str) -> str:
    """16 hexadecimal digits of the SHA-256 of a number; `kind` keeps those of hosts and of GPUs apart."""
    return hashlib.sha256(f"bench {kind} {number}".encode()).hexdigest()[:16]


def _read_id(file: Path) -> str | None:
    try:
        number = file.read_text().strip().lower()
    except (OSError, ValueError):
        return None
    return None if number in _NOBODYS or len(set(number)) < 3 or number == "uninitialized" else number

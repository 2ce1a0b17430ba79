"""Facts about this host and process: CPUs and what a container may use of them, the GPU, and when the process started.

The affinity and the machine's memory do not show a limit of `docker --cpus` or of Kubernetes: the cgroup does, of
version 1 or 2.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.programs.host import cores as allowed_cores

_PROC = Path("/proc/self")
# What CUDA_VISIBLE_DEVICES is where no GPU is to be seen; the last is Slurm's, for a job that asked for none.
_HIDE_ALL = ("", "-1", "NoDevFiles")
_VERSION = re.compile(r"\d+\.\d+(\.\d+)?")


def cpu_quota(proc: Path = _PROC) -> float | None:
    """Seconds of processor time that may be used each second: 0.5 is half a processor. None: no limit is known."""
    quotas = [_quota(folder) for folder in _folders("cpu", proc)]
    return min((quota for quota in quotas if quota is not None), default=None)


def memory_limit(proc: Path = _PROC) -> int | None:
    """Bytes of memory that may be used; None: no limit is known."""
    limits = [_number(folder, "memory.max", "memory.limit_in_bytes") for folder in _folders("memory", proc)]
    return min((limit for limit in limits if limit is not None and limit > 0), default=None)


def free_memory(proc: Path = _PROC, meminfo: Path = Path("/proc/meminfo")) -> int | None:
    """Bytes of memory that a process could have now, within every limit of its cgroup; None: unknown."""
    available = next((line.split()[1] for line in _lines(meminfo) if line.startswith("MemAvailable:")), None)
    free = [] if available is None else [1024 * int(available)]
    for folder in _folders("memory", proc):
        limit = _number(folder, "memory.max", "memory.limit_in_bytes")
        used = _number(folder, "memory.current", "memory.usage_in_bytes")
        if limit is not None and used is not None:
            # What is cached of files is given back when memory is asked for.
            free.append(max(0, limit - max(0, used - _inactive_files(folder))))
    return min(free, default=None)


def _inactive_files(folder: Path) -> int:
    lines = (line.split() for line in _lines(folder / "memory.stat"))
    found = {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdecimal()}
    return found.get("total_inactive_file", found.get("inactive_file", 0))


def _quota(folder: Path) -> float | None:
    words = _words(folder / "cpu.max")  # version 2: "50000 100000", or "max 100000"
    if not words:
        words = [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]  # -1: no limit
    try:
        quota, period = map(int, words)
    except ValueError:
        return None
    return quota / period if quota > 0 and period > 0 else None


def _number(folder: Path, *names: str) -> int | None:
    words = next(filter(None, (_words(folder / name) for name in names)), [])
    return int(words[0]) if words and words[0].isdecimal() else None


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except (OSError, ValueError):
        return []


def _folders(controller: str, proc: Path) -> Iterator[Path]:
    """This process's cgroup of `controller` and all above it, as far as they are mounted: each of them limits."""
    paths = {}
    for line in _lines(proc / "cgroup"):
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        paths.update(dict.fromkeys(controllers.split(","), path))  # of version 2: ""
    for line in _lines(proc / "mountinfo"):
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or kind[0] not in ("cgroup", "cgroup2"):
            continue
        name = "" if kind[0] == "cgroup2" else controller
        if name in paths and (not name or controller in kind[2].split(",")):
            yield from _upwards(paths[name], root=fields[3], mount=Path(fields[4]))


def _upwards(path: str, root: str, mount: Path) -> Iterator[Path]:
    # A container may see its cgroup by the host's name for it, and mounted as if it were the root.
    inside = path if root == "/" else path.removeprefix(root) if path.startswith(root) else ""
    folder = mount / inside.strip("/")
    yield folder
    while folder != mount and ".." not in folder.parts:
        folder = folder.parent
        yield folder


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except (OSError, ValueError):
        return []


def cores() -> int:
    """Processors this process can keep busy: fewer than the machine has by its affinity, or its cgroup's quota."""
    processors, quota = allowed_cores(), cpu_quota()
    # Rounded down: a thread too many uses up the time of all, which then wait for each other.
    return processors if quota is None else max(1, min(processors, int(quota)))


def nvidia_driver(
    device: Path = Path("/dev/nvidia0"), version: Path = Path("/proc/driver/nvidia/version")
) -> str | None:
    """The driver of the NVIDIA GPU that this machine shows, "unknown" where it does not say; None: no GPU is shown.

    CUDA_VISIBLE_DEVICES may hide all of them: that is the user's wish.
    """
    if _gpus_are_hidden():
        return None
    question = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):  # an image may lack it
        answer = subprocess.run(question, capture_output=True, text=True, timeout=60, check=True)
        if told := _VERSION.match(answer.stdout.strip()):
            return told[0]
    if not device.exists():
        return None
    found = _VERSION.search(" ".join(_lines(version)[:1]))
    return found[0] if found else "unknown"


def _gpus_are_hidden() -> bool:
    # CUDA ignores whatever follows the first word that names no device.
    return os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0].strip() in _HIDE_ALL


DRIVER_REMEDY = "install NVIDIA's driver, or start the container with --gpus all"  # for a GPU that has none here
_NVIDIA, _DISPLAYS = "0x10de", "0x03"  # a vendor and a class of devices on the PCI bus: display controllers


def nvidia_on_bus(devices: Path = Path("/sys/bus/pci/devices")) -> bool:
    """Whether an NVIDIA GPU is on this machine's PCI bus (in a container: the host's), with a driver or without.

    One that CUDA_VISIBLE_DEVICES hides is not.
    """
    with suppress(OSError):
        if _gpus_are_hidden():
            return False
        for each in devices.iterdir():
            vendor, kind = (_lines(each / name) for name in ("vendor", "class"))
            if vendor == [_NVIDIA] and "".join(kind).startswith(_DISPLAYS):
                return True
    return False


def boot_time() -> datetime | None:
    """When this machine (for a container, its host) booted; None where the system does not say."""
    try:
        running = time.clock_gettime(time.CLOCK_BOOTTIME)
    except (AttributeError, OSError):  # not on macOS
        return None
    return datetime.now(UTC) - timedelta(seconds=running)


def process_time() -> datetime:
    """When this process began; now, where the system does not say."""
    start = process_start()
    age = 0.0 if start is None else time.perf_counter() - start
    return datetime.now(UTC) - timedelta(seconds=age)


def boot_id() -> str | None:
    """The kernel's random name for this boot; None where the system has none."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def process_start() -> float | None:
    """When this process began, as a reading of `time.perf_counter`; None where the system does not say."""
    try:
        # Field 22 is the start in clock ticks since boot; the name in field 2 may hold spaces and brackets.
        ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return None
    return time.perf_counter() - age

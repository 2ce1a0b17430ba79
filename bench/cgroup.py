"""What a container may use of its host by its cgroup, version 1 or 2: processor time and memory.

Neither is seen in the affinity or in the machine's memory: `docker --cpus`, a limit of Kubernetes, a rented container.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc/self")


def cpu_quota(proc: Path = _PROC) -> float | None:
    """Seconds of processor time that may be used each second: 0.5 is half a processor. None: no limit is known."""
    quotas = [_quota(folder) for folder in _folders("cpu", proc)]
    return min((quota for quota in quotas if quota is not None), default=None)


def memory_limit(proc: Path = _PROC) -> int | None:
    """Bytes of memory that may be used; None: no limit is known."""
    limits = [_number(folder, "memory.max", "memory.limit_in_bytes") for folder in _folders("memory", proc)]
    return min((limit for limit in limits if limit is not None and limit > 0), default=None)


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
    inside = path.removeprefix(root) if root != "/" and path.startswith(root) else path if root == "/" else ""
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

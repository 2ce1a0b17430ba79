"""Facts of this host and process: the processor, and when the machine and the process started."""

from __future__ import annotations

import os
import platform
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.cgroup import cpu_quota


def cpu_name() -> str:
    """The processor's own name for itself."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Hardware") and value.strip():
                return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine() or "unknown"


def cores() -> int:
    """Processors this process can keep busy: fewer than the machine has by its affinity, or its cgroup's quota."""
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        processors = os.cpu_count() or 1
    quota = cpu_quota()
    # Rounded down: a thread too many uses up the time of all, which then wait for each other.
    return processors if quota is None else max(1, min(processors, int(quota)))


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

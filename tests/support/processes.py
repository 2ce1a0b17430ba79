"""Processes of this machine: those that a test looks for, and their end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def alive(ours: Callable[[int], bool]) -> list[int]:
    """The ids of the processes that are ours and have not ended."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):  # it has ended by itself
            if entry.name.isdecimal() and int(entry.name) != os.getpid() and ours(int(entry.name)):
                found.append(int(entry.name))
    return [pid for pid in found if lives(pid)]


def stop(ours: Callable[[int], bool]) -> None:
    """End the processes that are ours, by their ids, until none is left."""
    for _ in range(50):
        left = alive(ours)
        if not left:
            return
        for pid in left:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.1)


def lives(pid: int) -> bool:
    """Whether a process is there, and not one that has ended and that nobody has asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False

"""The peak memory of a run: of its processes from the kernel, of its GPU from torch's allocator.

Of the GPU it is what the allocator reserved, not what it handed out: the memory that a captured step works in belongs
to its graph, and to launch a graph asks the allocator for nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import torch

from bench.record.documents import PeakMemory
from bench.training.api import Compute

_PROC = Path("/proc")


class MemoryMeter:
    """From its creation to `peak`; if the kernel cannot reset its counter, the host's peak is unknown.

    `pids` are the processes that train beside this one. Each of them has an allocator of its own, and this one does
    not know what theirs held: the GPU's peak is then unknown.
    """

    def __init__(self, compute: Compute, pids: Sequence[int] = (), proc: Path = _PROC) -> None:
        self._device, self._proc = (compute.device if compute.is_cuda else None), proc
        self._forgot = all(_forget(proc / str(pid)) for pid in (os.getpid(), *pids))
        self.forget_gpu()

    def forget_gpu(self) -> None:
        """Begin anew on the GPU: what a warm-up compared there is no part of the run."""
        if self._device:
            torch.cuda.reset_peak_memory_stats(self._device)

    def peak(self, pids: Sequence[int] = ()) -> PeakMemory:
        """The peaks since then; `pids` are those that train beside this one by now."""
        held = [_held(self._proc / str(pid)) for pid in (os.getpid(), *pids)] if self._forgot else [None]
        known = [size for size in held if size is not None]
        gpu = torch.cuda.max_memory_reserved(self._device) if self._device and not pids else None
        return PeakMemory(host=sum(known) if len(known) == len(held) else None, gpu=gpu)


def _forget(process: Path) -> bool:
    try:
        (process / "clear_refs").write_text("5")  # proc(5): resets the high water mark of the resident set
    except OSError:
        return False
    return True


def _held(process: Path) -> int | None:
    """The high water mark of a process's resident set, bytes."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return None
    marks = [line.split() for line in lines if line.startswith("VmHWM:")]
    return int(marks[0][1]) * 1024 if marks and marks[0][2:] == ["kB"] else None

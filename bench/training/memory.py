"""The C allocator, tuned for training on a CPU. Imports nothing: it must be called before torch is imported."""

from __future__ import annotations

import contextlib
import ctypes


def keep_freed_memory() -> None:
    """Have glibc keep what is freed, for the next step to use.

    A training step frees and takes gigabytes. glibc hands large blocks back to the system at once, and then each
    page of the next one faults and is zeroed again: a step can take twice as long. Another C library is left alone.
    """
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, -1)

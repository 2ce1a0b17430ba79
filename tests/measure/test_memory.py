"""The most memory that a run held: since it began, of every process, and unknown where the kernel does not say."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from bench.measure.machine import MemoryMeter
from tests.support.scripted import CPU


def a_process(proc: Path, pid: int, kilobytes: int) -> None:
    """A process in a folder like /proc, which held so much."""
    folder = proc / str(pid)
    folder.mkdir()
    (folder / "status").write_text(f"Name:\tpython\nVmPeak:\t 9 kB\nVmHWM:\t {kilobytes} kB\nVmRSS:\t 1 kB\n")


def test_it_is_the_sum_over_all_processes(tmp_path: Path) -> None:
    a_process(tmp_path, os.getpid(), 3)
    a_process(tmp_path, 7, 5)
    peak = MemoryMeter(CPU, [7], tmp_path).peak([7])
    assert (peak.host, peak.gpu) == (8 * 1024, None)
    assert (tmp_path / "7" / "clear_refs").read_text() == "5"


def test_of_a_process_that_says_nothing_it_is_unknown(tmp_path: Path) -> None:
    a_process(tmp_path, os.getpid(), 3)
    assert MemoryMeter(CPU, (), tmp_path).peak([7]).host is None
    assert MemoryMeter(CPU, [7], tmp_path).peak([7]).host is None


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the kernel keeps its high water marks")
def test_what_was_held_before_is_forgotten() -> None:
    before = mmap.mmap(-1, 100_000_000)  # not of malloc, which may keep what is freed
    before.write(b"1" * len(before))
    held = MemoryMeter(CPU).peak().host
    before.close()
    after = MemoryMeter(CPU).peak().host
    assert held is not None
    assert after is not None
    assert held - after > 90_000_000

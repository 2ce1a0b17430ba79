"""Each of several GPUs has its fingerprint by a process of its own: here such processes on the processor."""

from __future__ import annotations

import multiprocessing
import time

import pytest

from bench.measure.machine import SIZES, Size, fingerprints, slowest
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts
from bench.measure.series import Measurement
from bench.record.documents import Fingerprint
from tests.support.scripted import CPU, NO_IMAGES

SMALL = Size(rows=64, copied=2**16, seconds=0.05)


@pytest.mark.slow
def test_each_has_its_own_and_no_process_is_left() -> None:
    taken = fingerprints(2, kind="cpu", size=SMALL)
    assert len(taken) == 2
    assert all(each.matmul_tflops and each.copy_gb_per_s and each.seconds >= 2 * SMALL.seconds for each in taken)
    assert multiprocessing.active_children() == []


@pytest.mark.slow
def test_one_that_cannot_be_measured_is_unknown_and_not_slow() -> None:
    """On no machine a product has so many rows: the process runs out of memory."""
    taken = fingerprints(1, kind="cpu", size=Size(rows=2**24, copied=2**16, seconds=0.05))
    assert [(each.matmul_tflops, each.copy_gb_per_s) for each in taken] == [(None, None)]
    fast, slow = Fingerprint(seconds=1, matmul_tflops=700), Fingerprint(seconds=1, matmul_tflops=650)
    assert slowest([fast, taken[0], slow]) == slow
    assert slowest(taken) == taken[0]


@pytest.mark.parametrize("ended_by", ["the limit", "a signal"])
def test_what_takes_too_long_is_ended(ended_by: str) -> None:
    began = time.perf_counter()
    signal_came = ended_by == "a signal"
    taken = fingerprints(2, lambda: signal_came, kind="cpu", size=SMALL, limit_s=60.0 if signal_came else 0.1)
    assert [each.matmul_tflops for each in taken] == [None, None]
    assert time.perf_counter() - began < 30
    assert multiprocessing.active_children() == []


def test_several_processes_on_the_processor_are_on_one_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "cpu", SMALL)
    measurement = Measurement(NO_IMAGES, CPU, Progress(quiet=True), Interrupts(), gpus=2)
    measurement.take_fingerprint()
    assert measurement.machine.fingerprint is not None
    assert measurement.machine.fingerprint.matmul_tflops is not None
    assert measurement.machine.gpu_fingerprints == ()

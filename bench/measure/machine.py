"""The machine around a series: its fingerprint before it, and the peak memory of each run.

The fingerprint is what the machine can do: a matrix product, a copy, and the GPU's clock, temperature and power.
Machines of one type differ by more than runs on one of them; the fingerprint says which kind a machine is. It is taken
before the first run and off every clock. Those of several GPUs are taken concurrently in a process each, as they
train, without keeping memory on them.

Peak memory is that of the processes from the kernel, and of the GPU from torch's allocator: what the allocator
reserved, not what it handed out. The memory that a captured step works in belongs to its graph, and to launch a graph
asks the allocator for nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from statistics import median
from typing import Literal

import torch

from bench.measure.distributed import spawn
from bench.measure.environment import Gpu
from bench.record.documents import Fingerprint, PeakMemory
from bench.training.api import Compute, choose


@dataclass(frozen=True)
class Size:
    """How much is done: the product's rows, the bytes that are copied, and seconds for each of the two."""

    rows: int
    copied: int
    seconds: float


# A GPU needs seconds under load to reach the clock that it then keeps; a processor tells at once.
SIZES = {"cuda": Size(8192, 2**30, 10.0), "cpu": Size(1024, 2**26, 0.5)}
# A window is timed as one: the device works on while its clock and power are read.
_WINDOWS = 10


def fingerprint(
    compute: Compute, gpu: Gpu | None, stopped: Callable[[], bool] = lambda: False, size: Size | None = None
) -> Fingerprint:
    """The fingerprint of the device of `compute`, which `gpu` asks; cut short, and then without rates, once `stopped`.

    The rates are medians of windows. A copy counts what it reads and what it writes.
    """
    size = size or SIZES[compute.device.type]
    began = time.perf_counter()
    clocks: list[float | None] = []
    watts: list[float | None] = []

    def ask() -> None:
        if gpu:
            clocks.append(gpu.sm_mhz())
            watts.append(gpu.power_w())

    def rates(work: Callable[[], object], under_load: Callable[[], None]) -> list[float]:
        return list(_rates(work, size.seconds, compute.synchronise, stopped, under_load))

    products = rates(_product(size.rows, compute), ask)
    celsius = gpu.temperature_c() if gpu else None
    copies = rates(_copy(size.copied, compute), lambda: None)
    return Fingerprint(
        seconds=time.perf_counter() - began,
        matmul_tflops=2 * size.rows**3 * median(products) / 1e12 if products else None,
        matmul_precision=str(compute.dtype).removeprefix("torch."),
        copy_gb_per_s=2 * size.copied * median(copies) / 1e9 if copies else None,
        sm_mhz=_middle(clocks),
        temperature_c=celsius,
        power_w=_middle(watts),
    )


def rates_text(taken: Fingerprint) -> str:
    """The rates, for a line of progress."""
    rates = ((taken.matmul_tflops, "TFLOP/s in a matrix product"), (taken.copy_gb_per_s, "GB/s in a copy"))
    return ", ".join(f"{rate:.3g} {unit}" for rate, unit in rates if rate is not None) or "broken off"


def _product(rows: int, compute: Compute) -> Callable[[], object]:
    factor = torch.ones(rows, rows, dtype=compute.dtype, device=compute.device)
    product = torch.empty_like(factor)
    return lambda: torch.mm(factor, factor, out=product)


def _copy(size: int, compute: Compute) -> Callable[[], object]:
    source = torch.zeros(size, dtype=torch.uint8, device=compute.device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def _rates(
    work: Callable[[], object],
    seconds: float,
    synchronise: Callable[[], None],
    stopped: Callable[[], bool],
    under_load: Callable[[], None],
) -> Iterator[float]:
    """Times a second that `work` is done, of each window of a tenth of `seconds` or so."""
    repeats = 1
    end = time.perf_counter() + seconds
    while not stopped() and time.perf_counter() < end:
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        under_load()
        synchronise()
        taken = time.perf_counter() - start
        if taken < seconds / _WINDOWS / 2:  # too short to tell: the windows grow first
            repeats *= 2
        else:
            yield repeats / taken


def _middle(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


# A process takes some ten seconds to start, and a fingerprint twenty.
LIMIT_S = 60.0
_LOOK_S = 0.2  # how often it is seen to a signal


def fingerprints(
    count: int,
    stopped: Callable[[], bool] = lambda: False,
    *,
    kind: Literal["cuda", "cpu"] = "cuda",
    size: Size | None = None,
    limit_s: float = LIMIT_S,
) -> list[Fingerprint]:
    """The fingerprints of the first `count` GPUs, in torch's order.

    One that fails, or has none within `limit_s`, is without rates, as all are once `stopped`. With `kind` "cpu" each is
    of a process on the processor.
    """
    began = time.perf_counter()
    taken: dict[int, Fingerprint] = {}
    started: list[tuple[BaseProcess, Connection]] = []
    try:
        for each in spawn(count, "GPU", _measure, kind, size):
            started.append(each)  # one by one, so that those are ended that started before one which does not
        waited_for = {connection: index for index, (_, connection) in enumerate(started)}
        while waited_for and not stopped() and time.perf_counter() < began + limit_s:
            for connection in wait(list(waited_for), _LOOK_S):
                assert isinstance(connection, Connection)
                index = waited_for.pop(connection)
                with suppress(EOFError, OSError):  # it died
                    taken[index] = connection.recv()
    finally:
        for process, connection in started:
            process.kill()  # it holds nothing that a kill could damage
            process.join()
            connection.close()
    broken_off = Fingerprint(seconds=time.perf_counter() - began)
    return [taken.get(index, broken_off) for index in range(count)]


def slowest(taken: Sequence[Fingerprint]) -> Fingerprint:
    """The one with the lowest rate in a matrix product: for it the others wait. One that has none is no slower."""
    rates = [each for each in taken if each.matmul_tflops is not None]
    return min(rates, key=lambda each: each.matmul_tflops or 0.0, default=taken[0])


def _measure(connection: Connection, index: int, kind: Literal["cuda", "cpu"], size: Size | None) -> None:
    """Take the fingerprint of GPU `index` and send it; nothing where that fails."""
    with suppress(Exception):  # what keeps a GPU from training is told by the run that follows
        if kind == "cuda":
            torch.cuda.set_device(index)
        compute = choose(kind)
        gpu = Gpu(str(torch.cuda.get_device_properties(index).uuid)) if kind == "cuda" else None
        connection.send(fingerprint(compute, gpu, size=size))


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

"""What the machine can do just before a series: a matrix product, a copy, and the GPU's clock, temperature and power.

Machines of one type differ by more than runs on one of them; the fingerprint says which kind a machine is. It is taken
before the first run and off every clock.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

import torch

from bench.measure.gpu import Gpu
from bench.record.documents import Fingerprint
from bench.training.api import Compute


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

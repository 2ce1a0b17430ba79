"""One call of `bench run`: its preparation and its runs."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from bench.errors import BenchError
from bench.host import DRIVER_REMEDY, cores, nvidia_on_bus, process_start
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts, LeasePart, Runs, recorded
from bench.recipes import Recipe
from bench.record.documents import PhaseName, Run, time_of
from bench.store import RUNS, Store, read_each
from bench.training import data as cifar10

if TYPE_CHECKING:
    from bench.training.device import Choice, Compute

_COMPILERS = 32  # the most that torch starts by itself
# A driver that is broken shows no device: a machine with a GPU then looks as one without.
_UNDRIVEN = (
    "an NVIDIA GPU is on this machine's bus and has no driver here, so this trains on the processor: "
    f"{DRIVER_REMEDY}; --device cpu if it is meant"
)


@dataclass(frozen=True)
class Request:
    """What is to be run. The number of runs is fixed here, before the first one starts."""

    recipes: Sequence[Recipe]
    runs: int
    first_seed: int
    data: str | None
    held_out: bool
    device: Literal["auto", "cpu", "cuda"]
    gpus: int
    target: float | None
    lease: LeasePart
    series: str | None = None  # the series to go on with; None: a new one
    fingerprint: bool = False  # whether the machine is measured first, off the clock
    echo: bool = False  # whether each record is a line on stdout too


def measure(request: Request, store: Store, progress: Progress) -> Generator[tuple[Run, str], None, None]:
    """Yield each run with its key in the store, as it ends.

    Raises BenchError before anything is spent: no data, a store that cannot be written, no such device; in the
    end like `recorded`.
    """
    folder = cifar10.find(request.data)
    store.check_writable()
    earlier = runs_of(request.series, store) if request.series else []
    early: list[tuple[PhaseName, float, float]] = []
    process_started = process_start()
    with _timed("setup", early, since=process_started):
        compute = prepare_device(request.device)
        if request.device == "auto" and not compute.is_cuda and nvidia_on_bus():
            progress.note(_UNDRIVEN)
        from bench.measure.distributed import check
        from bench.measure.series import Measurement

        check(request.recipes, request.gpus, compute, device=request.device)
    with _timed("data", early):
        images = cifar10.load(folder)
        if request.held_out:
            images = images.hold_out()
    interrupts = Interrupts()

    def runs() -> Runs:
        measurement = Measurement(
            images,
            compute,
            progress,
            interrupts,
            lease_id=request.lease.lease_id,
            target=request.target,
            gpus=request.gpus,
            early=early if process_started is not None else [],  # a start that is not known cannot be counted from
        )
        if request.fingerprint:
            measurement.take_fingerprint()
        return measurement.runs(request.recipes, request.runs, request.first_seed, request.series, earlier)

    yield from recorded(runs, request.lease, store, interrupts, echo=request.echo)


def runs_of(series_id: str, store: Store) -> list[Run]:
    """The runs of the series in `store`. Records that cannot be trusted are skipped; the report names them.

    Raises StoreError where the store cannot be read.
    """
    # No run of it is older than the series; the clocks of two machines may be a day apart.
    since = f"{RUNS}{time_of(series_id) - timedelta(days=1):%Y/%m/%d}"
    keys = [key for key in store.keys(RUNS) if key >= since]
    return [run for run in read_each(store, keys) if isinstance(run, Run) and run.series.id == series_id]


def prepare_device(device: Choice) -> Compute:
    """The device to train on, with the allocator tuned for it and no more threads than a quota feeds.

    Raises BenchError where torch is not installed.
    """
    try:
        import torch

        from bench.training.device import choose, keep_freed_memory
    except ImportError as error:
        raise BenchError(f"training needs torch ({error}); pip install 'trainbench[train]'") from error
    keep_freed_memory()
    # Both know of the affinity only. As many compilers as the host has cores would take a small container's memory.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", str(min(cores(), _COMPILERS)))
    torch.set_num_threads(min(torch.get_num_threads(), cores()))
    return choose(device)


@contextmanager
def _timed(name: PhaseName, early: list[tuple[PhaseName, float, float]], since: float | None = None) -> Iterator[None]:
    start = time.perf_counter() if since is None else since
    yield
    early.append((name, start, time.perf_counter()))

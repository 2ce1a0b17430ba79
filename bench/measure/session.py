"""One call of `bench run`: it opens the lease, stores each run as it ends, and closes the lease."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

from bench.errors import BenchError
from bench.host import cores, process_start
from bench.measure.recorder import Progress
from bench.measure.signals import Interrupts
from bench.recipes import Recipe
from bench.record.documents import CloseReason, LeaseClosed, LeaseOpened, PhaseName, Run, time_of, utc_now
from bench.store import SpooledWriter, Store, read_each
from bench.training import data as cifar10

if TYPE_CHECKING:
    from bench.training.device import Choice, Compute


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
    lease_id: str
    opened: LeaseOpened | None  # None: the lease is open already
    closes: bool  # whether the lease ends with this call
    preempted: Callable[[], bool]  # whether the provider is taking the machine back; asked at SIGTERM
    series: str | None = None  # the series to go on with; None: a new one
    echo: bool = False  # whether each record is a line on stdout too


def measure(request: Request, store: Store, progress: Progress) -> Iterator[tuple[Run, str]]:
    """Yield each run with its key in the store, as it ends.

    Raises BenchError before anything is spent: no data, a store that cannot be written, no such device. In the end
    raises StoreError where the store did not take a record, which then waits in the spool.
    """
    folder = cifar10.find(request.data)
    store.check_writable()
    earlier = runs_of(request.series, store) if request.series else []
    early: list[tuple[PhaseName, float, float]] = []
    process_started = process_start()
    with _timed("setup", early, since=process_started):
        compute = prepare_device(request.device)
        from bench.measure.distributed import check
        from bench.measure.series import Measurement

        check(request.recipes, request.gpus, compute, device=request.device)
    with _timed("data", early):
        images = cifar10.load(folder)
        if request.held_out:
            images = images.hold_out()
    interrupts, writer = Interrupts(), SpooledWriter(store, echo=request.echo)
    with interrupts.listening():
        if request.opened:
            writer.put(request.opened)
        measurement = Measurement(
            images,
            compute,
            progress,
            interrupts,
            lease_id=request.lease_id,
            target=request.target,
            gpus=request.gpus,
            early=early if process_started is not None else [],  # a start that is not known cannot be counted from
        )
        reason: CloseReason = "failed"
        try:
            for run in measurement.runs(request.recipes, request.runs, request.first_seed, request.series, earlier):
                if run.status == "interrupted" and interrupts.received == "SIGTERM" and request.preempted():
                    run = run.model_copy(update={"reason": "PREEMPTED", "message": "the provider took the machine"})
                    reason = "preempted"
                key = writer.put(run)
                writer.drain()  # here and not at the start, where the clock of a cold run is going
                yield run, key
            if reason != "preempted":
                reason = "interrupted" if interrupts.received else "finished"
        finally:
            if request.closes:
                writer.put(LeaseClosed(id=request.lease_id, stopped=utc_now(), reason=reason))
    writer.finish()


def runs_of(series_id: str, store: Store) -> list[Run]:
    """The runs of the series in `store`. Records that cannot be trusted are skipped; the report names them.

    Raises StoreError where the store cannot be read.
    """
    # No run of it is older than the series; the clocks of two machines may be a day apart.
    since = f"v1/runs/{time_of(series_id) - timedelta(days=1):%Y/%m/%d}"
    keys = [key for key in store.keys("v1/runs/") if key >= since]
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
    torch.set_num_threads(min(torch.get_num_threads(), cores()))  # it knows of the affinity only
    return choose(device)


@contextmanager
def _timed(name: PhaseName, early: list[tuple[PhaseName, float, float]], since: float | None = None) -> Iterator[None]:
    start = time.perf_counter() if since is None else since
    yield
    early.append((name, start, time.perf_counter()))

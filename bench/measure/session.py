"""One call of `bench run`: a lease is opened, runs are made and stored as they end, the lease is closed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import BenchError, DataError, StoreError
from bench.measure.clock import process_start
from bench.measure.interrupt import Interrupts
from bench.measure.progress import Progress
from bench.recipes import Recipe
from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened, PhaseName, Run, utc_now
from bench.store import Store, open_store
from bench.training import data as cifar10
from bench.training.memory import keep_freed_memory


@dataclass(frozen=True)
class Request:
    """What is to be run. The number of runs is fixed here, before the first one starts."""

    recipes: Sequence[Recipe]
    runs: int
    first_seed: int
    data: str | None
    held_out: bool
    device: Literal["auto", "cpu", "cuda"]
    target: float | None
    lease: LeaseOpened


class Keeper:
    """Puts documents into the store, and into a spool folder where the store cannot take them."""

    def __init__(self, store: Store, progress: Progress) -> None:
        self.store, self.progress = store, progress

    def put(self, document: AnyDocument) -> str:
        """The document's key. A store that fails loses nothing: the spool keeps what it refused."""
        try:
            return self.store.put(document)
        except StoreError as error:
            spool = spool_folder()
            key = open_store(str(spool)).put(document)
            self.progress.warn(f"{error}; kept in {spool / key}, copy it into the store under the same path")
            return key


def spool_folder() -> Path:
    """Where records wait that their store did not take."""
    return cifar10.cache_folder() / "spool"


def measure(request: Request, store: Store, progress: Progress) -> Iterator[tuple[Run, str]]:
    """Yield each run with its key in the store, as it ends.

    Raises BenchError before anything is spent: no data, a store that cannot be written, no such device.
    """
    folder = cifar10.find(request.data)
    if folder is None:
        raise DataError(
            f"{cifar10.cache_folder()}: no CIFAR-10 here; run `bench data fetch`, or name its folder with --data"
        )
    store.check_writable()
    early: list[tuple[PhaseName, float, float]] = []
    began = process_start()
    with _spent("setup", early, since=began):
        keep_freed_memory()  # before torch takes its first gigabyte
        try:
            from bench.measure.series import Measurement
            from bench.training.device import choose
        except ImportError as error:
            raise BenchError(f"training needs torch ({error}); pip install 'trainbench[train]'") from error
        compute = choose(request.device)
    with _spent("data", early):
        images = cifar10.load(folder)
        if request.held_out:
            images = images.hold_out()
    interrupts, keeper = Interrupts(), Keeper(store, progress)
    with interrupts.listening():
        keeper.put(request.lease)
        measurement = Measurement(
            images,
            compute,
            progress,
            interrupts,
            lease_id=request.lease.id,
            target=request.target,
            early=early if began is not None else [],  # a start that is not known cannot be counted from
        )
        reason: Literal["finished", "failed", "interrupted"] = "failed"
        try:
            for run in measurement.runs(request.recipes, request.runs, request.first_seed):
                yield run, keeper.put(run)
            reason = "interrupted" if interrupts.received else "finished"
        finally:
            keeper.put(LeaseClosed(id=request.lease.id, stopped=utc_now(), reason=reason))


@contextmanager
def _spent(name: PhaseName, early: list[tuple[PhaseName, float, float]], since: float | None = None) -> Iterator[None]:
    start = time.perf_counter() if since is None else since
    yield
    early.append((name, start, time.perf_counter()))

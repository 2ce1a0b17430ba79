"""A recipe on several GPUs: this process starts, supervises and ends one process per GPU, and never trains itself."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, NamedTuple

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, as its documentation has it

from bench.errors import UsageError
from bench.measure.recorder import Recorder
from bench.measure.worker import work
from bench.recipes import RECIPES, Recipe
from bench.record.documents import Reason
from bench.training.api import Cifar10, Compute


class Timeouts(NamedTuple):
    """Seconds. A rank waits `rank` for the others; the parent gives a run up after `silence` without a message."""

    rank: float
    silence: float
    start: float = 1800.0  # imports, which a cold network disk makes slow, or a warm-up of a few steps

    @classmethod
    def of(cls, rank: float) -> Timeouts:
        """A parent waits longer than its ranks, whose message says more than silence does."""
        return cls(rank, 1.2 * rank)


# One step of a large batch on a few cores can take minutes; a GPU that is silent for ten is not coming back.
TIMEOUTS = {"cuda": Timeouts.of(600.0), "cpu": Timeouts.of(3600.0)}
# After the failure of one process the messages of the others arrive within this time.
_SETTLE_S = 1.0


class WorkerFailed(Exception):  # noqa: N818 -- the name of what happened, as in bench.training.events
    """A process failed; the text names it and says how. `reason` is the record's."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(eq=False)
class _Rank:
    rank: int
    process: BaseProcess
    connection: Connection

    def send(self, *command: Any) -> None:
        # A process that is gone is noticed when it is listened to.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.connection.send(command)

    def receive(self) -> tuple[Any, ...]:
        """A message of the process, or ("died",)."""
        try:
            message: tuple[Any, ...] = self.connection.recv()
        except (EOFError, ConnectionResetError):
            return ("died",)
        return message


class Processes:
    """A Trainer of `size` processes. After an exception from any of its methods all of them have been ended."""

    def __init__(
        self, recipe: Recipe, data: Cifar10, compute: Compute, size: int, timeouts: Timeouts | None = None
    ) -> None:
        """Start the processes and build the recipe in each."""
        self.compute, self.size, self.batch = compute, size, 0
        self._timeouts = timeouts or TIMEOUTS[compute.device.type]
        self._ranks: list[_Rank] = []
        # The system chooses the port, so that no other program can take it in between.
        self._store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
        with self._stopped_on_error():
            self._start()
            self._listen(self._timeouts.start)
            for each in self._ranks:
                each.send("build", recipe, data, compute)
            self._listen(self._timeouts.start)

    @property
    def pids(self) -> list[int]:
        """The processes' ids."""
        return [each.process.pid or 0 for each in self._ranks]

    def _start(self) -> None:
        spawned = spawn(self.size, "rank", work, self.size, self._store.port, self._timeouts.rank)
        for rank, (process, connection) in enumerate(spawned):
            self._ranks.append(_Rank(rank, process, connection))

    def warm_up(self) -> None:
        """See Trainer."""
        with self._stopped_on_error():
            for each in self._ranks:
                each.send("warm_up")
            self._listen(self._timeouts.start)

    def run(self, seed: int, recorder: Recorder) -> None:
        """Train from scratch; `recorder` hears the first rank. Raises WorkerFailed."""
        with self._stopped_on_error():
            for each in self._ranks:
                each.send("run", seed, recorder.clock.zero)
            try:
                self._listen(self._timeouts.silence, lambda name, *arguments: getattr(recorder, name)(*arguments))
            finally:
                recorder.end_open_phase()

    def _listen(self, timeout: float, hear: Callable[..., None] | None = None) -> None:
        """Wait until every process has answered, passing on to `hear` what the first one reports."""
        busy, failures = list(self._ranks), list[tuple[float, WorkerFailed]]()
        while busy and (ready := wait([each.connection for each in busy], timeout)):
            for each in [each for each in busy if each.connection in ready]:
                name, *arguments = each.receive()
                if name in ("ready", "done", "failed", "died"):
                    busy.remove(each)
                if name == "done":
                    self.compute, self.batch = arguments
                elif name == "failed":
                    reason, message, when = arguments
                    failures.append((when, WorkerFailed(reason, f"rank {each.rank} of {self.size}: {message}")))
                elif name == "died":  # before whatever the others say, which follows from it
                    failures.append((0.0, self._exit_failure(each)))
                elif name != "ready" and hear:
                    hear(name, *arguments)
            if failures:
                timeout = _SETTLE_S
        if failures:
            raise min(failures, key=lambda failure: failure[0])[1]
        if busy:
            silent = ", ".join(str(each.rank) for each in busy)
            raise WorkerFailed("ERROR", f"no heartbeat from rank {silent} of {self.size} for {timeout:.0f} s")

    def _exit_failure(self, each: _Rank) -> WorkerFailed:
        each.process.join(_SETTLE_S)
        code = each.process.exitcode
        if code is not None and code < 0:
            name = signal.Signals(-code).name
            how = f"was terminated by {name}"
            if name == "SIGKILL":
                how += ", as the system does when memory runs out"
        else:
            how = f"exited with code {code}"
        return WorkerFailed("ERROR", f"rank {each.rank} of {self.size} {how}")

    @contextmanager
    def _stopped_on_error(self) -> Iterator[None]:
        """End all processes where what is inside fails."""
        try:
            yield
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the processes. They hold nothing that a kill could damage."""
        for each in self._ranks:
            each.process.kill()
        for each in self._ranks:
            each.process.join()
            each.connection.close()
        self._ranks = []


def check(recipes: Sequence[Recipe], size: int, compute: Compute, *, device: str) -> None:
    """Raise UsageError where `recipes` cannot train on `size` GPUs of this machine; `device` is what was asked for."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise UsageError("torchrun would measure one run per process; `bench run --gpus N` starts the processes itself")
    if size == 1:
        return
    if alone := [recipe.name for recipe in recipes if not recipe.parallel]:
        able = ", ".join(recipe.name for recipe in RECIPES if recipe.parallel)
        raise UsageError(f"{', '.join(alone)} trains on one GPU only; these can use several: {able}")
    if compute.is_cuda:
        usable = torch.cuda.device_count()
        if usable < size:
            raise UsageError(f"{size} GPUs requested, {usable} usable here (`nvidia-smi` lists them)")
    elif device != "cpu":
        raise UsageError(f"no CUDA GPU is usable here; --device cpu trains with {size} processes on the CPU")


def spawn(
    count: int, name: str, target: Callable[..., None], *arguments: object
) -> Iterator[tuple[BaseProcess, Connection]]:
    """Start `count` processes, and yield each with this end of its pipe; SIGINT is held back until the last one.

    Each is called "`name` 0", "`name` 1", … and calls target(its end, its number, *arguments). What it prints is lost:
    the stdout of this process is results, and libraries greet each other there.
    """
    context = get_context("spawn")
    resource_tracker.ensure_running()  # it would unblock SIGINT while the first process starts
    # Ctrl-C goes to the whole terminal, but what follows from it is decided here: they inherit that it is blocked.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for index in range(count):
            ours, theirs = context.Pipe()
            called = (target, theirs, index, *arguments)
            process = context.Process(target=_call, args=called, name=f"{name} {index}", daemon=True)
            process.start()
            theirs.close()  # so that the process's end of it is the only one
            yield process, ours
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _call(target: Callable[..., None], *arguments: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    target(*arguments)

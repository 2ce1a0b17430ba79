"""One process of `bench run --gpus N`: a rank that trains its share; the first rank also reports to the parent.

It takes commands from the pipe it was given: ("build", recipe, data, compute), ("warm_up",), ("run", seed, zero), and
answers each with ("done", compute, batch) or ("failed", reason, message, when). Before the first it says ("ready",). In
between, the first rank sends what it has to tell as (name of a Recorder's method, arguments…).
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed import TCPStore  # type: ignore[attr-defined]  # public, as its documentation has it

from bench.host import cores
from bench.measure.recorder import Clock, explain
from bench.recipes import Trainer
from bench.record.documents import Evaluation, PhaseName
from bench.training.api import Compute, Silent, choose, keep_freed_memory


def work(connection: Connection, rank: int, size: int, port: int, timeout: float) -> None:
    """Be rank `rank` of `size`, until the parent goes away or puts an end to it.

    The parent's store for the rendezvous listens on `port`; a rank waits `timeout` seconds for the others.
    """
    keep_freed_memory()
    commands: SimpleQueue[tuple[Any, ...]] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, commands), daemon=True).start()
    worker = _Worker(connection, rank, size)
    connection.send(("ready",))
    try:
        worker.join(*commands.get()[1:], port=port, timeout=timeout)
        while True:
            worker.execute(*commands.get())
    except Exception as error:
        connection.send(("failed", *explain(error, worker.batch), time.perf_counter()))
    # To leave would make the others fail too, before the parent has heard of this: it ends them all.
    threading.Event().wait()


def _receive(connection: Connection, commands: SimpleQueue[tuple[Any, ...]]) -> None:
    try:
        while True:
            commands.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)  # the parent is gone, however it went
    except Exception as error:  # a command that cannot be read: its classes are missing here
        connection.send(("failed", *explain(error), time.perf_counter()))


class _Worker:
    """One rank and what it trains."""

    trainer: Trainer
    batch: int | None = None

    def __init__(self, connection: Connection, rank: int, size: int) -> None:
        self.connection, self.rank, self.size = connection, rank, size

    def join(self, recipe: Any, data: Any, compute: Compute, *, port: int, timeout: float) -> None:
        """Meet the others and make the recipe ready."""
        if compute.is_cuda:
            torch.cuda.set_device(self.rank)
            compute = choose("cuda")
        else:
            torch.set_num_threads(max(1, cores() // self.size))
            if sys.platform == "linux":
                os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # else it looks up the machine's own name
        compute = replace(compute, rank=self.rank, ranks=self.size)
        limit = timedelta(seconds=timeout)
        dist.init_process_group(
            "nccl" if compute.is_cuda else "gloo",
            store=TCPStore("127.0.0.1", port, is_master=False, timeout=limit),
            rank=self.rank,
            world_size=self.size,
            timeout=limit,
            device_id=compute.device if compute.is_cuda else None,
        )
        self.trainer = recipe.build(data, compute)
        self._report()

    def execute(self, command: str, *arguments: Any) -> None:
        """Warm up, or run."""
        if command == "warm_up":
            self.trainer.warm_up()
        else:
            seed, zero = arguments
            first = self.rank == 0
            self.trainer.run(seed, Relay(self.connection, self.trainer.compute, zero) if first else Silent())
        self._report()

    def _report(self) -> None:
        self.trainer.compute.synchronise()
        self.batch = self.trainer.batch
        self.connection.send(("done", self.trainer.compute, self.batch))


class Relay:
    """The Events of the first rank: sends the parent's recorder what it is told, with times on the parent's clock.

    `zero` is that clock's anchor as a reading of `time.perf_counter`, which all processes of a machine share.
    """

    def __init__(self, connection: Connection, compute: Compute, zero: float) -> None:
        self._clock = Clock(compute.synchronise, since=zero)
        self._send = connection.send

    @contextmanager
    def phase(self, name: PhaseName, epoch: float | None = None) -> Iterator[None]:
        """See Events."""
        self._send(("phase_started", name, epoch, self._clock.now()))
        try:
            with self._clock.phase(name, epoch):
                yield
        finally:
            while self._clock.phases:  # none where the device was lost before the phase began
                self._send(("phase_ended", self._clock.phases.pop()))

    def stepped(self, step: int, steps: int, images: int) -> None:
        """See Events."""
        self._send(("stepped", step, steps, images))

    def loss(self, mean: float) -> None:
        """See Events. The parent ends a run that diverged."""
        self._send(("loss", mean))

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        """See Events."""
        at = self._clock.now()
        self._send(
            ("add_evaluation", Evaluation(epoch=epoch, metrics={"accuracy": accuracy}, views=views, at=at, final=final))
        )

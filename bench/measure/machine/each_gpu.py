"""The fingerprints of several GPUs, taken all at once by a process each, as they train: none keeps memory on them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Literal

import torch

from bench.measure.gpu import Gpu
from bench.measure.machine.fingerprint import Size, fingerprint
from bench.record.documents import Fingerprint
from bench.training.api import choose

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
    """Those of the first `count` GPUs, in torch's order.

    One that fails, or has none within `limit_s`, is without rates, as all are once `stopped`. With `kind` "cpu" each is
    of a process on the processor.
    """
    began = time.perf_counter()
    taken: dict[int, Fingerprint] = {}
    started = _start(count, kind, size)
    try:
        waited_for = {connection: index for index, (_, connection) in enumerate(started)}
        while waited_for and not stopped() and time.perf_counter() < began + limit_s:
            for connection in wait(list(waited_for), _LOOK_S):
                assert isinstance(connection, Connection)
                index = waited_for.pop(connection)
                try:
                    taken[index] = connection.recv()
                except (EOFError, OSError):  # it died
                    continue
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


def _start(count: int, kind: str, size: Size | None) -> list[tuple[BaseProcess, Connection]]:
    context, started = get_context("spawn"), list[tuple[BaseProcess, Connection]]()
    resource_tracker.ensure_running()  # it would unblock SIGINT while the first process starts
    # Ctrl-C goes to the whole terminal, but what follows from it is decided here: they are born deaf to it.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for index in range(count):
            ours, theirs = context.Pipe()
            arguments = (theirs, index, kind, size)
            process = context.Process(target=_measure, args=arguments, name=f"GPU {index}", daemon=True)
            process.start()
            theirs.close()  # so that the process's end of it is the only one
            started.append((process, ours))
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
    return started


def _measure(connection: Connection, index: int, kind: Literal["cuda", "cpu"], size: Size | None) -> None:
    """Take the fingerprint of GPU `index` and send it; nothing where that fails."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # stdout is the parent's results; libraries greet each other there
    with suppress(Exception):  # what keeps a GPU from training is told by the run that follows
        if kind == "cuda":
            torch.cuda.set_device(index)
        compute = choose(kind)
        gpu = Gpu(str(torch.cuda.get_device_properties(index).uuid)) if kind == "cuda" else None
        connection.send(fingerprint(compute, gpu, size=size))

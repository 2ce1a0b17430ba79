"""Fingerprints of several GPUs, taken concurrently in a process each, as they train, without keeping memory on them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Literal

import torch

from bench.measure.gpu import Gpu
from bench.measure.machine.fingerprint import Size, fingerprint
from bench.measure.machine.processes import spawn
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

"""Graphs on the fake GPU: `python -m tests.fake_gpu.graphs`, a line of JSON of what each call asked of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict

import torch
from torch import Tensor

from bench.measure.machine import MemoryMeter
from bench.training.api import choose
from bench.training.paths.captured import Graphs, branches
from tests.fake_gpu.gpu import FakeGpu

LARGE = 2**26  # bytes


def main() -> None:
    """A function of its own memory by one name, a function of a value by another."""
    gpu = FakeGpu()
    graphs = Graphs(torch.Generator("cuda"))
    state, weight = torch.ones(4, device="cuda"), torch.ones(3, device="cuda")
    ran = {"before": 0, "work": 0}
    counts: dict[str, object] = {}

    def before() -> None:
        ran["before"] += 1

    def work() -> Tensor:
        ran["work"] += 1
        return state.mul_(2).add_(1).sum()

    def asked(name: str, call: Callable[[], object]) -> None:
        gpu.reset()
        call()
        counts[name] = asdict(gpu.asked())

    def product(value: Tensor) -> Tensor:
        return value.mul(weight).neg()

    value = torch.ones(3, device="cuda")
    product(value)  # kernels are loaded at their first launch
    asked("capture", lambda: graphs.capture("step", work, before))
    asked("launch", lambda: graphs.launch("step"))
    asked("plain call", lambda: graphs.call("look", product, value, capture=False))
    asked("captured call", lambda: graphs.call("look", product, value, capture=True))
    asked("next call", lambda: graphs.call("look", product, value, capture=False))
    apart = torch.ones(4, device="cuda")
    asked(
        "capture of branches",
        lambda: graphs.capture("branches", lambda: branched(state, apart)),
    )
    asked("launch of branches", lambda: graphs.launch("branches"))
    one, two = (graphs.call("look", product, value, capture=True) for _ in range(2))

    graphs.capture("noise", lambda: torch.rand(4, device="cuda", generator=graphs.generator))
    failed = after_a_failure(graphs)
    broken_off = signalled(graphs, apart)
    graphs.capture("large", lambda: torch.ones(LARGE // 4, device="cuda").sum())
    meter = MemoryMeter(choose("cuda"))
    graphs.launch("large")
    held = meter.peak().gpu
    loser = Graphs(torch.Generator("cuda"))
    loser.capture("large", lambda: torch.ones(LARGE // 4, device="cuda").sum())
    held_by_both = meter.peak().gpu
    del loser
    torch.cuda.empty_cache()
    meter.forget_gpu()
    graphs.launch("large")
    told = {
        "asked": counts,
        "after a failure": failed,
        "broken off": broken_off,
        "held": held,
        "held by both": held_by_both,
        "held without the other": meter.peak().gpu,
        "ran": ran,
        "known": [key in graphs for key in ("step", "look", "other")],
        "results are the caller's own": one.data_ptr() != two.data_ptr(),
    }
    print(json.dumps(told))  # noqa: T201 -- a program: what it tells is its output


def branched(state: Tensor, apart: Tensor) -> Tensor:
    """Two branches, of two operations and of one, between one operation before them and one after."""
    state.mul_(2)
    branches([lambda: state.add_(1).mul_(3), lambda: apart.neg_()])
    return state.add_(apart)


def after_a_failure(graphs: Graphs) -> dict[str, object]:
    """What a capture that fails leaves behind."""

    def waits() -> Tensor:
        noise = torch.rand(4, device="cuda", generator=graphs.generator)
        noise.sum().item()
        return noise

    stream = torch.cuda.current_stream()
    noise = torch.rand(LARGE // 4, device="cuda")
    try:
        graphs.capture("waits", waits)
    except RuntimeError as error:
        kind = type(error).__name__
    draws: tuple[Callable[[], object], ...] = (
        lambda: graphs.launch("noise"),
        lambda: torch.rand(4, device="cuda", generator=graphs.generator),
    )
    drawn = []
    for draw in draws:
        before = graphs.generator.get_offset()
        draw()
        drawn.append(graphs.generator.get_offset() - before)
    torch.rand(4, device="cuda")  # of torch's own generator
    held = torch.cuda.memory_reserved()
    del noise
    torch.cuda.empty_cache()
    return {
        "error": kind,
        "known": "waits" in graphs,
        "on the stream of before": torch.cuda.current_stream() == stream,
        "drawn": drawn,
        "gave back": held - torch.cuda.memory_reserved(),
    }


class Signal(BaseException):
    """What a handler of signals raises, wherever it finds the program."""


def signalled(graphs: Graphs, apart: Tensor) -> dict[str, object]:
    """What comes of a signal in the midst of a branch while that is captured, and of the next capture."""
    runs = 0

    def branch() -> None:
        nonlocal runs
        runs += 1
        apart.neg_()
        if torch.cuda.is_current_stream_capturing() and runs == 4:
            raise Signal

    def work() -> Tensor:
        branches([apart.clone, branch])
        return apart.sum()

    try:
        graphs.capture("signalled", work)
    except BaseException as error:
        kind = type(error).__name__
    graphs.capture("again", work)
    return {"raised": kind, "known": "signalled" in graphs, "again": "again" in graphs}


if __name__ == "__main__":
    main()

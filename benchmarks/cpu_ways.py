"""A recipe on this CPU by one way of taking its steps, for cpu_stepper.py."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch

from bench.host import cores
from bench.recipes import find
from bench.training.api import Cifar10, Compute, Training, choose
from bench.training.paths.compiler import keep_compiled_code_apart

_PLAIN = Compute(torch.device("cpu"), torch.float32, "eager")
WAYS = {"plain float32": _PLAIN, "plain bfloat16": replace(_PLAIN, precision=torch.bfloat16)}


@dataclass(frozen=True)
class Ready:
    """A recipe that can take a step: `told` is what cpu_step.py wants to know of it."""

    step: Callable[[], object]
    batch: int
    told: dict[str, object]


def use_threads(threads: int) -> None:
    """`threads` of them, or with 0 as many as `bench run` has."""
    torch.set_num_threads(threads or min(torch.get_num_threads(), cores()))


def ready(recipe: str, way: str) -> Ready:
    """The recipe at full size on one batch of noise, warmed up; its step is one of the second half of a run."""
    compute = choose("cpu") if way == "bench" else WAYS[way] if way in WAYS else _of(way)
    batch = find(recipe).build(noise(1), _PLAIN).batch
    training = find(recipe).build(noise(batch), compute)
    assert isinstance(training, Training)
    training.warm_up()
    optimiser, batches = training.fresh(0), training.prepare(training.generator)
    training.network.train()
    batches.draw()

    def step() -> None:
        batches.rewind()
        training.step(batches, optimiser, 101, 200)

    chosen = training.compute
    key = json.dumps([str(chosen.precision).removeprefix("torch."), chosen.path, chosen.winograd])
    told = {"way": training.way.name, "key": key, "threads": torch.get_num_threads(), "compared": training.compared}
    return Ready(step, training.batch, told)


def _of(key: str) -> Compute:
    """The way that another stepper told of, and no other."""
    keep_compiled_code_apart()
    precision, path, winograd = json.loads(key)
    return replace(_PLAIN, precision=getattr(torch, precision), path=path, winograd=winograd)


def noise(images: int) -> Cifar10:
    """So many training images, and one to test with."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (images, 3, 32, 32), np.uint8), rng.integers(0, 10, images).astype(np.uint8)
    return Cifar10(pixels, labels, pixels[:1], labels[:1])

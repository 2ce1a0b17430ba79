"""Images a second of airbench94-muon's training step on this CPU, against plain loops of the same network.

    python benchmarks/cpu_step.py [ROUNDS]

Four ways to take the same step (batch 2000, forward, backward, Muon and SGD) take turns in one process, one step
a turn, after two steps of warm-up each: torch's own convolutions in bfloat16 by autocast (`plain`, what a port of
the published program does) and in float32, both eager and channels-last; and the recipe's own way, eager and
compiled. The allocator is tuned for all four alike, which the plain loops profit from too. Images are noise: the
arithmetic does not depend on them.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from bench.host import cores
from bench.programs.host import cpu_name
from bench.recipes.airbench94_muon import Settings, Trainer
from bench.training.data import Cifar10
from bench.training.device import Compute, keep_freed_memory

CPU = Compute(torch.device("cpu"), torch.float32, "eager")
WAYS = {
    "plain: direct bfloat16, eager": replace(CPU, precision=torch.bfloat16),
    "direct float32, eager": CPU,
    "Winograd float32, eager": replace(CPU, winograd=True),
    "Winograd float32, compiled": replace(CPU, winograd=True, path="compiled"),
}


def stepper(compute: Compute) -> Callable[[], None]:
    """A function that takes one training step in the way of `compute`."""
    settings = Settings()
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (settings.batch, 3, 32, 32), np.uint8), rng.integers(0, 10, settings.batch)
    trainer = Trainer(
        Cifar10(images, labels.astype(np.uint8), images[:1], labels[:1].astype(np.uint8)), compute, settings
    )
    optimiser, batches = trainer.fresh(0), trainer.prepare(trainer.generator)
    trainer.network.train()
    batches.draw()

    def step() -> None:
        batches.rewind()
        trainer.step(batches, optimiser, 0, 200)

    return step


def main(rounds: int) -> None:
    """Measure and print a table: median and range of each way, and its ratio to the plain one, round by round."""
    keep_freed_memory()
    steppers = {name: stepper(compute) for name, compute in WAYS.items()}
    for step in steppers.values():
        step()
        step()
    rates: dict[str, list[float]] = {name: [] for name in steppers}
    for _ in range(rounds):
        for name, step in steppers.items():
            start = time.perf_counter()
            step()
            rates[name].append(Settings().batch / (time.perf_counter() - start))
    plain = rates[next(iter(rates))]
    print(f"{cpu_name()}, {cores()} cores, torch {torch.__version__}, {rounds} rounds, images a second")
    for name, each in rates.items():
        ratios = [rate / base for rate, base in zip(each, plain, strict=True)]
        print(
            f"{name:32} median {statistics.median(each):5.0f}  range {min(each):5.0f} to {max(each):5.0f}  "
            f"ratio to plain: median {statistics.median(ratios):.2f}, range {min(ratios):.2f} to {max(ratios):.2f}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)

"""How long a run would take, from a few of its steps: for recipes too long to run to the end on this machine.

An extrapolation is never a record: it says nothing of accuracy, and its seconds are those of a few steps, scaled.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from bench.training.api import EVALUATION_BATCH, Training, accuracy


class Extrapolation(NamedTuple):
    """Seconds of a run on the airbench clock, as far as a few steps tell. `sampled` of `steps` steps were taken."""

    prepare: float
    train: float
    final_evaluate: float
    steps: int
    sampled: int

    @property
    def total(self) -> float:
        """Seconds from the first to the last phase of the clock."""
        return self.prepare + self.train + self.final_evaluate


def extrapolate(trainer: Training, samples: int = 3) -> Extrapolation:
    """Take `samples` steps in each stage of the run (after one that is not counted), and a batch of the evaluation.

    The median step of a stage stands for all steps up to the next. The evaluation is taken to look at every image in
    all views, which is an upper bound where a recipe looks at some of them less often.
    """

    def seconds(work: Callable[[], object]) -> float:
        trainer.compute.synchronise()
        start = time.perf_counter()
        work()
        trainer.compute.synchronise()
        return time.perf_counter() - start

    trainer.warm_up()
    with trainer.flags():
        optimiser = trainer.fresh(0)
        start = time.perf_counter()
        batches = trainer.prepare(trainer.generator)
        trainer.compute.synchronise()
        prepare = time.perf_counter() - start

        steps, train, sampled = trainer.steps(len(batches)), 0.0, 0
        edges = [math.ceil(share * steps) for share in trainer.stages] + [steps]
        trainer.network.train()
        batches.draw()
        for first, last in pairwise(edges):
            if first == last:
                continue

            def step(at: int = first) -> None:
                batches.rewind()
                trainer.step(batches, optimiser, at, steps)

            step()
            train += (last - first) * statistics.median(seconds(step) for _ in range(samples))
            sampled += samples
        return Extrapolation(prepare, train, _evaluation(trainer, seconds), steps, sampled)


def _evaluation(trainer: Training, seconds: Callable[[Callable[[], object]], float]) -> float:
    """Seconds of the final evaluation, from one batch of it in one view."""
    images, labels = trainer.test_images[:EVALUATION_BATCH], trainer.test_labels[:EVALUATION_BATCH]
    trainer.network.eval()

    def look() -> None:
        with trainer.compute.autocast():
            accuracy(trainer.way.look, images, labels, trainer.views[:1])

    look()
    return seconds(look) * len(trainer.views) * len(trainer.test_labels) / len(labels)

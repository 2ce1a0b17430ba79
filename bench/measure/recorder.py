"""Listens to one run and makes its record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from bench.measure.clock import Clock
from bench.measure.progress import Progress
from bench.record.documents import Evaluation, Phase, PhaseName
from bench.training.events import Diverged


@dataclass
class Recorder:
    """The Events of one run: keeps what will be in the record and passes the rest on to the progress line.

    What another process timed on the same clock comes by `entered`, `left` and `noted`.
    """

    clock: Clock
    progress: Progress
    evaluations: list[Evaluation] = field(default_factory=list)
    last_loss: float | None = None
    steps: int = 0
    images: int = 0
    _inside: tuple[PhaseName, float | None, float] | None = None

    @contextmanager
    def phase(self, name: PhaseName, epoch: float | None = None) -> Iterator[None]:
        """See Events."""
        self.progress.phase(name)
        with self.clock.phase(name, epoch):
            yield

    def entered(self, name: PhaseName, epoch: float | None, start: float) -> None:
        """Another process began a phase at `start`, in seconds after the anchor."""
        self._inside = name, epoch, start
        self.progress.phase(name)

    def left(self, phase: Phase) -> None:
        """Another process ended the phase."""
        self._inside = None
        self.clock.phases.append(phase)

    def broken_off(self) -> None:
        """The other process says no more: the phase it was in ends here, unsynchronised."""
        if self._inside:
            name, epoch, start = self._inside
            stop = max(start, self.clock.now())
            self.left(Phase(name=name, start=start, stop=stop, epoch=epoch, synchronised=False))

    def stepped(self, step: int, steps: int, images: int) -> None:
        """See Events."""
        self.steps, self.images = step, self.images + images
        self.progress.stepped(step, steps)

    def loss(self, mean: float) -> None:
        """See Events."""
        if not math.isfinite(mean):
            raise Diverged(f"the loss is {mean} after step {self.steps}")
        self.last_loss = mean

    def evaluated(self, epoch: float, accuracy: float, views: int, *, final: bool) -> None:
        """See Events."""
        self.noted(Evaluation(epoch=epoch, accuracy=accuracy, views=views, at=self.clock.now(), final=final))

    def noted(self, evaluation: Evaluation) -> None:
        """An evaluation with its time."""
        self.evaluations.append(evaluation)
        self.progress.evaluated(evaluation.epoch, evaluation.accuracy)

    def fields(self) -> dict[str, Any]:
        """The part of a run record that was heard."""
        return {
            "anchor": self.clock.anchor,
            "phases": tuple(self.clock.phases),
            "evaluations": tuple(self.evaluations),
            "loss": self.last_loss,
            "steps": self.steps,
            "images": self.images,
        }

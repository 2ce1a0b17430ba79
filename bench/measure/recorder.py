"""Listens to one run and makes its record."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.measure.clock import Clock
from bench.measure.progress import Progress
from bench.record.documents import Evaluation, PhaseName
from bench.training.events import Diverged


@dataclass
class Recorder:
    """The Events of one run: keeps what will be in the record and passes the rest on to the progress line."""

    clock: Clock
    progress: Progress
    evaluations: list[Evaluation] = field(default_factory=list)
    last_loss: float | None = None
    steps: int = 0
    images: int = 0

    @contextmanager
    def phase(self, name: PhaseName, epoch: float | None = None) -> Iterator[None]:
        """See Events."""
        self.progress.phase(name)
        with self.clock.phase(name, epoch):
            yield

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
        self.evaluations.append(
            Evaluation(epoch=epoch, accuracy=accuracy, views=views, at=self.clock.now(), final=final)
        )
        self.progress.evaluated(epoch, accuracy)

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


def in_words(error: BaseException) -> str:
    """The first line of an error as UTF-8 can say it, without the name of the user's home folder in it."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0].encode(errors="replace").decode()
    return line.replace(str(Path.home()), "~")[:500]

"""One run while it is measured: its clock, the recorder of what the recipe reports, and why it failed."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import torch

from bench.measure.progress import Progress
from bench.programs.redaction import Redaction
from bench.record.documents import Evaluation, Phase, PhaseName, Reason
from bench.training.events import Diverged, is_out_of_memory

_NCCL_SAYS = "Last error:"


class Clock:
    """Phases in seconds since `anchor`. `synchronise` waits for the device; it may raise, for a device lost.

    With `since` (a reading of `time.perf_counter`) the anchor lies there, in the past: a cold start.
    """

    def __init__(self, synchronise: Callable[[], None], since: float | None = None) -> None:
        self._synchronise = synchronise
        now = time.perf_counter()
        self._zero = now if since is None else since
        self.anchor = datetime.now(UTC) - timedelta(seconds=now - self._zero)
        self.phases: list[Phase] = []

    @property
    def zero(self) -> float:
        """The anchor as a reading of `time.perf_counter`, which is the same clock in every process of a machine."""
        return self._zero

    def now(self) -> float:
        """Seconds since the anchor."""
        return time.perf_counter() - self._zero

    def add(self, name: PhaseName, start: float, stop: float) -> None:
        """A phase that was timed elsewhere, on this clock."""
        self.phases.append(Phase(name=name, start=start, stop=stop))

    @contextmanager
    def phase(self, name: PhaseName, epoch: float | None = None) -> Iterator[None]:
        """Time a phase. An interrupted one is kept too, marked as not synchronised where that failed."""
        self._synchronise()
        start, finished = self.now(), False
        try:
            yield
            self._synchronise()
            finished = True
        finally:
            phase = Phase(name=name, start=start, stop=self.now(), epoch=epoch, synchronised=finished)
            self.phases.append(phase)

    def drift(self) -> float:
        """How many seconds the wall clock moved against the monotonic one since the anchor."""
        return (datetime.now(UTC) - self.anchor).total_seconds() - self.now()

    def warnings(self) -> list[str]:
        """A warning where that is more than a second."""
        drift = self.drift()
        return [f"the wall clock moved by {drift:+.1f} s against the monotonic one"] if abs(drift) > 1 else []


@dataclass
class Recorder:
    """The Events of one run: keeps what will be in the record and passes the rest on to the progress line.

    What another process timed on the same clock comes by `phase_started`, `phase_ended` and `add_evaluation`.
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

    def phase_started(self, name: PhaseName, epoch: float | None, start: float) -> None:
        """Another process began a phase at `start`, in seconds after the anchor."""
        self._inside = name, epoch, start
        self.progress.phase(name)

    def phase_ended(self, phase: Phase) -> None:
        """Another process ended the phase."""
        self._inside = None
        self.clock.phases.append(phase)

    def end_open_phase(self) -> None:
        """The other process says no more: the phase it was in ends here, unsynchronised."""
        if self._inside:
            name, epoch, start = self._inside
            stop = max(start, self.clock.now())
            self.phase_ended(Phase(name=name, start=start, stop=stop, epoch=epoch, synchronised=False))

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
        self.add_evaluation(
            Evaluation(epoch=epoch, metrics={"accuracy": accuracy}, views=views, at=self.clock.now(), final=final)
        )

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """An evaluation with its time."""
        self.evaluations.append(evaluation)
        self.progress.evaluated(evaluation.epoch or 0.0, evaluation.metrics["accuracy"])

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


def explain(error: Exception, batch: int | None = None) -> tuple[Reason, str]:
    """The reason and the message of a failed run. `batch` is the number of images a step was to see, where known.

    Call it inside the `except` block: memory that the failed step held still counts as in use there.
    """
    if isinstance(error, Diverged):
        return "DIVERGED", str(error)
    if is_out_of_memory(error):
        return "OOM", f"{_needed(batch)}{first_line(error)}"
    return "ERROR", f"{type(error).__name__}: {first_line(error)}"


def _needed(batch: int | None) -> str:
    parts = [f"batch of {batch}"] if batch else []
    if torch.cuda.is_initialized():
        parts.append(f"{torch.cuda.memory_allocated() / 2**30:.3g} GiB already in use by this process")
    return f"{', '.join(parts)}: " if parts else ""


def first_line(error: BaseException) -> str:
    """The first line of an error as a record may hold it: without secrets, and names of user, folder and host.

    Of NCCL's the one that says why, such as a /dev/shm that is too small: what comes before it are kind and place.
    """
    lines = (str(error).strip() or type(error).__name__).splitlines()
    said = lines[lines.index(_NCCL_SAYS) + 1 :] if _NCCL_SAYS in lines else []
    return Redaction(os.environ).text((said or lines)[0])[:500]

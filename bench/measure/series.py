"""A series of runs in one process: interleaved when several recipes are named, each recorded as it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

from bench.measure.clock import Clock
from bench.measure.environment import cores, cpu_name, describe
from bench.measure.gpu import Gpu
from bench.measure.interrupt import Interrupted, Interrupts
from bench.measure.progress import Progress
from bench.measure.recorder import Recorder, in_words
from bench.recipes import Recipe, Trainer
from bench.record.documents import (
    Device,
    Environment,
    PhaseName,
    Reason,
    RecipeRef,
    Run,
    Series,
    Status,
    Target,
)
from bench.record.ids import new_id
from bench.record.policy import DEFAULT_POLICY, policy_seconds
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.events import Diverged


@dataclass
class Measurement:
    """What all runs of one process share.

    `early` holds what happened in the process before its first run, as (phase, start, stop) on
    `time.perf_counter`: it becomes part of the first run's record, which is thereby a cold start.
    """

    data: Cifar10
    compute: Compute
    progress: Progress
    interrupts: Interrupts
    lease_id: str | None = None
    target: float | None = None
    early: list[tuple[PhaseName, float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        cuda = self.compute.is_cuda
        self.gpu = Gpu(str(torch.cuda.get_device_properties(self.compute.device).uuid)) if cuda else None
        # Read now: the files of a checkout can change while it trains.
        self.environment = self._environment()
        self.sources: dict[str, str] = {}
        self.trainers: dict[str, Trainer] = {}

    def runs(self, recipes: Sequence[Recipe], n: int, first_seed: int) -> Iterator[Run]:
        """`n` runs of each recipe, round by round, with seeds `first_seed`, `first_seed` + 1, …

        Ends early, after the record of the broken run, when a signal asks for it.
        """
        series_id = new_id()
        self.sources = {recipe.name: recipe.source_sha256() for recipe in recipes}
        for index in range(n):
            for recipe in recipes:
                series = Series(id=series_id, index=index, planned=n)
                run = self._run(recipe, first_seed + index, series)
                yield run
                if self.interrupts.received:
                    return

    def _run(self, recipe: Recipe, seed: int, series: Series) -> Run:
        began = self.early[0][1] if self.early else None
        clock = Clock(self.compute.synchronise, since=began)
        if began is not None:
            for name, start, stop in self.early:
                clock.add(name, start - began, stop - began)
        self.early = []
        recorder = Recorder(clock, self.progress)
        self.progress.begin(f"{recipe.name} seed {seed} [{series.index + 1}/{series.planned}]")
        energy, warnings = self._energy(), self._warnings()
        if began is not None:  # later the load is our own
            warnings += _load()
        status, reason, message = self._attempt(recipe, seed, recorder)
        run = Run(
            recipe=RecipeRef(name=recipe.name, source_sha256=self.sources[recipe.name]),
            seed=seed,
            target=Target(at_least=self.target or recipe.target, dataset=self.data.name),
            series=series,
            lease_id=self.lease_id,
            status=status,
            reason=reason,
            message=message,
            cold=began is not None,
            device=self._device(self.trainers.get(recipe.name)),
            energy_joules=_difference(self._energy(), energy),
            environment=self.environment,
            warnings=tuple(dict.fromkeys([*warnings, *self._warnings(), *_drift(clock)])),
            **recorder.fields(),
        )
        self.progress.end(outcome(run))
        return run

    def _attempt(self, recipe: Recipe, seed: int, recorder: Recorder) -> tuple[Status, Reason | None, str | None]:
        """Train, and say how it ended. A failure is an outcome: what was measured before it is kept."""
        try:
            with self.interrupts.armed():
                self._trainer(recipe, recorder).run(seed, recorder)
        except Interrupted as signal:
            return "interrupted", "USER", f"stopped by {signal}"
        except Diverged as error:
            return "failed", "DIVERGED", str(error)
        except (torch.OutOfMemoryError, MemoryError) as error:
            return "failed", "OOM", in_words(error)
        except Exception as error:
            out_of_memory = "can't allocate memory" in str(error)  # torch's CPU allocator raises RuntimeError
            return "failed", "OOM" if out_of_memory else "ERROR", f"{type(error).__name__}: {in_words(error)}"
        return "completed", None, None

    def _trainer(self, recipe: Recipe, recorder: Recorder) -> Trainer:
        """The recipe made ready: built and warmed up once a process, in the record of the run that needed it."""
        if recipe.name not in self.trainers:
            with recorder.phase("build"):
                trainer = recipe.build(self.data, self.compute)
            with recorder.phase("warmup"):
                trainer.warm_up()
            self.trainers[recipe.name] = trainer
        return self.trainers[recipe.name]

    def _device(self, trainer: Trainer | None) -> Device:
        compute = trainer.compute if trainer else self.compute
        return Device(
            kind="cuda" if compute.is_cuda else "cpu",
            name=self._name(),
            count=1 if compute.is_cuda else cores(),
            precision=str(compute.precision).removeprefix("torch."),
            path=compute.path,
            convolution="winograd" if compute.winograd else "direct",
        )

    def _name(self) -> str:
        return torch.cuda.get_device_name(self.compute.device) if self.compute.is_cuda else cpu_name()

    def _environment(self) -> Environment:
        if self.gpu is None:
            return describe()
        return describe(self._name(), self.gpu.driver, torch.version.cuda)

    def _energy(self) -> float | None:
        return self.gpu.energy_joules() if self.gpu else None

    def _warnings(self) -> list[str]:
        return self.gpu.warnings() if self.gpu else []


def outcome(run: Run) -> str:
    """How a run ended, in a line."""
    if run.status != "completed":
        return f"{run.status} ({run.reason}): {run.message}"
    seconds = policy_seconds(run, DEFAULT_POLICY)
    verdict = "hit" if run.hit else "missed"
    time_said = "unknown time" if seconds is None else f"{seconds:.3g} s"
    assert run.final_accuracy is not None
    return f"{run.final_accuracy:.2%} in {time_said} ({DEFAULT_POLICY} clock), {verdict} {run.target.at_least:.1%}"


def _difference(after: float | None, before: float | None) -> float | None:
    return None if after is None or before is None else after - before


def _load() -> list[str]:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return [f"load average {load:.1f} before the run: others use this machine"] if load > 0.5 else []


def _drift(clock: Clock) -> list[str]:
    drift = clock.drift()
    return [f"the wall clock moved by {drift:+.1f} s against the monotonic one"] if abs(drift) > 1 else []

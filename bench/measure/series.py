"""A series of runs in one process: interleaved when several recipes are named, each recorded as it ends."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import product

import torch

from bench.errors import BenchError
from bench.host import cores
from bench.measure.distributed import Processes, Timeouts, WorkerFailed
from bench.measure.environment import Gpu, Meter, describe, load_warnings
from bench.measure.machine import MemoryMeter, fingerprint, fingerprints, rates_text, slowest
from bench.measure.progress import Progress, outcome
from bench.measure.recorder import Clock, Recorder, explain
from bench.measure.recording import Interrupted, Interrupts, Runs
from bench.programs.host import cpu_name, gpu_ids, host_id
from bench.recipes import Recipe, Trainer
from bench.record.documents import (
    Device,
    Environment,
    Fingerprint,
    Machine,
    PhaseName,
    Reason,
    RecipeRef,
    Run,
    Series,
    Status,
    Target,
    new_id,
)
from bench.text import plural
from bench.training.api import Cifar10, Compute, Training
from bench.training.events import is_out_of_memory


@dataclass
class Measurement:
    """What all runs of one call share.

    With `gpus` above 1 each recipe trains in as many processes, and none of it happens in this one.

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
    gpus: int = 1
    timeouts: Timeouts | None = None  # of several processes; None: the device's

    def __post_init__(self) -> None:
        used = range(self.gpus) if self.gpus > 1 else [self.compute.device]
        properties = [torch.cuda.get_device_properties(each) for each in used] if self.compute.is_cuda else []
        self.gpu = [Gpu(str(each.uuid)) for each in properties]
        self.machine = Machine(host=host_id(), gpus=gpu_ids(str(each.uuid) for each in properties))
        self.notes: list[str] = []  # of the machine, for the record of each run
        # Read now: the files of a checkout can change while it trains.
        self.environment = self._environment()
        self.sources: dict[str, str] = {}
        self.trainers: dict[str, Trainer | Processes] = {}

    def take_fingerprint(self) -> None:
        """Measure what the machine can do, off every clock: each of several GPUs, the processor as one.

        Where that fails it is without rates, and the record of each run says why.
        """
        self.progress.begin("fingerprint of the machine")
        began = time.perf_counter()
        of_each: list[Fingerprint] = []
        try:
            if self.gpus > 1 and self.compute.is_cuda:
                of_each = fingerprints(self.gpus, self._interrupted)
                taken = slowest(of_each)
            else:
                taken = fingerprint(self.compute, next(iter(self.gpu), None), self._interrupted)
        except Exception as error:  # what keeps a machine from training is told by the run that follows
            taken = Fingerprint(seconds=time.perf_counter() - began)
            self.notes.append(f"no fingerprint of the machine: {explain(error)[1]}")
        self.machine = self.machine.model_copy(update={"fingerprint": taken, "gpu_fingerprints": tuple(of_each)})
        self._give_back()
        self.progress.end(rates_text(taken))
        # A cold start is as long as it was without: what came before it moves up to what follows.
        pause = time.perf_counter() - began
        self.early = [(name, start + pause, stop + pause) for name, start, stop in self.early]

    def _interrupted(self) -> bool:
        return self.interrupts.received is not None

    def runs(
        self,
        recipes: Sequence[Recipe],
        n: int,
        first_seed: int,
        series_id: str | None = None,
        earlier: Sequence[Run] = (),
    ) -> Runs:
        """`n` runs of each recipe, round by round, with seeds `first_seed`, `first_seed` + 1, …

        Of a series that is resumed, the `earlier` runs of the same sources are not repeated, unless they were
        interrupted. Ends early, after the record of the broken run, when a signal asks for it.

        Raises BenchError, after the record of a failed run, where the GPU answers this process no more: CUDA gives a
        process that met a fault on the device no second chance, so every further run would fail for the first one's
        reason.
        """
        self.sources = {recipe.name: recipe.source_sha256() for recipe in recipes}
        finished = {
            (run.recipe.name, run.recipe.source, run.seed)
            for run in earlier
            if run.status != "interrupted" and run.recipe
        }
        missing = [
            (recipe, index)
            for index, recipe in product(range(n), recipes)
            if (recipe.name, self.sources[recipe.name], first_seed + index) not in finished
        ]
        if series_id:
            asked = n * len(recipes)
            self.progress.note(f"--resume: {asked - len(missing)} of {plural(asked, 'run')} already in the store")
        series_id = series_id or new_id()
        try:
            for made, (recipe, index) in enumerate(missing, 1):
                run = self._run(recipe, first_seed + index, Series(id=series_id, index=index, planned=n))
                yield run
                if self.interrupts.received:
                    return len(missing) - made
                if run.status == "failed" and not self._answers():
                    left = plural(len(missing) - made, "run")
                    raise BenchError(
                        f"the GPU no longer responds to this process: {left} not executed; start them again"
                    )
            return 0
        finally:
            self._release(*(recipe.name for recipe in recipes))

    def _run(self, recipe: Recipe, seed: int, series: Series) -> Run:
        process_start = self.early[0][1] if self.early else None
        # With several processes the first of them waits for its GPU; this one has none in use.
        clock = Clock(self.compute.synchronise if self.gpus == 1 else lambda: None, since=process_start)
        for name, start, stop in self.early:
            clock.add(name, start - clock.zero, stop - clock.zero)
        self.early = []
        recorder = Recorder(clock, self.progress)
        self.progress.begin(f"{recipe.name} seed {seed} [{series.index + 1}/{series.planned}]")
        meter, warnings = Meter(self.gpu), [*self.notes, *self._warnings()]
        if process_start is not None:  # later the load is our own
            warnings += load_warnings()
        memory = MemoryMeter(self.compute, self._pids())
        status, reason, message = self._attempt(recipe, seed, recorder, meter, memory)
        # What is released below must not be held by a name here.
        warnings += [*_notes(self.trainers.get(recipe.name)), *meter.warnings, *self._warnings(), *clock.warnings()]
        run = Run(
            recipe=RecipeRef(name=recipe.name, version=recipe.version, source_sha256=self.sources[recipe.name]),
            seed=seed,
            target=Target(at_least=self.target or recipe.target, dataset=self.data.name),
            series=series,
            lease_id=self.lease_id,
            status=status,
            reason=reason,
            message=message,
            cold=process_start is not None,
            device=self._device(recipe),
            energy_joules=meter.joules,
            environment=self.environment,
            machine=self.machine,
            peak_memory=memory.peak(self._pids()),
            warnings=tuple(dict.fromkeys(warnings)),
            **recorder.fields(),
        )
        if status == "failed":
            self._release(recipe.name)
        self.progress.end(outcome(run))
        return run

    def _attempt(
        self, recipe: Recipe, seed: int, recorder: Recorder, meter: Meter, memory: MemoryMeter
    ) -> tuple[Status, Reason | None, str | None]:
        """Train, and say how it ended. A failure is an outcome: what was measured before it is kept."""
        try:
            with self.interrupts.armed():
                trainer = self._trainer(recipe, recorder)
                memory.forget_gpu()
                with meter:  # to make it ready is no part of the run's energy
                    trainer.run(seed, recorder)
        except Interrupted as signal:
            return "interrupted", "USER", f"stopped by {signal}"
        except WorkerFailed as error:
            return "failed", error.reason, str(error)
        except Exception as error:
            return "failed", *explain(error, getattr(self.trainers.get(recipe.name), "batch", None))
        return "completed", None, None

    def _trainer(self, recipe: Recipe, recorder: Recorder) -> Trainer | Processes:
        """The recipe made ready: built and warmed up once, in the record of the run that needed it."""
        if recipe.name not in self.trainers:
            with recorder.phase("build"):
                self._with_room(recipe, lambda: self._built(recipe))
            with recorder.phase("warmup"):
                self._with_room(recipe, lambda: self._built(recipe).warm_up())
                self._give_back()  # of the ways that were tried and not taken
        return self.trainers[recipe.name]

    def _with_room(self, recipe: Recipe, work: Callable[[], object]) -> object:
        """Do `work`. Where the GPU has no room for it beside others that are ready, they are made ready anew later."""
        try:
            return work()
        except Exception as error:
            if not self.trainers.keys() - {recipe.name} or not is_out_of_memory(error):
                raise
        # Not inside `except`: the error would keep the memory of what was tried.
        self.progress.note(f"the GPU has no room for {recipe.name} beside others, which are made ready anew later")
        self._release(*self.trainers)
        return work()

    def _built(self, recipe: Recipe) -> Trainer | Processes:
        if recipe.name not in self.trainers:
            if self.gpus > 1:
                self.trainers[recipe.name] = Processes(recipe, self.data, self.compute, self.gpus, self.timeouts)
            else:  # compiled libraries are imported here, and an exception in their midst aborts the process
                with self.interrupts.held_back():
                    self.trainers[recipe.name] = recipe.build(self.data, self.compute)
        return self.trainers[recipe.name]

    def _release(self, *recipes: str) -> None:
        """Forget their trainers, give their memory back and end their processes: the next run of each starts afresh."""
        for recipe in recipes:
            trainer = self.trainers.pop(recipe, None)
            if isinstance(trainer, Processes):
                trainer.stop()
            del trainer
        self._give_back()

    def _give_back(self) -> None:
        """Give the GPU back what nothing holds any more."""
        gc.collect()
        if torch.cuda.is_initialized() and self._answers():
            torch.cuda.empty_cache()

    def _answers(self) -> bool:
        """Whether the device still does what this process asks of it. Of several processes each has its own."""
        try:
            if self.gpus == 1:
                self.compute.synchronise()
        except RuntimeError:  # CUDA's are of this kind
            return False
        return True

    def _device(self, recipe: Recipe) -> Device:
        trainer = self.trainers.get(recipe.name)
        compute = trainer.compute if trainer else self.compute
        return Device(
            kind="cuda" if compute.is_cuda else "cpu",
            name=self._name(),
            count=self.gpus if compute.is_cuda else cores(),
            precision=str(compute.precision).removeprefix("torch."),
            path=compute.path,
            convolution="winograd" if compute.winograd else "direct",
            compared=trainer.compared if isinstance(trainer, Training) else {},
        )

    def _name(self) -> str:
        return torch.cuda.get_device_name(self.compute.device) if self.compute.is_cuda else cpu_name()

    def _environment(self) -> Environment:
        if not self.gpu:
            return describe()
        return describe(self._name(), self.gpu[0].driver, torch.version.cuda, self._cudnn())

    def _cudnn(self) -> int | None:
        """cuDNN's version. Where torch objects to it, be it for another GPU here, what it says is a note."""
        try:
            version: int | None = torch.backends.cudnn.version()
        except RuntimeError as error:
            self.notes.append(f"torch on its cuDNN: {explain(error)[1]}")
            return None
        return version

    def _warnings(self) -> list[str]:
        return [warning for each in self.gpu for warning in each.warnings(self._pids())]

    def _pids(self) -> list[int]:
        return [pid for each in self.trainers.values() if isinstance(each, Processes) for pid in each.pids]


def _notes(trainer: Trainer | Processes | None) -> list[str]:
    return trainer.notes if isinstance(trainer, Training) else []

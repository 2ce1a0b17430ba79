"""The document of a run: one training from scratch, by a recipe or by a program of one's own, and how it ended."""

from __future__ import annotations

import csv
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from bench.record.base import Document, MetricTarget, Part, Phase, Target, Utc, time_of
from bench.record.run_parts import Cleanup, Ended, Machine, PeakMemory, Program, StepProgress

Status = Literal["completed", "failed", "interrupted"]
# DIVERGED: the loss was no longer a number.
# TIMEOUT: not over in the time that it was given.
Reason = Literal["OOM", "CAPACITY", "QUOTA", "PREEMPTED", "USER", "DIVERGED", "TIMEOUT", "ERROR"]
# captured: whole steps are CUDA graphs, of what is compiled or not. graphs: the network alone, in records of before.
ExecutionPath = Literal["eager", "compiled", "captured", "compiled-captured", "graphs"]


class Evaluation(Part):
    """Metrics measured once. A recipe's is `accuracy`: the share of the test images that it classified right, 0..1."""

    epoch: float | None = Field(None, ge=0, description="epochs trained when it was measured")
    step: int | None = Field(None, ge=0, description="the program's own absolute step")
    metrics: dict[str, float] = Field(min_length=1, max_length=100)
    views: int = Field(1, ge=1, description="views averaged for each image (TTA); 1 is none")
    at: float = Field(description="seconds after the anchor at which it was known")
    final: bool = False


class RecipeRef(Part):
    """Which training program ran: its name, its version, and the SHA-256 of the source that defines it."""

    name: str = Field(min_length=1)
    version: int = Field(1, ge=1, description="raised where what it trains or tests becomes another thing")
    source_sha256: str

    @property
    def source(self) -> str:
        """The source's hash, comparable with those of all other records."""
        return comparable(self.source_sha256)

    @property
    def label(self) -> str:
        """See `recipe_label`."""
        return recipe_label(self.name, self.version)


def recipe_label(recipe: str, version: int) -> str:
    """The recipe's name, from its second version on with that: runs of two versions are never counted together."""
    return recipe if version == 1 else f"{recipe} v{version}"


class Series(Part):
    """The runs asked for in one call. Their number is fixed before the first one starts."""

    id: str
    index: int = Field(ge=0, description="position of this run, from 0")
    planned: int = Field(ge=1, description="runs asked for of this recipe")

    @model_validator(mode="after")
    def _planned(self) -> Series:
        if self.index >= self.planned:
            raise ValueError(f"run {self.index} of {self.planned}: more than were planned")
        return self


class Device(Part):
    """What the run computed on, and how; null where only the program itself knows."""

    kind: Literal["cpu", "cuda"]
    name: str = Field(description="the processor's or the GPU's own name for itself")
    count: int = Field(1, ge=1, description="GPUs, or processors used")
    precision: str | None = Field(None, description="the type of the heavy arithmetic: float16, bfloat16, float32")
    path: ExecutionPath | None = None
    convolution: Literal["direct", "winograd"] | None = Field(
        "direct", description="the algorithm of the 3x3 convolutions"
    )
    compared: dict[str, float] = Field(
        default_factory=dict, description="seconds a step of each way that was tried before the first run"
    )

    @property
    def alike(self) -> str:
        """A text that is the same for devices that compute alike: all but `compared`, which each process measures."""
        return self.model_dump_json(exclude={"compared"})


class Environment(Part):
    """The software and the machine. No host name, user name or path goes in here."""

    bench: str
    python: str
    os: str
    cpu: str
    cores: int = Field(description="processors that it can keep busy: by its affinity, and its quota rounded down")
    cpu_quota: float | None = Field(
        None, gt=0, description="seconds of processor time a second that its cgroup leaves it; null: no limit known"
    )
    memory_bytes: int | None = Field(None, description="of the machine, or less where its cgroup has a limit")
    torch: str | None = None
    cuda: str | None = None
    cudnn: str | None = None
    triton: str | None = None
    driver: str | None = None
    gpu: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    image_digest: str | None = None


class Run(Document):
    """One training, by one recipe or one program with one seed."""

    schema_version: Literal[1, 2, 3] = 3  # type: ignore[assignment]  # the version of this kind went on alone
    kind: Literal["run"] = "run"
    recipe: RecipeRef | None = None
    program: Program | None = None
    seed: int = Field(ge=0, lt=2**63)
    target: Target | MetricTarget | None = Field(description="null: a program that was run to its end")
    series: Series
    lease_id: str | None = None
    status: Status
    reason: Reason | None = Field(None, description="why it did not complete")
    message: str | None = Field(None, description="the error, in words")
    ended: Ended | None = Field(None, description="how a program came to its end, by itself or stopped by bench")
    cleanup: Cleanup | None = Field(None, description="what became of the processes that a program left behind")
    resumed_from: int | None = Field(None, ge=1, description="the step that a program went on from, where it shows it")
    anchor: Utc
    cold: bool = Field(False, description="the phases begin at the start of the process")
    phases: tuple[Phase, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    loss: float | None = Field(None, description="mean training loss per image at the last step read")
    progress: StepProgress | None = Field(None, description="the steps that a program showed")
    steps: int | None = Field(0, ge=0, description="optimiser steps taken")
    images: int | None = Field(0, ge=0, description="training images seen, repeats counted")
    device: Device
    energy_joules: float | None = Field(None, ge=0, description="of its GPUs; without what made a recipe ready")
    environment: Environment
    machine: Machine | None = Field(None, description="null: not asked, as before version 3")
    peak_memory: PeakMemory | None = None
    warnings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Run:
        if (self.status == "completed") != (self.reason is None):
            raise ValueError("a run has a reason exactly when it did not complete")
        if (self.recipe is None) == (self.program is None):
            raise ValueError("a run is of a recipe or of a program")
        if self.status == "completed" and self.recipe and not any(e.final for e in self.evaluations):
            raise ValueError("a completed run has a final evaluation")
        if self.recipe and self.target is None:
            raise ValueError("a recipe has a target")
        if self.recipe and not all(0 <= e.metrics.get("accuracy", -1) <= 1 for e in self.evaluations):
            raise ValueError("an evaluation of a recipe is one of its accuracy, 0..1")
        return self

    @model_validator(mode="after")
    def _in_order(self) -> Run:
        if any(later.start < earlier.stop for earlier, later in pairwise(self.phases)):
            raise ValueError("phases overlap or are out of order")
        if any(later.at < earlier.at or earlier.final for earlier, later in pairwise(self.evaluations)):
            raise ValueError("evaluations are out of order, or one follows the final one")
        if self.phases and self.evaluations and self.evaluations[0].at < self.phases[0].start:
            raise ValueError("an evaluation lies before the first phase")
        return self

    @property
    def device_name(self) -> str:
        """The device's own name; a processor's with the quota beside it, which makes it another machine."""
        quota = self.environment.cpu_quota
        if self.device.kind == "cuda" or quota is None:
            return self.device.name
        return f"{self.device.name}, quota {quota:g}"

    @property
    def valid(self) -> bool:
        """False where a clock was read while the device was still at work."""
        return False not in [phase.synchronised for phase in self.phases]  # asked often: no generator

    @property
    def label(self) -> str:
        """What ran: the recipe's name with its version, or the program's."""
        if self.recipe:
            return self.recipe.label
        assert self.program
        return self.program.name

    @property
    def source(self) -> str:
        """The hash of what ran, comparable with those of all other records: a recipe's source, a program's command."""
        if self.recipe:
            return self.recipe.source
        assert self.program
        return self.program.command_sha256

    @property
    def metric(self) -> str | None:
        """The name of what the target is about; None without one."""
        return self.target.metric if self.target else None

    @property
    def final_value(self) -> float | None:
        """The target's metric at the end; None where the run did not get there, or has no target."""
        return next((e.metrics.get(self.metric) for e in self.evaluations if e.final and self.metric), None)

    @property
    def first_hit(self) -> Evaluation | None:
        """The first evaluation at the target; None where there is none."""
        if self.target is None:
            return None
        values = ((e, e.metrics.get(self.target.metric)) for e in self.evaluations)
        return next((e for e, value in values if value is not None and self.target.reached(value)), None)

    @property
    def hit(self) -> bool:
        """Whether the run reached what it was to reach; one that did not complete missed.

        A recipe is at its target at the end, a program at some evaluation; a program without a target came to its end.
        """
        if self.status != "completed":
            return False
        if self.program:
            return self.ended == "exited" if self.target is None else self.first_hit is not None
        final = self.final_value
        return self.target is not None and final is not None and self.target.reached(final)

    def key(self) -> str:
        """`v1/runs/2026/11/22/<id>.json`, by the UTC day in the id."""
        return run_key(self.id)


def run_key(run_id: str) -> str:
    """The key of a run's record."""
    return f"v1/runs/{time_of(run_id):%Y/%m/%d}/{run_id}.json"


def comparable(source_sha256: str) -> str:
    """The hash of a recipe's source as it is taken today, over what the recipe depends on (bench.recipes.source).

    Before November 2026 it was taken over whole files. sources.csv holds both hashes of every source of that time,
    computed from git by benchmarks/source_hashes.py. The hash of a source never committed is not there, and stays.
    """
    return _by_files().get(source_sha256, source_sha256)


@cache
def _by_files() -> dict[str, str]:
    with Path(__file__).with_name("sources.csv").open(newline="") as lines:
        return {row["files_sha256"]: row["source_sha256"] for row in csv.DictReader(lines)}

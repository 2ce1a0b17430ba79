"""The document of a run: one training from scratch, and how it ended."""

from __future__ import annotations

import csv
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from bench.record.base import Document, Part, Phase, Target, Utc, time_of

Status = Literal["completed", "failed", "interrupted"]
# DIVERGED: the loss was no longer a number.
Reason = Literal["OOM", "CAPACITY", "QUOTA", "PREEMPTED", "USER", "DIVERGED", "ERROR"]
ExecutionPath = Literal["eager", "compiled", "graphs"]


class Evaluation(Part):
    """The accuracy measured on the whole test set once."""

    epoch: float = Field(ge=0, description="epochs trained when it was measured")
    accuracy: float = Field(ge=0, le=1, description="share of images classified right")
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
    """What the recipe computed on, and how."""

    kind: Literal["cpu", "cuda"]
    name: str = Field(description="the processor's or the GPU's own name for itself")
    count: int = Field(1, ge=1, description="GPUs, or processors used")
    precision: str = Field(description="the type of the heavy arithmetic: float16, bfloat16, float32")
    path: ExecutionPath
    convolution: Literal["direct", "winograd"] = Field("direct", description="the algorithm of the 3x3 convolutions")


class Environment(Part):
    """The software and the machine. No host name, user name or path goes in here."""

    bench: str
    python: str
    os: str
    cpu: str
    cores: int
    memory_bytes: int | None = None
    torch: str | None = None
    cuda: str | None = None
    driver: str | None = None
    gpu: str | None = None
    git_commit: str | None = None
    git_dirty: bool | None = None
    image_digest: str | None = None


class Run(Document):
    """One training from scratch, by one recipe with one seed."""

    kind: Literal["run"] = "run"
    recipe: RecipeRef
    seed: int = Field(ge=0, lt=2**63)
    target: Target
    series: Series
    lease_id: str | None = None
    status: Status
    reason: Reason | None = Field(None, description="why it did not complete")
    message: str | None = Field(None, description="the error, in words")
    anchor: Utc
    cold: bool = Field(False, description="the phases begin at the start of the process")
    phases: tuple[Phase, ...] = ()
    evaluations: tuple[Evaluation, ...] = ()
    loss: float | None = Field(None, description="mean training loss per image at the last step read")
    steps: int = Field(0, ge=0, description="optimiser steps taken")
    images: int = Field(0, ge=0, description="training images seen, repeats counted")
    device: Device
    energy_joules: float | None = Field(None, ge=0)
    environment: Environment
    warnings: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Run:
        if (self.status == "completed") != (self.reason is None):
            raise ValueError("a run has a reason exactly when it did not complete")
        if self.status == "completed" and not any(e.final for e in self.evaluations):
            raise ValueError("a completed run has a final evaluation")
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
    def valid(self) -> bool:
        """False where a clock was read while the device was still at work."""
        return False not in [phase.synchronised for phase in self.phases]  # asked often: no generator

    @property
    def final_accuracy(self) -> float | None:
        """Share of test images right at the end; None where the run did not get there."""
        return next((e.accuracy for e in self.evaluations if e.final), None)

    @property
    def hit(self) -> bool:
        """Whether the finished run reached its target at the end. A run that did not complete missed."""
        final = self.final_accuracy
        return self.status == "completed" and final is not None and final >= self.target.at_least

    def key(self) -> str:
        """`v1/runs/2026/11/22/<id>.json`, by the UTC day in the id."""
        return f"v1/runs/{time_of(self.id):%Y/%m/%d}/{self.id}.json"


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

"""The document of a run, one training from scratch and how it ended, and its time by each clock policy.

A policy says which phases of a run count as "the time". All are computed from the same record.

| policy    | counts                                              | stops at                              |
|-----------|-----------------------------------------------------|---------------------------------------|
| dawnbench | prepare, train                                      | first epoch evaluated at the target   |
| airbench  | prepare, train, final_evaluate                      | the end                               |
| mlperf    | prepare, train, evaluate, final_evaluate            | first evaluation at the target        |
| cold      | everything since the process began, gaps included   | the final accuracy                    |

`lease`, what a person pays for, is a property of the lease and not of a run.
"""

from __future__ import annotations

import csv
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

from pydantic import Field, model_validator

from bench.record.base import Document, Part, Phase, PhaseName, Target, Utc, time_of

Status = Literal["completed", "failed", "interrupted"]
# DIVERGED: the loss was no longer a number.
Reason = Literal["OOM", "CAPACITY", "QUOTA", "PREEMPTED", "USER", "DIVERGED", "ERROR"]
ExecutionPath = Literal["eager", "compiled", "graphs"]

Policy = Literal["airbench", "dawnbench", "mlperf", "cold"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
DEFAULT_POLICY: Policy = "airbench"

# What each clock counts, by phase; `cold` counts everything.
COUNTED: dict[Policy, frozenset[PhaseName]] = {
    "airbench": frozenset({"prepare", "train", "final_evaluate"}),
    "dawnbench": frozenset({"prepare", "train"}),
    "mlperf": frozenset({"prepare", "train", "evaluate", "final_evaluate"}),
}


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
    cores: int = Field(description="processors that it can keep busy: by its affinity, and its quota rounded down")
    cpu_quota: float | None = Field(
        None, gt=0, description="seconds of processor time a second that its cgroup leaves it; null: no limit known"
    )
    memory_bytes: int | None = Field(None, description="of the machine, or less where its cgroup has a limit")
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
    def device_name(self) -> str:
        """The device's own name; a processor's with the quota beside it, which makes it another machine."""
        quota = self.environment.cpu_quota
        return (
            self.device.name if self.device.kind == "cuda" or quota is None else f"{self.device.name}, quota {quota:g}"
        )

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


def first_hit(run: Run) -> Evaluation | None:
    """The first evaluation at or above the target; None where there is none."""
    return next((e for e in run.evaluations if e.accuracy >= run.target.at_least), None)


def fell_back(run: Run) -> bool:
    """Whether the run crossed its target and ended below it."""
    final = run.final_accuracy
    return first_hit(run) is not None and final is not None and final < run.target.at_least


def policy_seconds(run: Run, policy: Policy) -> float | None:
    """The run's time in seconds under `policy`; None where that policy has no answer for this run.

    `dawnbench` and `mlperf` have none for a run that never reached its target, `cold` for a run that was
    not the first of its process, and all of them for a run that did not complete or was not synchronised.
    """
    if run.status != "completed" or not run.valid:
        return None
    if policy == "cold":
        final = next((e.at for e in run.evaluations if e.final), None)
        return final - run.phases[0].start if run.cold and run.phases and final is not None else None
    counted = [phase for phase in run.phases if phase.name in COUNTED[policy]]
    if policy != "airbench":
        hit = first_hit(run)
        if hit is None:
            return None
        counted = [phase for phase in counted if phase.start < hit.at]
    return sum(phase.seconds for phase in counted)


def attempt_seconds(run: Run, policy: Policy) -> float | None:
    """Seconds that `run` used under `policy`, up to its end.

    A run that hit its target used its policy time. Any other used every counted phase up to its end, failed
    and interrupted runs included: nothing for a run that broke off before its first counted phase. `cold`
    counts from the start of the process to the end of the last phase.

    None where the time is unknown: a completed run that was not synchronised, and under `cold` a run that
    was not the first of its process.
    """
    if run.status == "completed" and not run.valid:
        return None
    if run.hit:
        return policy_seconds(run, policy)
    if policy == "cold":
        if not run.cold:
            return None
        return run.phases[-1].stop - run.phases[0].start if run.phases else 0.0
    return sum(phase.seconds for phase in run.phases if phase.name in COUNTED[policy])

"""The documents `bench` writes: a run, a lease opened, a lease closed, an entry published elsewhere.

They are immutable, versioned and checksummed.

Each is one JSON file. Times inside a run are seconds on the monotonic clock, counted from `anchor`, the one
UTC instant a run holds. Unknown is null, never 0.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    field_validator,
    model_validator,
)

from bench.record.ids import derived_id, new_id, time_of

# Version history: raise the number with any change of meaning or shape, and keep reading the old ones.
# 1  2026-11-22  first version: run, lease-opened, lease-closed. Not released yet; since then only added to:
#                published.
SCHEMA_VERSION: Final = 1

PhaseName = Literal[
    "provision", "setup", "pull", "data", "build", "warmup", "prepare", "train", "evaluate",
    "final_evaluate", "upload", "idle",
]  # fmt: skip
Status = Literal["completed", "failed", "interrupted"]
# DIVERGED: the loss was no longer a number.
Reason = Literal["OOM", "CAPACITY", "QUOTA", "PREEMPTED", "USER", "DIVERGED", "ERROR"]
PricingCategory = Literal["Standard", "Dynamic", "Committed"]  # FOCUS's words: on-demand, spot, reserved
PriceUnit = Literal["machine-hour", "gpu-hour"]
ExecutionPath = Literal["eager", "compiled", "graphs"]


def _in_utc(instant: datetime) -> datetime:
    if instant.utcoffset() != timedelta(0):
        raise ValueError("not in UTC")
    return instant


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc), Field(description="an instant, UTC")]
# Money is text in JSON: a double cannot hold 0.10.
Money = Annotated[Decimal, Field(ge=0, allow_inf_nan=False), PlainSerializer(str, when_used="json")]


class Part(BaseModel):
    """A piece of a document: frozen, and nothing unknown is let in."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Phase(Part):
    """A named stretch of a run. `start` and `stop` are seconds after the run's anchor."""

    name: PhaseName
    start: float
    stop: float
    epoch: float | None = Field(None, description="epochs finished when the phase ended, where it has one")
    synchronised: bool = Field(True, description="the device had finished its work at both edges")

    @model_validator(mode="after")
    def _ordered(self) -> Phase:
        if self.stop < self.start:
            raise ValueError(f"phase {self.name} stops at {self.stop} s, before it starts at {self.start} s")
        return self


class Evaluation(Part):
    """The accuracy measured on the whole test set once."""

    epoch: float = Field(ge=0, description="epochs trained when it was measured")
    accuracy: float = Field(ge=0, le=1, description="share of images classified right")
    views: int = Field(1, ge=1, description="views averaged for each image (TTA); 1 is none")
    at: float = Field(description="seconds after the anchor at which it was known")
    final: bool = False


class Target(Part):
    """The quality to reach."""

    metric: Literal["accuracy"] = "accuracy"
    at_least: float = Field(gt=0, le=1)
    dataset: str = "cifar10"


class RecipeRef(Part):
    """Which training program ran: its name and the SHA-256 of the source that defines it."""

    name: str = Field(min_length=1)
    source_sha256: str


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


class Document(Part):
    """What every stored document has."""

    schema_version: Literal[1] = SCHEMA_VERSION
    id: str = Field(default_factory=new_id)

    @field_validator("id")
    @classmethod
    def _sorts_by_time(cls, value: str) -> str:
        time_of(value)
        return value

    def key(self) -> str:
        """Where the document lies in a store, below its root."""
        raise NotImplementedError


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
        return all(phase.synchronised for phase in self.phases)

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


class Price(Part):
    """What one hour of a machine (or of one GPU) costs, as known when the lease began."""

    amount: Money
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")
    unit: PriceUnit = "machine-hour"
    pricing_category: PricingCategory = "Standard"
    source: str = Field(min_length=1)
    seen: date = Field(description="the day the price was read")


class Accelerators(Part):
    """The accelerators of a machine."""

    name: str
    count: int = Field(ge=1)


class LeaseOpened(Document):
    """A machine, from the moment it is paid for. `id` is the lease's id."""

    kind: Literal["lease-opened"] = "lease-opened"
    provider: str = Field(description="aws, gcp, lambda, …; own for a machine nobody bills")
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    accelerators: Accelerators | None = None
    price: Price | None = Field(None, description="null: unknown")
    started: Utc
    started_source: Literal["provider", "boot", "process"] = "process"
    phases: tuple[Phase, ...] = Field((), description="before the first run; seconds after `started`")
    tags: dict[str, str] = Field(default_factory=dict)

    def key(self) -> str:
        """`v1/leases/<id>/opened.json`."""
        return f"v1/leases/{self.id}/opened.json"


class LeaseClosed(Document):
    """The same machine given back. `id` is the lease's id."""

    kind: Literal["lease-closed"] = "lease-closed"
    stopped: Utc
    reason: Literal["finished", "failed", "interrupted"] = "finished"

    def key(self) -> str:
        """`v1/leases/<id>/closed.json`."""
        return f"v1/leases/{self.id}/closed.json"


class CurvePoint(Part):
    """One line of a published training log."""

    epoch: float = Field(ge=0, description="as published: counted from 0 or from 1, or with a fraction")
    seconds: float = Field(ge=0, description="on the entry's own clock")
    accuracy: float = Field(ge=0, le=1)


class Published(Document):
    """One training as its author published it: the author's clock, and the price of that day.

    `id` follows from `submitted` and `source_file`, so that an entry read twice is the same record.
    """

    kind: Literal["published"] = "published"
    source: str = Field(min_length=1, description="the collection that the entry comes from")
    source_file: str = Field(min_length=1, description="the entry's file in that collection")
    author: str
    model: str
    framework: str
    hardware: str = Field(description="free text")
    submitted: date
    target: Target
    time_to_target_s: float | None = Field(None, ge=0, description="null: the target was never reached")
    epoch_at_target: float | None = Field(None, ge=0, description="numbered as the entry numbers them")
    accuracy_at_target: float | None = Field(None, ge=0, le=1)
    best_accuracy: float = Field(ge=0, le=1)
    cost_per_hour: Money | None = None
    cost: Money | None = Field(None, description="of the time to the target")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO 4217")
    code_url: str | None = None
    curve: tuple[CurvePoint, ...] = Field((), description="the log, where the entry has one")

    @model_validator(mode="after")
    def _one_id(self) -> Published:
        if self.id != derived_id(self.submitted, self.source_file):
            raise ValueError("the id is not that of the day and the file; see bench.record.ids.derived_id")
        return self

    @model_validator(mode="after")
    def _reached(self) -> Published:
        reached = (self.time_to_target_s, self.epoch_at_target, self.accuracy_at_target)
        if len({value is None for value in reached}) > 1:
            raise ValueError("time, epoch and accuracy at the target are known together or not at all")
        found = self.accuracy_at_target
        if found is not None and not self.target.at_least <= found <= self.best_accuracy:
            raise ValueError("the accuracy at the target lies below the target or above the best one")
        return self

    @model_validator(mode="after")
    def _follows_its_curve(self) -> Published:
        if any(later.seconds < earlier.seconds for earlier, later in pairwise(self.curve)):
            raise ValueError("the curve goes back in time")
        hit = next((point for point in self.curve if point.accuracy >= self.target.at_least), None)
        if self.curve and self.time_to_target_s != (hit.seconds if hit else None):
            raise ValueError("the time to the target is not that of the curve")
        return self

    def key(self) -> str:
        """`v1/published/<id>.json`."""
        return f"v1/published/{self.id}.json"


AnyDocument = Annotated[Run | LeaseOpened | LeaseClosed | Published, Field(discriminator="kind")]


def utc_now() -> datetime:
    """Now, UTC, with its zone."""
    return datetime.now(UTC)


def content_of(document: Document) -> dict[str, Any]:
    """The document as plain JSON content, without its checksum."""
    return document.model_dump(mode="json")

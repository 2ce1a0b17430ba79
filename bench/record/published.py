"""The document of an entry that others published: one training on its author's clock."""

from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from bench.record.base import Document, Money, Part, Target, derived_id


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
            raise ValueError("the id is not that of the day and the file; see bench.record.documents.derived_id")
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

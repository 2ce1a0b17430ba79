"""Parts that several kinds of document share: the phase and the target."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from bench.record.base import Part

PhaseName = Literal[
    "provision", "setup", "pull", "data", "build", "warmup", "prepare", "train", "evaluate",
    "final_evaluate", "upload", "idle",
]  # fmt: skip


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


class Target(Part):
    """The quality to reach."""

    metric: Literal["accuracy"] = "accuracy"
    at_least: float = Field(gt=0, le=1)
    dataset: str = "cifar10"

"""The parts of a run's record about its machine and, where it ran a program of one's own, about that program."""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

from pydantic import Field, model_validator

from bench.record.base import Part

_HASH = r"^[0-9a-f]{16}$"


class Fingerprint(Part):
    """What the machine did just before a series, off every clock. Of several GPUs it is the slowest that is told."""

    seconds: float = Field(ge=0, description="how long it took")
    matmul_tflops: float | None = Field(None, ge=0, description="10^12 operations a second of a matrix product")
    matmul_precision: str | None = Field(None, description="the type of its numbers")
    copy_gb_per_s: float | None = Field(None, ge=0, description="10^9 bytes a second read and written by a copy")
    sm_mhz: float | None = Field(None, ge=0, description="the GPU's clock under the matrix product, MHz")
    temperature_c: float | None = Field(None, description="of the GPU after it, degrees Celsius")
    power_w: float | None = Field(None, ge=0, description="of the GPU under it, W")


class Machine(Part):
    """Which machine ran it, by hashes: equal ones are the same machine, and none can be turned back into a name."""

    host: str | None = Field(None, pattern=_HASH, description="16 digits of a SHA-256 of the host's own number")
    gpus: tuple[str, ...] = Field((), description="the same of each GPU that took part")
    fingerprint: Fingerprint | None = Field(None, description="null: none was taken; of several GPUs the slowest's")
    gpu_fingerprints: tuple[Fingerprint, ...] = Field(
        (), description="of each GPU, in torch's order, all taken at once; none where one took part"
    )


class PeakMemory(Part):
    """The most memory that a run held, bytes; null where the system does not say."""

    host: int | None = Field(None, ge=0, description="of the processes, resident")
    gpu: int | None = Field(None, ge=0, description="that torch's allocator took from the GPU, free parts included")


Ended = Literal["exited", "sampled", "target", "timeout"]
Cleanup = Literal["clean", "terminated", "killed", "left"]
MOST_POINTS = 500


class Program(Part):
    """The command that ran, secrets struck out of it, and the state of the folder that it ran in."""

    name: str = Field(min_length=1)
    argv: tuple[str, ...] = Field(min_length=1, description="as given, with {seed} where the seed goes")
    command_sha256: str = Field(pattern="^[0-9a-f]{64}$", description="over argv, a NUL between two words")
    git_commit: str | None = None
    git_dirty: bool | None = None
    task_sha256: str | None = Field(None, description="of the task file of a sweep")


class StepSeconds(Part):
    """Seconds a step, over `n` stretches that were long enough to be timed."""

    p10: float = Field(ge=0)
    p50: float = Field(ge=0)
    p90: float = Field(ge=0)
    n: int = Field(ge=1)


class StepProgress(Part):
    """The steps that a program showed. Points are (seconds after the anchor, absolute step)."""

    source: str = Field(description="which form of output they were read in")
    target_source: str | None = Field(None, description="the same of the target's metric")
    unit: str = Field("step", description="what is counted")
    first_step: int = Field(ge=0)
    last_step: int = Field(ge=0)
    total_steps: int | None = Field(None, ge=1)
    total_source: Literal["option", "program"] | None = Field(None, description="who said the total")
    contradicted_by: int | None = Field(None, description="what the program showed against the total of the option")
    step_seconds: StepSeconds | None = None
    points: tuple[tuple[float, int], ...] = Field(min_length=1, max_length=MOST_POINTS)

    @model_validator(mode="after")
    def _in_order(self) -> StepProgress:
        if any(after <= before or late < early for (early, before), (late, after) in pairwise(self.points)):
            raise ValueError("points are out of order")
        return self

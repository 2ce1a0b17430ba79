"""The parts of a run's record about the very machine: which it is, what it did before the series, and its memory."""

from __future__ import annotations

from pydantic import Field

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
    fingerprint: Fingerprint | None = Field(None, description="null: none was taken")


class PeakMemory(Part):
    """The most memory that a run held, bytes; null where the system does not say."""

    host: int | None = Field(None, ge=0, description="of the processes, resident")
    gpu: int | None = Field(None, ge=0, description="of the GPU that held most, by torch's allocator")

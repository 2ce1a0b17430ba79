"""What training reaches of a GPU's peak speed, by the data sheets in `peaks.csv`.

    TFLOP a second = peak of the GPU x share of the peak that is reached

What these recipes reach of the peak is taken from their published times, on V100 and A100: 29 to 37 % since 2018-11, 13
and 25 % on one GPU before, 9 % on eight. So 30 % is expected and 9 % is the least. The networks are small: their layers
wait for memory more than for arithmetic, and a GPU whose memory is slower for its arithmetic than that of an A100 is
taken to reach less, in proportion.
"""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from bench.billing import exactly

EXPECTED, LEAST = 0.30, 0.09
_REFERENCE = "A100"


class Peak(NamedTuple):
    """A GPU's data sheet: TFLOP/s in half precision (tensor cores, dense) and float32, and memory in TB/s.

    `source` is the vendor's page, and `read` says how its figures came here.
    """

    gpu: str
    half: float
    float32: float
    memory: float
    source: str
    read: str


class Speed(NamedTuple):
    """TFLOP/s that training reaches: expected, and at least."""

    expected: float
    least: float


@cache
def peaks() -> tuple[Peak, ...]:
    """Every GPU in `peaks.csv`. The file is read at the first call."""
    text = files("bench.sweep.planning").joinpath("peaks.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return tuple(
        Peak(row["gpu"], float(row["half"]), float(row["float32"]), float(row["memory"]), row["source"], row["read"])
        for row in rows
    )


def peak(gpu: str) -> Peak | None:
    """The data sheet of `gpu`; of several variants with that name, the slowest. None: there is none."""
    asked = exactly(gpu)
    forms = [(exactly(row.gpu), row) for row in peaks()]
    fitting = [
        (form, row)
        for form, row in forms
        if form.model == asked.model and asked.traits <= (form.traits or asked.traits)
    ]
    # A variant with more memory is the same chip: V100-32GB is a V100.
    same = [row for form, row in fitting if form.memory_gb == asked.memory_gb] or [row for _, row in fitting]
    return min(same, key=lambda row: row.half, default=None)


def speed(gpu: str, *, half: bool) -> Speed | None:
    """The TFLOP/s reached on `gpu`, in half precision or float32; None without its data sheet."""
    sheet, reference = peak(gpu), peak(_REFERENCE)
    if sheet is None or reference is None:
        return None
    top = sheet.half if half else sheet.float32
    fed = min(1.0, (sheet.memory / top) / (reference.memory / reference.half))
    return Speed(EXPECTED * top * fed, LEAST * top * fed)

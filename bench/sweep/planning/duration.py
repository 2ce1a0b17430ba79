"""How long a cell will take: measured from records, otherwise extrapolated or assumed, and which of these.

    provision + set-up + for each recipe (start + runs x a run)

Every duration has what is expected and an upper bound. What was measured is expected at its median, and bounded by the
most that was seen; the assumptions stand below. An extrapolation is from a GPU's peak speed, data in `peaks.csv`:

    seconds of a run = TFLOP of the recipe / (peak of the GPU x share of the peak that is reached)

What these recipes reach of the peak is taken from their published times, on V100 and A100: 29 to 37 % since 2018-11, 13
and 25 % on one GPU before, 9 % on eight. So 30 % is expected and 9 % is the least. The networks are small: their layers
wait for memory more than for arithmetic, and a GPU whose memory is slower for its arithmetic than that of an A100 is
taken to reach less, in proportion.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from bench.billing import exactly
from bench.recipes import find
from bench.sweep.planning.history import History, Sample

EXPECTED, LEAST = 0.30, 0.09
_REFERENCE = "A100"

Basis = Literal["measured", "sampled", "extrapolated", "assumed"]


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


@dataclass(frozen=True)
class Duration:
    """Seconds: the expected value, the upper bound, and how they are known; `n` is the number of measurements."""

    expected: float
    upper: float
    basis: Basis
    n: int = 0

    @property
    def words(self) -> str:
        """Such as "measured, n = 5"."""
        return f"{self.basis}, n = {self.n}" if self.n else self.basis


# Assumed until a lease of the provider is in the records: nobody measured them.
PROVISION = Duration(120, 600, "assumed")
SETUP = Duration(300, 1200, "assumed")
# Imports, loading and compilation; the warm-up run on a GPU comes on top.
START = Duration(120, 600, "assumed")


@dataclass(frozen=True)
class RecipeTime:
    """The time of one recipe in a cell: its start, which is paid once, and each of its runs."""

    recipe: str
    start: Duration
    run: Duration


@dataclass(frozen=True)
class CellTime:
    """The time of a cell from requesting the machine until it is gone, up to `idle_s` of it without work."""

    provision: Duration
    setup: Duration
    recipes: tuple[RecipeTime, ...]
    runs: int
    idle_s: float = 0.0

    @property
    def expected(self) -> float:
        """The total, in seconds."""
        work = sum(recipe.start.expected + self.runs * recipe.run.expected for recipe in self.recipes)
        return self.provision.expected + self.setup.expected + work

    @property
    def upper(self) -> float:
        """The upper bound, s."""
        work = sum(recipe.start.upper + self.runs * recipe.run.upper for recipe in self.recipes)
        return self.provision.upper + self.setup.upper + work + self.idle_s

    @property
    def basis(self) -> str:
        """How the runs' time is known: "measured, n = 5", "extrapolated", or how many recipes each."""
        words = [recipe.run.words for recipe in self.recipes]
        if len(set(words)) == 1:
            return words[0]
        measured = sum(recipe.run.basis == "measured" for recipe in self.recipes)
        return f"{measured} of {len(words)} measured"


def time_of_cell(
    recipes: Sequence[str], runs: int, gpu: str, ranks: int, provider: str, history: History, idle_s: float = 0.0
) -> CellTime | str:
    """The time of `runs` of each of `recipes` on `ranks` of that GPU, or why it is unknown."""
    times = []
    for recipe in recipes:
        run = time_of_run(recipe, gpu, ranks, history)
        if run is None:
            return f"no record of {recipe} on {gpu}, and nothing to extrapolate from"
        times.append(RecipeTime(recipe, _start(recipe, gpu, ranks, run, history), run))
    return CellTime(
        measured(history.provision(provider)) or PROVISION,
        measured(history.setup(provider)) or SETUP,
        tuple(times),
        runs,
        idle_s,
    )


def time_of_run(recipe: str, gpu: str, ranks: int, history: History) -> Duration | None:
    """Seconds of one run on the airbench clock; None with neither a record nor a data sheet."""
    if seen := measured(history.run(recipe, gpu, ranks)):
        return seen
    known = find(recipe)
    reached = speed(gpu, half=known.half)
    tflop = known.tflop_parallel if ranks > 1 and known.tflop_parallel else known.tflop
    if reached is None or tflop is None:
        return None
    return Duration(tflop / (ranks * reached.expected), tflop / (ranks * reached.least), "extrapolated")


def _start(recipe: str, gpu: str, ranks: int, run: Duration, history: History) -> Duration:
    return measured(history.start(recipe, gpu, ranks)) or Duration(
        START.expected + run.expected, START.upper + run.upper, "assumed"
    )


def measured(sample: Sample | None) -> Duration | None:
    """The measurements as a duration: the median, and the maximum as bound; None if there are none."""
    return sample and Duration(sample.median, sample.most, "measured", sample.n)

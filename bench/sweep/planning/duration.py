"""How long a cell will take: measured from records, otherwise extrapolated or assumed, and which of these.

    provision + set-up + for each recipe (start + runs x a run)

Every duration has what is expected and an upper bound. What was measured is expected at its median, and bounded by the
most that was seen; the assumptions stand below. An extrapolation is from the speed that a GPU reaches (`peaks.py`):

    seconds of a run = TFLOP of the recipe / TFLOP a second
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from bench.billing import exactly
from bench.errors import RecordError
from bench.recipes import find
from bench.record.documents import LeaseOpened, PhaseName, recipe_label
from bench.store import Store, read_documents
from bench.sweep.planning.peaks import speed

_COLUMNS = (
    "run_id",
    "recipe",
    "dataset",
    "target",
    "hit",
    "device_kind",
    "device",
    "device_count",
    "airbench_s",
    "cold_s",
)
Basis = Literal["measured", "sampled", "extrapolated", "assumed"]
_SETUP: tuple[PhaseName, ...] = ("setup", "pull", "data")


class Sample(NamedTuple):
    """Seconds measured `n` times: their median and maximum."""

    n: int
    median: float
    most: float


class HitRate(NamedTuple):
    """How many of the recorded runs hit. `elsewhere`: on other machines, since there are no runs on this one."""

    hits: int
    runs: int
    elsewhere: bool


@dataclass(frozen=True)
class ProgramTime:
    """What `runs` of one task say about it on `count` of one GPU. Seconds; None: unknown.

    `least_step` and `most_step` are the ends of an interval of `step`; without one, for too few steps, `slow_step` is
    that of which a tenth were slower. `whole` are the runs to the end among them.
    """

    task_sha256: str
    gpu: str
    count: int
    runs: int
    start_up: float
    step: float
    least_step: float | None = None
    most_step: float | None = None
    slow_step: float | None = None
    total_steps: int | None = None
    whole: Sample | None = None


@dataclass(frozen=True)
class History:
    """Runs as rows (of `_COLUMNS`), the leases of machines, and the measurements of the user's program."""

    runs: Sequence[dict[str, Any]] = ()
    leases: Sequence[LeaseOpened] = ()
    programs: Sequence[ProgramTime] = ()

    def run(self, recipe: str, gpu: str, ranks: int) -> Sample | None:
        """Seconds of a run on the airbench clock, on exactly this GPU."""
        return _sample(row["airbench_s"] for row in self._on(recipe, gpu, ranks))

    def start(self, recipe: str, gpu: str, ranks: int) -> Sample | None:
        """Additional seconds of the first run of a process: imports, loading, compilation, warm-up."""
        rows = self._on(recipe, gpu, ranks)
        return _sample(
            row["cold_s"] - row["airbench_s"] for row in rows if None not in (row["cold_s"], row["airbench_s"])
        )

    def hit_rate(self, recipe: str, gpu: str | None, ranks: int) -> HitRate | None:
        """Hits among all attempts at the recipe's own target; None without attempts."""
        target = find(recipe).target
        everywhere = [
            row for row in self.runs if (row["recipe"], row["dataset"], row["target"]) == (recipe, "cifar10", target)
        ]
        here = [row for row in everywhere if gpu is not None and _ran_on(row, gpu, ranks)]
        counted = here or everywhere
        return HitRate(sum(row["hit"] for row in counted), len(counted), elsewhere=not here) if counted else None

    def provision(self, provider: str) -> Sample | None:
        """Seconds from requesting a machine until one can log in."""
        return self._phases(provider, lambda name: name == "provision")

    def setup(self, provider: str) -> Sample | None:
        """Seconds from then to the first run: setting up, pulling the image, fetching the data."""
        return self._phases(provider, lambda name: name in _SETUP)

    def _on(self, recipe: str, gpu: str, ranks: int) -> list[dict[str, Any]]:
        return [row for row in self.runs if row["recipe"] == recipe and _ran_on(row, gpu, ranks)]

    def _phases(self, provider: str, counts: Callable[[PhaseName], bool]) -> Sample | None:
        durations = [
            [phase.seconds for phase in lease.phases if counts(phase.name)]
            for lease in self.leases
            if lease.provider.casefold() == provider.casefold()
        ]
        return _sample(sum(seconds) for seconds in durations if seconds)


def usual_folders() -> list[str]:
    """The default folders of records: those of `results` and `results/local` that exist."""
    return [folder for folder in ("results", "results/local") if Path(folder, "v1").is_dir()]


def read_history(stores: Iterable[Store], recipes: Sequence[str]) -> tuple[History, list[RecordError]]:
    """The history of `recipes` in all `stores`, each record counted once, and the records that cannot be trusted.

    Those that differ between two stores are among these; the first store's counts.
    """
    # Here, as `bench run` imports this module and needs neither.
    import pyarrow as pa
    import pyarrow.compute as pc

    from bench.store.compact import read_tables

    # Runs of other versions of a recipe are a different training.
    names = {recipe_label(name, find(name).version): name for name in recipes}
    runs: dict[str, dict[str, Any]] = {}
    stores = list(stores)
    tables, unreadable = read_tables(stores)
    for table in tables:
        rows = table.select(_COLUMNS).filter(pc.is_in(table["recipe"], pa.array(list(names), pa.string())))
        runs = {row["run_id"]: row | {"recipe": names[row["recipe"]]} for row in rows.to_pylist()} | runs
    documents, unread = read_documents(stores, "leases")
    leases = [document for document in documents if isinstance(document, LeaseOpened)]
    return History(list(runs.values()), leases), list({str(error): error for error in [*unreadable, *unread]}.values())


def _ran_on(row: dict[str, Any], gpu: str, ranks: int) -> bool:
    return row["device_kind"] == "cuda" and row["device_count"] == ranks and same_gpu(gpu, row["device"])


def same_gpu(asked_name: str, used_name: str) -> bool:
    """Whether a GPU with the device name `used_name` is the one requested in SkyPilot's notation."""
    asked, used = exactly(asked_name), exactly(used_name)
    return (asked.model, asked.memory_gb) == (used.model, used.memory_gb) and asked.traits <= used.traits


def _sample(seconds: Iterable[float | None]) -> Sample | None:
    known = [length for length in seconds if length is not None]
    return Sample(len(known), statistics.median(known), max(known)) if known else None


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

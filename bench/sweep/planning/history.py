"""Durations and hit rates of past runs, and how long their machines took to be ready: by recipe, GPU and provider."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from bench.billing import exactly
from bench.errors import RecordError
from bench.recipes import find
from bench.record.documents import LeaseOpened, PhaseName, recipe_label
from bench.store import Store, read_documents

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

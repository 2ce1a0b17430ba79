"""Records as a tidy frame: one row per run, one column per fact, units in COLUMNS."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from functools import reduce
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analysis.frames.hosts import one_host
from analysis.frames.like import by_like_rows
from bench.billing import train_cost
from bench.errors import RecordError
from bench.record import flat
from bench.record.documents import (
    COUNTED,
    ONCE,
    AnyDocument,
    LeaseOpened,
    Policy,
    PriceUnit,
    Run,
    comparable,
    of_machine,
)
from bench.store import Store
from bench.store.compact import FILE_SHA256, READ_SCHEMA, in_order, read_tables

# A policy, or the clock of whoever published the runs (analysis.published.runs).
Clock = Policy | Literal["published"]

# What a frame has beside the columns of a flat row.
DERIVED: dict[str, flat.Column] = {
    "program": flat.Column(bool, "a program of one's own, measured from outside, and no recipe"),
    "machine": flat.Column(str, "what computed, such as `Tesla V100` or `8 x` it; cores are counted on a CPU"),
    "instance": flat.Column(str, "provider:instance_type of the lease; missing where it has none"),
    "hourly": flat.Column(Decimal, "what an hour of the whole machine costs, in `currency`; None: unknown"),
    "images_per_second": flat.Column(float, "training images a second of the train phases"),
}
COLUMNS: dict[str, flat.Column] = {**flat.COLUMNS, **DERIVED}

_ROWS = pa.schema([field for field in READ_SCHEMA if field.name != FILE_SHA256])
# Arrow's own strings, and integers that can be missing: nothing is copied or widened.
_PANDAS = {pa.string(): pd.StringDtype("pyarrow"), pa.int64(): pd.Int64Dtype()}


def runs_frame(documents: Iterable[AnyDocument]) -> pd.DataFrame:
    """One row a run, oldest first, with the columns of COLUMNS; leases are joined for their price.

    Documents of other kinds are ignored, and a record that is there twice counts once.
    """
    return tidy(flat.flat(run, lease) for run, lease in runs_and_leases(documents))


def runs_and_leases(documents: Iterable[AnyDocument]) -> list[tuple[Run, LeaseOpened | None]]:
    """The runs, oldest first and each once, with the leases they ran in, where those are among the documents."""
    runs: dict[str, Run] = {}
    leases: dict[str, LeaseOpened] = {}
    for document in documents:
        if isinstance(document, Run):
            runs[document.id] = document
        elif isinstance(document, LeaseOpened):
            leases[document.id] = document
    return [(run, leases.get(run.lease_id or "")) for _, run in sorted(runs.items())]


def tidy(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Flat rows (of bench.record.flat), oldest first, as a frame in that order, with the columns of COLUMNS."""
    return _frame([pa.Table.from_pylist(list(rows), _ROWS)])


def _frame(tables: list[pa.Table]) -> pd.DataFrame:
    """The one of `tables`, which is taken out, with the derived columns.

    What a process does once for all its runs is in each of them, where its records say it.
    """
    table = tables.pop()  # a million runs are not held twice
    # Numbers in one block for each type: a block for each column would be Arrow's own memory, which cannot be written.
    frame: pd.DataFrame = table.to_pandas(types_mapper=_PANDAS.get, date_as_object=True, self_destruct=True)
    del table
    for name, column in flat.COLUMNS.items():
        if column.type is bool and name in frame:
            frame[name] = frame[name].astype(bool)  # an empty one has objects
    # There may be as many as runs: `astype` would sort them, and text would be hashed again for each grouping.
    frame["series_id"] = pd.Categorical.from_codes(*pd.factorize(frame["series_id"]))
    frame["program"] = frame["ended"].notna()
    # A compact layer of before there were programs does not say it: every run was of a recipe, and to an accuracy.
    for name, of_recipes in (("metric", "accuracy"), ("direction", "at least")):
        frame[name] = _with_category(frame[name], of_recipes).where(frame["program"], of_recipes)
    frame["final"] = frame["final"].where(frame["program"], frame["accuracy"])
    frame["source_sha256"] = frame["source_sha256"].map(comparable, na_action="ignore").astype("category")
    frame["machine"] = by_like_rows(frame, ["device_count", "device"], _machine, "category")
    frame["instance"] = by_like_rows(frame, ["provider", "instance_type"], _instance, "category")
    frame["hourly"] = by_like_rows(frame, ["price_amount", "price_unit", "accelerators"], _machine_hourly, object)
    if {"host_id", "gpu_ids"} <= set(frame.columns):
        frame["host_id"] = one_host(frame["host_id"], frame["gpu_ids"])
    _add_what_is_done_once(frame)
    if "images" in frame and "train_s" in frame:
        frame["images_per_second"] = (frame["images"].astype("float64") / frame["train_s"]).where(
            (frame["train_s"] > 0) & (frame["images"] > 0)
        )
    return frame


def _add_what_is_done_once(frame: pd.DataFrame) -> None:
    """Add, to each run that found its data loaded or its network built, what an earlier run of its process took for it.

    Each clock counts it or leaves it out, as it does in the first run. Where no record says it, both are unknown.
    `frame` is sorted by the runs' ids, which is by time.
    """
    own = frame[[f"{phase}_s" for phase in ONCE]].copy()
    unknown = own.isna().to_numpy()
    # Else each run is the only one of its process, or none tells it, and of a million none is looked at.
    if len(frame["series_id"].cat.categories) < len(frame) and unknown.any() and not unknown.all():
        series, recipe = (frame[name].cat.codes.to_numpy() for name in ("series_id", "recipe"))
        process = own["setup_s"].notna().groupby(series).cumsum()
        for names, like in ((["setup_s", "data_s"], [series]), (["build_s", "warmup_s"], [series, recipe])):
            frame[names] = own[names].groupby(like, sort=False).ffill()
        # The first network of a process starts the device as well: the others would seem to be built in no time.
        first = own["build_s"].groupby([series, process], sort=False).transform("first")
        frame["build_s"] = frame["build_s"].where(frame["build_s"].isna() | ~(first > frame["build_s"]), first)
    program, found = frame["program"].to_numpy(), {}
    for position, phase in enumerate(ONCE):
        found[phase] = frame[f"{phase}_s"].to_numpy(copy=True)
        np.subtract(found[phase], own[f"{phase}_s"], out=found[phase], where=~unknown[:, position])
        # A program's runs are a process each, and of what others published its author says what the time holds.
        found[phase][program] = 0.0
    for policy, phases in COUNTED.items():
        for names, added in ((["s", "attempt_s"], phases), (["left_out_s"], set(ONCE) - phases)):
            more = [found[phase] for phase in ONCE if phase in added and found[phase].any()]
            for column in [f"{policy}_{name}" for name in names if more and f"{policy}_{name}" in frame]:
                frame[column] += reduce(np.add, more)


def _with_category(texts: pd.Series, name: str) -> pd.Series:
    """The same, with one category more where it has none of that name."""
    return texts if name in texts.cat.categories else texts.cat.add_categories(name)


def _machine(count: Any, device: Any) -> Any:
    return device if count == 1 else f"{count} x {device}"


def _instance(provider: Any, instance_type: Any) -> Any:
    return None if pd.isna(provider) or pd.isna(instance_type) else f"{provider}:{instance_type}"


def _machine_hourly(amount: str, unit: PriceUnit, accelerators: int) -> Decimal | None:
    if pd.isna(amount):
        return None
    return of_machine(Decimal(amount), unit, None if pd.isna(accelerators) else int(accelerators))


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that count: all but those that completed with a clock read while the device was at work."""
    return _selected(frame, (frame["status"] != "completed") | frame["valid"])


def whole_runs(frame: pd.DataFrame) -> pd.DataFrame:
    """The runs that were to go to their end: all but samples."""
    return _selected(frame, frame["ended"] != "sampled")


def _selected(frame: pd.DataFrame, kept: pd.Series[bool]) -> pd.DataFrame:
    """The rows that are `kept`; where all are, the frame itself: a million rows of all columns take long to copy."""
    return frame if kept.all() else frame[kept]


def clock_of(frame: pd.DataFrame, policy: Policy) -> Clock:
    """The clock that times the like runs of `frame` where `policy` is asked for.

    Published runs have their author's, programs without phases have one.
    """
    if "counts" in frame and len(frame) and frame["counts"].notna().all():
        return "published"
    programs = bool(frame["program"].all())
    return "cold" if programs and frame[f"{policy}_attempt_s"].isna().all() else policy


def target_words(dataset: Any, metric: str, direction: str, target: float) -> str:
    """What a run is held to: so much right of a recipe's data set, a program's metric, or that it comes to its end."""
    if pd.isna(target):
        return "its end"
    return f"{metric} {direction} {target:.6g}" if pd.isna(dataset) else f"{100 * target:.6g} %"


def train_costs(frame: pd.DataFrame, policy: Clock) -> list[Decimal | None]:
    """What each run's time under `policy` cost, in its currency; None: no such time, or no price."""
    return _costs(frame[f"{policy}_s"], frame["hourly"])


def attempt_costs(frame: pd.DataFrame, policy: Clock) -> list[Decimal | None]:
    """What each run used under `policy` cost, however it ended; None: unknown."""
    return _costs(frame[f"{policy}_attempt_s"], frame["hourly"])


def _costs(seconds: pd.Series, hourlies: pd.Series) -> list[Decimal | None]:
    if hourlies.isna().all():  # of a million runs without a price none is looked at
        return [None] * len(seconds)
    known = [None if math.isnan(spent) else spent for spent in seconds.to_numpy(float).tolist()]
    return [train_cost(spent, hourly) for spent, hourly in zip(known, hourlies, strict=True)]


def load(stores: Iterable[Store], *, without: Collection[str] = ()) -> tuple[pd.DataFrame, list[RecordError]]:
    """The runs of all `stores` as a frame (columns of analysis.frames.runs.COLUMNS), oldest first, each run once.

    Columns of `without`, none of which another is derived from but `images_per_second`, are left out: of a million
    runs each takes its time and memory.

    The errors are those of the records that could not be trusted; they are not in the frame. A run or a lease whose
    record differs between two stores is among them too; the first store's counts.
    """
    tables, errors = read_tables(list(stores), without)
    return _frame([_each_once(tables)]), errors


def load_apart(stores: Iterable[Store]) -> tuple[list[pd.DataFrame], list[RecordError]]:
    """Like `load`, with a frame for each store, which has all of that store's runs."""
    tables, errors = read_tables(list(stores))
    return [_frame([_each_once([table])]) for table in tables], errors


def _each_once(tables: list[pa.Table]) -> pa.Table:
    """The rows of all by id; of several of one id the first. It empties `tables`: a million runs are not held twice."""
    table = in_order(pa.concat_tables(tables).unify_dictionaries())
    tables.clear()
    ids = table["run_id"].combine_chunks()
    repeated = pc.equal(ids[1:], ids[:-1])
    if not pc.any(repeated).as_py():
        return table
    return table.filter(pa.concat_arrays([pa.array([True]), pc.invert(repeated)]))

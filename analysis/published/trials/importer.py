"""Imports a file of trials as one record of published runs.

A run without a time or without a value is an attempt that failed; anything else that is not what its column is to hold
refuses the file: runs that are left out would make another mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analysis.published.trials.rows import PHASES, MappedColumn, TrialRow, parse_counts, parse_map, read_rows
from bench.errors import RecordError, UsageError
from bench.record.documents import MetricTarget, PublishedRun, PublishedRuns, first_mistake
from bench.text import one_line


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a file of trials does not say by itself; None: not given. `counts` are the phases that its seconds hold."""

    target: MetricTarget
    counts: str
    name: str | None = None
    author: str | None = None
    source: str | None = None
    hardware: str | None = None
    accelerators: int | None = None


def read_trials(path: Path, pairs: Iterable[str], given: Given) -> PublishedRuns:
    """The runs in `path`, whose columns `pairs` map (see parse_map).

    Raises UsageError for words that do not fit the file, RecordError, naming the line, for a file that cannot be right.
    """
    counts = parse_counts(given.counts)
    if is_share(given.target.metric) and not 0 < given.target.value <= 1:
        raise UsageError(
            f"a target of {given.target.value:g} is not a fraction of 1; write {given.target.metric} >= 0.94"
        )
    rows = read_rows(path)
    columns = parse_map(pairs, list(dict.fromkeys(name for row in rows for name in row.values)))
    if bool(given.hardware) == ("hardware" in columns):
        raise UsageError("the hardware is missing: give either --hardware NAME or --map hardware=COLUMN")
    machines: dict[str, int] = {}
    try:
        return PublishedRuns(
            source=one_line(given.source or path.name),
            source_file=one_line(path.name),
            author=one_line(given.author or "") or None,
            name=one_line(given.name or path.stem),
            hardware=one_line(given.hardware or _one_value(rows, columns["hardware"])),
            accelerators=given.accelerators,
            target=given.target,
            counts=counts,
            runs=tuple(_run(row, columns, given.target, machines) for row in rows),
        )
    except ValidationError as error:
        raise RecordError(f"{path}: {first_mistake(error)}") from error
    except ValueError as error:
        raise RecordError(f"{path}: {error}") from error


def is_share(metric: str) -> bool:
    """Whether a metric is a fraction of 1 by its name: any accuracy."""
    return "acc" in metric.casefold()


def _run(
    row: TrialRow, columns: Mapping[str, MappedColumn], target: MetricTarget, machines: dict[str, int]
) -> PublishedRun:
    try:
        seconds, value = (columns[field].number(row.values) for field in ("seconds", "value"))
        if value is not None and is_share(target.metric) and not 0 <= value <= 1:
            name = columns["value"].name
            raise ValueError(f"{name} {value:g} is not a fraction of 1; for percentages write --map value={name}/100")
        if seconds == 0:
            raise ValueError(f"{columns['seconds'].text} is 0 s; leave it empty where the time is not known")
        phases: dict[Any, float] = {}
        for phase in PHASES:
            if phase in columns and (spent := columns[phase].number(row.values)) is not None:
                phases[phase] = _time(columns[phase], spent)
        return PublishedRun(
            seed=_seed(columns.get("seed"), row.values),
            machine=_machine(columns.get("machine"), row.values, machines),
            completed=seconds is not None and value is not None,
            seconds=None if seconds is None else _time(columns["seconds"], seconds),
            value=value,
            phases=phases,
        )
    except ValidationError as error:
        raise ValueError(f"line {row.line}: {first_mistake(error)}") from error
    except ValueError as error:
        raise ValueError(f"line {row.line}: {error}") from error


def _time(column: MappedColumn, seconds: float) -> float:
    if seconds < 0:
        raise ValueError(f"{column.text} is {seconds:g} s, but a time cannot be negative")
    return seconds


def _seed(column: MappedColumn | None, values: dict[str, Any]) -> int | None:
    number = column.exact(values) if column else None  # a float has no digits beyond 2**53
    if number is None:
        return None
    if number < 0 or number != int(number):
        raise ValueError(f"{number:g} is not a seed")
    return int(number)


def _machine(column: MappedColumn | None, values: dict[str, Any], machines: dict[str, int]) -> int | None:
    """The machine's number: names of hosts go into no record."""
    name = column.said(values) if column else None
    if name is None:
        return None
    return machines.setdefault(str(name), len(machines))


def _one_value(rows: Sequence[TrialRow], column: MappedColumn) -> str:
    found = sorted({one_line(str(value)) for row in rows if (value := column.said(row.values)) is not None})
    if len(found) != 1:
        listed = ", ".join(found[:4]) or "nothing"
        raise ValueError(f"{column.name} must be the same for all runs, not {listed}; import one file for each")
    return found[0]

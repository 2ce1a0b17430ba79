"""A tree of MLPerf Training results, into records of published runs, one a system and benchmark.

`<submitter>/results/<system>/<benchmark>/result_*.txt` are the logs of the runs; `<submitter>/systems/<system>.json`
says what they ran on. `eval_accuracy` keeps that name in the logs where it is a loss: `targets.csv` beside this file
says of a benchmark what it is, and which way it is better; its values are those of MLPerf's own checker of logs,
github.com/mlcommons/logging, in the file of the last column. The target that a log states goes first.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import RecordError, UsageError
from bench.programs.sources.mllog import MARK, entry_of
from bench.record.documents import MetricTarget, Policy, PublishedRun, PublishedRuns, first_mistake
from bench.text import one_line
from bench.tracking import tracked

SOURCE = "MLPerf Training"
RESULTS = "result_*.txt"
CLOCK: Policy = "mlperf"
_COUNTS = ("prepare", "train", "evaluate", "final_evaluate")  # all between run_start and run_stop
_TARGETS = Path(__file__).with_name("targets.csv")
_DIGITS = 3  # of a second: they log milliseconds
_SHOWN = 40  # characters of what is no number
# Of these events the first counts: a log that goes on behind run_stop is of something else.
_EVENTS = ("init_start", "init_stop", "run_start", "run_stop")


@dataclass
class ResultLog:
    """What a result file says. Instants are seconds since 1970; `values` are those of eval_accuracy, in their order."""

    benchmark: str | None = None
    seed: int | None = None
    target: float | None = None
    status: str | None = None
    events: dict[str, float] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    evaluations: list[tuple[float, float]] = field(default_factory=list)

    @property
    def day(self) -> date:
        """The day, UTC, on which the run began."""
        return datetime.fromtimestamp(self.events["run_start"], UTC).date()

    def run(self) -> PublishedRun:
        """The run: run_stop less run_start, what of it was evaluation, and before it the time of initialisation."""
        start, stop = self.events["run_start"], self.events.get("run_stop")
        phases: dict[Any, float] = {}
        if "init_start" in self.events and "init_stop" in self.events:
            phases["build"] = self.events["init_stop"] - self.events["init_start"]
        if stop is not None and self.evaluations:
            phases["evaluate"] = math.fsum(min(end, stop) - begun for begun, end in self.evaluations if begun <= stop)
            phases["train"] = stop - start - phases["evaluate"]
        return PublishedRun(
            seed=self.seed,
            completed=self.status == "success",
            seconds=None if stop is None else round(stop - start, _DIGITS),
            value=self.values[-1] if self.values else None,
            phases={name: round(seconds, _DIGITS) for name, seconds in phases.items()},
        )


def read_result(path: Path) -> ResultLog:
    """The result file `path`. Raises RecordError, with what is wrong with it, where it holds no run of MLPerf."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            log = _read(lines)
    except OSError as error:
        raise RecordError(f"{path.name}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RecordError(f"{path.name}: {error}") from error
    events = log.events
    if "run_start" not in events:
        raise RecordError(f"{path.name}: no {MARK} line with run_start, so it is no result of MLPerf")
    try:
        _ = log.day
    except (ValueError, OverflowError, OSError) as error:
        raise RecordError(f"{path.name}: run_start is on no day of the calendar ({error})") from error
    if log.status == "success" and not log.values:
        raise RecordError(f"{path.name}: the run succeeded, and no eval_accuracy says at what")
    if len(log.metrics) > 1:
        names = one_line(", ".join(sorted(log.metrics)))
        raise RecordError(f"{path.name}: eval_accuracy is of several metrics ({names}), and bench reads one")
    for begun, ended in (("init_start", "init_stop"), ("run_start", "run_stop")):
        if begun in events and events.get(ended, math.inf) < events[begun]:
            raise RecordError(f"{path.name}: {ended} lies before {begun}")
    return log


def _read(lines: Iterable[str]) -> ResultLog:
    log = ResultLog()
    evaluation: float | None = None
    for line in lines:
        entry = entry_of(line)
        if entry is None or "run_stop" in log.events:
            continue
        key, value = entry["key"], entry.get("value")
        if key in _EVENTS:
            log.events.setdefault(key, _at(entry))
        if key == "run_stop":
            metadata = entry.get("metadata")
            log.status = metadata.get("status") if isinstance(metadata, dict) else None
        elif key == "eval_start":
            evaluation = _at(entry)
        elif key == "eval_stop" and evaluation is not None:
            log.evaluations.append((evaluation, max(evaluation, _at(entry))))
            evaluation = None
        elif key == "eval_accuracy":
            log.values.append(_number(key, value))
            metadata = entry.get("metadata")
            log.metrics.add(str(metadata.get("metric")) if isinstance(metadata, dict) else "")
        elif key == "target_accuracy":
            log.target = _number(key, value)
        elif key == "submission_benchmark" and isinstance(value, str):
            log.benchmark = value
        elif key == "seed" and isinstance(value, int) and value >= 0:
            log.seed = value
    if evaluation is not None and "run_stop" in log.events:  # one that ends with the run
        log.evaluations.append((evaluation, max(evaluation, log.events["run_stop"])))
    return log


def _at(entry: dict[str, Any]) -> float:
    return _number("time_ms", entry.get("time_ms")) / 1000


def _number(key: str, value: object) -> float:
    try:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError
    except (ValueError, OverflowError):  # an integer that no double holds
        raise ValueError(f"{key} is no number: {one_line(str(value))[:_SHOWN]!r}") from None
    return float(value)


def read_results(
    folder: Path, *, source: str = SOURCE, target: MetricTarget | None = None
) -> tuple[list[PublishedRuns], list[RecordError]]:
    """The results in `folder` and below it, by their place, and an error for each that cannot be read.

    Of a benchmark one run that cannot be read is enough to refuse it: a mean over the others would be another. `target`
    is for benchmarks that are not known. Raises UsageError where there is no result file.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name a tree with results/<system>/<benchmark>/{RESULTS}")
    groups = sorted({path.absolute().parent for path in folder.rglob(RESULTS)})
    if not groups:
        raise UsageError(f"{folder}: no {RESULTS} in it or below; name a tree with results/<system>/<benchmark>")
    found: list[PublishedRuns] = []
    errors: list[RecordError] = []
    for group in tracked(groups, "results", len(groups)):
        try:
            found.append(read_benchmark(group, source=source, target=target))
        except RecordError as error:
            errors.append(error)
    return found, errors


def read_benchmark(folder: Path, *, source: str = SOURCE, target: MetricTarget | None = None) -> PublishedRuns:
    """The runs in `folder`, of one system and benchmark. Raises RecordError, naming the place and what is wrong."""
    submitter = folder.parents[2]
    place = folder.relative_to(submitter.parent).as_posix()
    try:
        logs = [read_result(path) for path in sorted(folder.glob(RESULTS), key=_number_of)]
        system = _json(submitter / "systems" / f"{folder.parent.name}.json")
        division = _text(system, "division")
        benchmark = one_line(logs[0].benchmark or folder.name)
        return PublishedRuns(
            source=source,
            source_file=one_line(place),
            author=_text(system, "submitter"),
            name=benchmark if division == "closed" else f"{benchmark} ({division})",
            framework=_optional(system, "framework"),
            hardware=_text(system, "accelerator_model_name"),
            availability=_optional(system, "status"),
            accelerators=_count(system, "accelerators_per_node"),
            nodes=_count(system, "number_of_nodes"),
            measured_on=min(log.day for log in logs),
            target=target or target_of(benchmark, logs[0].target),
            counts=_COUNTS,
            clock=CLOCK,
            scaling=_json(folder / "scaling.json").get("scaling_factor")
            if (folder / "scaling.json").exists()
            else None,
            runs=tuple(log.run() for log in logs),
        )
    except ValidationError as error:
        raise RecordError(_skipped(place, first_mistake(error))) from error
    except (RecordError, ValueError, OSError) as error:
        raise RecordError(_skipped(place, str(error))) from error


def target_of(benchmark: str, stated: float | None) -> MetricTarget:
    """What a benchmark is held to, at the value that its log has `stated` where it has.

    Raises ValueError for a benchmark that is not known.
    """
    known = _targets().get(benchmark)
    if known is None:
        raise ValueError(f"which way {benchmark} is better is not known; say it with --target 'METRIC <= VALUE'")
    value = float(known["value"]) if stated is None else stated
    ends = {"at_least": None, "at_most": None, known["direction"]: value}
    return MetricTarget(metric=known["metric"], **ends)


@cache
def _targets() -> dict[str, dict[str, str]]:
    with _TARGETS.open(encoding="utf-8", newline="") as lines:
        return {row["benchmark"]: row for row in csv.DictReader(lines)}


def _number_of(path: Path) -> tuple[int, str]:
    digits = "".join(filter(str.isdecimal, path.stem))
    return int(digits) if digits else 0, path.name


def _json(path: Path) -> dict[str, Any]:
    name = f"{path.parent.name}/{path.name}"
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ValueError(f"{name} cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{name} is no JSON object")
    return content


def _text(system: dict[str, Any], key: str) -> str:
    value = system.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"the system's {key} is missing, or is no text")
    return one_line(value)


def _optional(system: dict[str, Any], key: str) -> str | None:
    value = system.get(key)
    return one_line(value) or None if isinstance(value, str) else None


def _count(system: dict[str, Any], key: str) -> int:
    try:
        count = int(str(system.get(key)))
    except ValueError:
        count = 0
    if count < 1:
        raise ValueError(f"the system's {key} is no count: {system.get(key)!r}")
    return count


def _skipped(place: str, what: str) -> str:
    return f"{one_line(place)}: {one_line(what)}; skipped"

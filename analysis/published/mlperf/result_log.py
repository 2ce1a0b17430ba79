"""The log of one MLPerf run: its `:::MLLOG` lines, with or without other text around them.

`eval_accuracy` keeps that name in the logs where it is a loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any

from bench.errors import RecordError
from bench.programs.sources.mllog import MARK, entry_of
from bench.record.documents import PublishedRun
from bench.text import one_line

_DIGITS = 3  # of a second: they log milliseconds
_SHOWN = 40  # characters of what is no number
# Of these events the first counts: a log that continues after run_stop is about something else.
_EVENTS = ("init_start", "init_stop", "run_start", "run_stop")


@dataclass
class ResultLog:
    """What a result file says. Instants are seconds since 1970; `values` are those of eval_accuracy, in their order.

    `sha256` is that of the whole file.
    """

    benchmark: str | None = None
    seed: int | None = None
    target: float | None = None
    status: str | None = None
    events: dict[str, float] = field(default_factory=dict)
    values: list[float] = field(default_factory=list)
    metrics: set[str] = field(default_factory=set)
    evaluations: list[tuple[float, float]] = field(default_factory=list)
    sha256: str = ""

    @property
    def day(self) -> date:
        """The day, UTC, on which the run began."""
        return datetime.fromtimestamp(self.events["run_start"], UTC).date()

    def run(self) -> PublishedRun:
        """The run: run_stop less run_start, what of it was evaluation, and before it the time of initialisation."""
        start, stop = self.events["run_start"], self.events.get("run_stop")
        value = self.values[-1] if self.values and math.isfinite(self.values[-1]) else None  # not of one that diverged
        phases: dict[Any, float] = {}
        if "init_start" in self.events and "init_stop" in self.events:
            phases["build"] = self.events["init_stop"] - self.events["init_start"]
        if stop is not None and self.evaluations:
            phases["evaluate"] = math.fsum(min(end, stop) - begun for begun, end in self.evaluations if begun <= stop)
            phases["train"] = stop - start - phases["evaluate"]
        return PublishedRun(
            seed=self.seed,
            completed=self.status == "success" and value is not None,
            seconds=None if stop is None else round(stop - start, _DIGITS),
            value=value,
            phases={name: round(seconds, _DIGITS) for name, seconds in phases.items()},
        )


def read_result(path: Path) -> ResultLog:
    """The result file `path`. Raises RecordError, with what is wrong with it, where it holds no run of MLPerf."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            log = _read(lines)
        with path.open("rb") as content:
            log.sha256 = file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise RecordError(f"{path.name}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise RecordError(f"{path.name}: {error}") from error
    events = log.events
    if "run_start" not in events:
        raise RecordError(f"{path.name}: no {MARK} line with run_start, so not an MLPerf result")
    try:
        _ = log.day
    except (ValueError, OverflowError, OSError) as error:
        raise RecordError(f"{path.name}: run_start is not a valid date ({error})") from error
    if log.status == "success" and not log.values:
        raise RecordError(f"{path.name}: the run succeeded, but there is no eval_accuracy")
    if len(log.metrics) > 1:
        names = one_line(", ".join(sorted(log.metrics)))
        raise RecordError(f"{path.name}: eval_accuracy holds several metrics ({names}), and bench reads only one")
    for begun, ended in (("init_start", "init_stop"), ("run_start", "run_stop")):
        if begun in events and events.get(ended, math.inf) < events[begun]:
            raise RecordError(f"{path.name}: {ended} is before {begun}")
    return log


def _read(lines: Iterable[str]) -> ResultLog:
    log = ResultLog()
    evaluation: float | None = None
    for line in lines:
        entry = entry_of(line)
        if entry is None:
            continue
        key, value = entry["key"], entry.get("value")
        if "run_stop" in log.events:  # what follows can be another rank's of this run, but no other run's
            if key == "run_start" and _at(entry) > log.events["run_stop"]:
                raise ValueError("holds a second run; make a file of each")
            continue
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
            log.values.append(value if isinstance(value, float) else _number(key, value))
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
        raise ValueError(f"{key} is not a number: {one_line(str(value))[:_SHOWN]!r}") from None
    return float(value)

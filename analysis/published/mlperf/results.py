"""Imports a tree of MLPerf Training results as records of published runs, one per system and benchmark.

`<submitter>/results/<system>/<benchmark>/result_*.txt` are the logs of the runs; `<submitter>/systems/<system>.json`
says what they ran on. `targets.csv` beside this file says of a benchmark what its `eval_accuracy` is, and which way it
is better; its values are those of MLPerf's own checker of logs, github.com/mlcommons/logging, in the file of the last
column. The target that the logs state goes first.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from analysis.published.mlperf.result_log import ResultLog, read_result
from bench.errors import RecordError, UsageError
from bench.record.documents import MetricTarget, Policy, PublishedRuns, first_mistake
from bench.text import one_line
from bench.tracking import tracked

SOURCE = "MLPerf Training"
RESULTS = "result_*.txt"
CLOCK: Policy = "mlperf"
_COUNTS = ("prepare", "train", "evaluate", "final_evaluate")  # all between run_start and run_stop
_TARGETS = Path(__file__).with_name("targets.csv")


def read_results(
    folder: Path, *, source: str = SOURCE, target: MetricTarget | None = None
) -> tuple[list[PublishedRuns], list[RecordError]]:
    """The results in `folder` and below it, by their place, and an error for each that cannot be read.

    Of a benchmark one run that cannot be read, is a copy or is of another one is enough to refuse it: a mean over the
    others would be another. `target` is for benchmarks that are not known. Raises UsageError where there is no result
    file.
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
    submitter = folder.parents[min(2, len(folder.parents) - 1)]  # / where there are not as many
    place, scaling = folder.relative_to(submitter.parent).as_posix(), folder / "scaling.json"
    try:
        logs = {path.name: read_result(path) for path in sorted(folder.glob(RESULTS), key=_number_of)}
        benchmark, stated = _agreed(logs)
        system = _json(submitter / "systems" / f"{folder.parent.name}.json")
        division = _text(system, "division")
        benchmark = one_line(benchmark or folder.name)
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
            measured_on=min(log.day for log in logs.values()),
            target=target or target_of(benchmark, stated),
            counts=_COUNTS,
            clock=CLOCK,
            scaling=_json(scaling).get("scaling_factor") if scaling.exists() else None,
            runs=tuple(log.run() for log in logs.values()),
        )
    except ValidationError as error:
        raise RecordError(_skipped(place, first_mistake(error))) from error
    except (RecordError, ValueError, OSError) as error:
        raise RecordError(_skipped(place, str(error))) from error


def _agreed(logs: Mapping[str, ResultLog]) -> tuple[str | None, float | None]:
    """The benchmark and the target that the logs of one folder say they are of; None where no log says it.

    Raises RecordError, naming two files, where logs differ in it, or one is a copy of another: it is no run more.
    """
    of_content: dict[str, str] = {}
    for name, log in logs.items():
        first = of_content.setdefault(log.sha256, name)
        if first != name:
            raise RecordError(f"{name} is a copy of {first}")
    benchmarks = {log.benchmark: name for name, log in logs.items() if log.benchmark is not None}
    targets = {log.target: name for name, log in logs.items() if log.target is not None}
    for what, said in (("benchmark", benchmarks), ("target", targets)):
        if len(said) > 1:
            each = (f"{value} in {name}" for value, name in said.items())
            raise RecordError(f"the logs are of more than one {what}: {', '.join(each)}")
    return next(iter(benchmarks), None), next(iter(targets), None)


def target_of(benchmark: str, stated: float | None) -> MetricTarget:
    """What a benchmark is held to, at the value that its log has `stated` where it has.

    Raises ValueError for a benchmark that is not known.
    """
    known = _targets().get(benchmark)
    if known is None:
        raise ValueError(f"the target of {benchmark} is not known; give it with --target 'METRIC <= VALUE'")
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
        raise ValueError(f"{name} is not JSON ({error})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{name} is not a JSON object")
    return content


def _text(system: dict[str, Any], key: str) -> str:
    value = system.get(key)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"the system's {key} is missing or not text")
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
        raise ValueError(f"the system's {key} is not a count: {system.get(key)!r}")
    return count


def _skipped(place: str, what: str) -> str:
    return f"{one_line(place)}: {one_line(what)}; skipped"

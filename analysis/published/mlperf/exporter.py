"""Our runs as results of MLPerf Training: a log of `:::MLLOG` lines each, in the tree in which results are published.

`<author>/results/<system>/<benchmark>/result_0.txt`, a benchmark for each recipe or program, and a description of the
system in `<author>/systems/<system>.json`. Times are those of the mlperf clock: run_start is where preparing or
training begins, run_stop the end of the evaluation that was the first at the target, or of all that was done where none
was, and the run is then aborted, as one is that failed. All are of the open division: none is a
benchmark of MLPerf's own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from analysis.published.files import below, create, tag
from bench.programs.sources.mllog import MARK
from bench.record.documents import COUNTED, AnyDocument, Phase, Run
from bench.text import UNKNOWN, one_line, short_name


@dataclass(frozen=True)
class Result:
    """The runs of one recipe or program on one kind of machine. `system` is its description, `logs` have a run each."""

    system: str
    benchmark: str
    description: dict[str, Any]
    logs: tuple[str, ...]


def export_results(documents: Iterable[AnyDocument], author: str) -> tuple[list[Result], int]:
    """The runs that the mlperf clock can time or that failed beside them, oldest first; and how many it cannot.

    It cannot time samples, runs whose device was not waited for, and programs without a target or marks of phases.
    """
    runs = sorted({d.id: d for d in documents if isinstance(d, Run)}.items())
    kinds: dict[tuple[Any, ...], list[Run]] = {}
    for _, run in runs:
        kinds.setdefault((run.label, run.device.alike, run.device_name, run.target), []).append(run)
    results: dict[tuple[str, str], Result] = {}
    left_out = 0
    for alike in kinds.values():
        told = [run for run in alike if run.target and run.valid and run.ended != "sampled"]
        if not any(_counted(run) for run in told):
            told = []
        told = [run for run in told if _counted(run) or run.status != "completed"]
        left_out += len(alike) - len(told)
        if told:
            result = _result(told, author)
            place = (result.system, result.benchmark)
            while place in results:  # kinds that differ in precision or target alone
                place = (place[0], short_name(f"{place[1]}-{len(results)}"))
            results[place] = Result(*place, result.description, result.logs)
    return list(results.values()), left_out


def write_results(results: Iterable[Result], author: str, folder: Path) -> list[Path]:
    """Write each below `folder`, and return the paths of the logs. Nothing is overwritten: raises StoreError."""
    root = folder / short_name(tag(author))
    written = []
    with below(root):
        for result in results:
            place = root / "results" / result.system / result.benchmark
            place.mkdir(parents=True, exist_ok=True)
            systems = root / "systems"
            systems.mkdir(exist_ok=True)
            description = json.dumps(result.description, indent=2, ensure_ascii=False) + "\n"
            create(systems / f"{result.system}.json", description)
            written += [create(place / f"result_{number}.txt", log) for number, log in enumerate(result.logs)]
    return written


def _result(runs: list[Run], author: str) -> Result:
    first = runs[0]
    device, machine = first.device, one_line(first.device_name)
    description = {
        "submitter": author,
        "division": "open",
        "status": UNKNOWN,
        "system_name": f"{device.count} x {machine}",
        "number_of_nodes": "1",
        "host_processor_model_name": one_line(first.environment.cpu),
        "accelerator_model_name": machine,
        "accelerators_per_node": str(device.count),
        "framework": one_line(f"PyTorch {first.environment.torch}") if first.environment.torch else UNKNOWN,
    }
    logs = tuple("".join(_lines(run, author)) for run in runs)
    return Result(short_name(tag(f"{device.count}x{machine}")), short_name(tag(first.label)), description, logs)


def _counted(run: Run) -> list[Phase]:
    """The phases that the clock counts."""
    hit = run.first_hit if run.status == "completed" else None
    counted = [phase for phase in run.phases if phase.name in COUNTED["mlperf"]]
    return [phase for phase in counted if hit is None or phase.start < hit.at]


def _lines(run: Run, author: str) -> Iterator[str]:
    """The log of a run, in the order of time."""
    assert run.target is not None
    began = run.phases[0].start if run.phases else 0.0
    counted = _counted(run)
    start = counted[0].start if counted else began
    stop = counted[-1].stop if counted else start
    events: list[tuple[float, str, Any, dict[str, Any]]] = [
        (began, "init_start", None, {}),
        (began, "submission_benchmark", one_line(run.label), {}),
        (began, "submission_division", "open", {}),
        (began, "submission_org", author, {}),
        (began, "seed", run.seed, {}),
        (began, "target_accuracy", run.target.value, {}),
        (start, "init_stop", None, {}),
        (start, "run_start", None, {}),
    ]
    for phase in counted:
        name = {"train": "epoch", "evaluate": "eval", "final_evaluate": "eval"}.get(phase.name)
        if name:
            counts = {} if phase.epoch is None else {"epoch_num": phase.epoch}
            events += [(phase.start, f"{name}_start", None, counts), (phase.stop, f"{name}_stop", None, counts)]
    hit = run.first_hit if run.status == "completed" else None
    for evaluation in run.evaluations:
        value = evaluation.metrics.get(run.target.metric)
        if value is not None and (hit is None or evaluation.at <= hit.at):
            shown = {"epoch_num": evaluation.epoch, "step_num": evaluation.step, "metric": run.target.metric}
            said = {name: each for name, each in shown.items() if each is not None}
            events.append((min(evaluation.at, stop), "eval_accuracy", value, said))
    status = "success" if hit else "aborted"
    ordered = [*sorted(events, key=lambda event: event[0]), (stop, "run_stop", None, {"status": status})]
    epoch = run.anchor.timestamp()
    return (_line(round(1000 * (epoch + at)), key, value, metadata) for at, key, value, metadata in ordered)


def _line(time_ms: int, key: str, value: Any, metadata: dict[str, Any]) -> str:
    kinds = {"start": "INTERVAL_START", "stop": "INTERVAL_END"}
    kind = kinds.get(key.rpartition("_")[2], "POINT_IN_TIME")
    entry = {"namespace": "", "time_ms": time_ms, "event_type": kind, "key": key, "value": value, "metadata": metadata}
    return f"{MARK} {json.dumps(entry, ensure_ascii=False)}\n"

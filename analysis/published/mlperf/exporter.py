"""Our runs as MLPerf Training results: a log of `:::MLLOG` lines each, in the tree in which results are published.

`<author>/results/<system>/<benchmark>/result_0.txt`, a benchmark for each recipe or program, and a description of the
system in `<author>/systems/<system>.json`. Times are those of the mlperf clock: run_start is where preparing or
training begins, run_stop the end of the evaluation that was the first at the target, or of all that was done where none
was, and the run is then aborted, as one is that failed. All are of the open division: none is a benchmark of MLPerf's.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

from analysis.frames import runs_and_leases
from analysis.published.files import below, create, tag
from bench.programs.sources.mllog import MARK
from bench.record.documents import COUNTED, AnyDocument, Evaluation, Phase, Run
from bench.text import UNKNOWN, one_line, short_name


class Result(NamedTuple):
    """The runs of one recipe or program on one system, by the names of their folders."""

    system: str
    benchmark: str
    runs: list[Run]


def export_results(documents: Iterable[AnyDocument]) -> tuple[list[Result], int]:
    """The runs that the mlperf clock can time or that failed beside them, oldest first; and how many it cannot.

    It cannot time samples, runs that completed and whose device was not waited for, and programs without a target or
    marks of phases.
    """
    runs = [run for run, _ in runs_and_leases(documents)]
    kinds: dict[tuple[Any, ...], list[Run]] = {}
    for run in filter(_is_exportable, runs):
        kinds.setdefault((run.label, run.device.alike, run.device_name, run.target), []).append(run)
    results: dict[tuple[str, str], Result] = {}
    for alike in kinds.values():
        if any(map(_counted, alike)):
            first = alike[0]
            system, name = short_name(tag(f"{first.device.count}x{first.device_name}")), tag(first.label)
            # Kinds that differ in precision or target alone are numbered.
            names = map(short_name, chain([name], (f"{name}-{number}" for number in count(1))))
            benchmark = next(each for each in names if (system, each) not in results)
            results[system, benchmark] = Result(system, benchmark, alike)
    return list(results.values()), len(runs) - sum(len(result.runs) for result in results.values())


def write_results(results: Iterable[Result], author: str, folder: Path) -> list[Path]:
    """Write each below `folder`, and return the paths of the logs. Nothing is overwritten: raises StoreError."""
    root = folder / short_name(tag(author))
    systems: dict[str, list[Run]] = {}
    written = []
    with below(root):
        for result in results:
            systems.setdefault(result.system, []).extend(result.runs)
            place = root / "results" / result.system / result.benchmark
            place.mkdir(parents=True, exist_ok=True)
            for number, run in enumerate(result.runs):
                written.append(create(place / f"result_{number}.txt", "".join(_lines(run, author))))
        for system, runs in systems.items():
            (root / "systems").mkdir(exist_ok=True)
            description = json.dumps(_description(runs, author), indent=2, ensure_ascii=False) + "\n"
            create(root / "systems" / f"{system}.json", description)
    return written


def _description(runs: list[Run], author: str) -> dict[str, str]:
    """A system as MLPerf describes it, from all that ran on it."""
    device, machine = runs[0].device, one_line(runs[0].device_name)
    versions = [f"PyTorch {run.environment.torch}" for run in runs if run.environment.torch]
    return {
        "submitter": author,
        "division": "open",
        "status": UNKNOWN,
        "system_name": f"{device.count} x {machine}",
        "number_of_nodes": "1",
        "host_processor_model_name": _each_once(run.environment.cpu for run in runs),
        "accelerator_model_name": machine,
        "accelerators_per_node": str(device.count),
        "framework": _each_once(versions) or UNKNOWN,
    }


def _each_once(words: Iterable[str]) -> str:
    return ", ".join(sorted(set(map(one_line, words))))


def _is_exportable(run: Run) -> bool:
    """Whether a log can represent the run; one that failed before its clock began is represented beside others.

    The device was not synchronised at the end of an interrupted run: it is a miss, as in every table.
    """
    if run.target is None or run.ended == "sampled":
        return False
    return run.status != "completed" or (run.valid and bool(_counted(run)))


def _hit(run: Run) -> Evaluation | None:
    """The evaluation at which the clock stops."""
    return run.first_hit if run.status == "completed" else None


def _counted(run: Run) -> list[Phase]:
    """The phases that the clock counts."""
    hit = _hit(run)
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
    hit = _hit(run)
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

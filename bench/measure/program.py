"""A series of runs of a program, each measured from outside and recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bench.errors import BenchError, UsageError
from bench.host import cores
from bench.measure.environment import Gpu, Meter, describe
from bench.measure.recording import Interrupts, LeasePart, Runs, recorded
from bench.programs.document import hardware_of, measured_fields
from bench.programs.host import visible_gpus
from bench.programs.job import BadPattern, Head, Job, Node, NodesApart
from bench.programs.measurement import check, measure
from bench.programs.running.process import CannotStart
from bench.record.documents import Device, Environment, Machine, Run, Series, new_id, policy_seconds
from bench.store import Store
from bench.text import UNKNOWN, significant


def run_of(
    measurement: Mapping[str, Any],
    *,
    series: Series,
    lease_id: str | None,
    device: Device,
    environment: Environment,
    machine: Machine | None = None,
    energy_joules: float | None = None,
    warnings: tuple[str, ...] = (),
) -> Run:
    """The record of the run that bench.programs.measurement describes.

    What of the progress does not fit the schema is left out, with a warning: the time and the money that a run took are
    never lost for it.
    """
    content = measured_fields(measurement) | {
        "series": series,
        "lease_id": lease_id,
        "device": device,
        "environment": environment,
        "machine": machine,
        "energy_joules": energy_joules,
        "warnings": (*measurement["warnings"], *warnings),
    }
    try:
        return Run.model_validate(content)
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"][:2])
        return Run.model_validate(
            _without_progress(content, f"the progress read does not fit the record's schema at {where}")
        )


def _without_progress(content: Mapping[str, Any], warning: str) -> dict[str, Any]:
    """The content without what was read of the program's output; the process itself stays."""
    phases = content["phases"]
    whole = [{"name": "process", "start": phases[0]["start"], "stop": phases[-1]["stop"]}] if phases else []
    missing = {"progress": None, "evaluations": (), "resumed_from": None, "steps": None, "phases": whole}
    return {**content, **missing, "warnings": (*content["warnings"], warning)}


@dataclass(frozen=True)
class ProgramRequest:
    """What is to be run, `runs` times, on this machine or on several, of which `node` is the first.

    The seeds count up from that of `job`.
    """

    job: Job
    runs: int
    patterns: Mapping[str, str]
    folders: Sequence[Path]
    lease_id: str
    node: Node | None = None

    def check(self, environ: Mapping[str, str]) -> None:
        """Raise UsageError where the program cannot be found or an expression has no group: before it costs."""
        try:
            check(self.job, environ, self.patterns)
        except (CannotStart, BadPattern) as error:
            raise UsageError(str(error)) from None


def measure_program(
    request: ProgramRequest, environ: Mapping[str, str], part: LeasePart, store: Store, *, echo: bool
) -> Iterator[tuple[Run, str]]:
    """Yield each run with its key in the store, as it ends; ends early where a signal comes.

    `echo`: each record is a line on stdout, too. Raises like `program_runs`, and in the end like `recorded`.
    """
    interrupts = Interrupts()
    return recorded(lambda: program_runs(request, environ, interrupts), part, store, interrupts, echo=echo)


def program_runs(request: ProgramRequest, environ: Mapping[str, str], interrupts: Interrupts) -> Runs:
    """Run and yield each; ends early where a signal comes.

    Raises UsageError where it cannot be started, BenchError where other nodes do not come.
    """
    try:
        with Head(request.node) if request.node else nullcontext() as head:
            return (yield from _runs(request, environ, interrupts, head))
    except NodesApart as error:
        raise BenchError(str(error)) from None


def _runs(request: ProgramRequest, environ: Mapping[str, str], interrupts: Interrupts, head: Head | None) -> Runs:
    series_id = new_id()
    found = visible_gpus(environ)
    # Nothing of ours computes before the program does: what is on a GPU then is another's.
    gpus = [Gpu(gpu.uuid.removeprefix("GPU-"), trains=False) for gpu in found]
    hardware = hardware_of(found, cores(), request.node, environ)
    driver, name = (found[0].driver, found[0].name) if found else (None, None)
    # The program's own torch and Triton, if it has any, are not those beside bench.
    environment = describe(name, driver).model_copy(update={"torch": None, "triton": None})
    for index in range(request.runs):
        if interrupts.received:
            return request.runs - index
        # What cannot wait until the program ends is said in the first run, and would be the same in the next ones.
        job = replace(request.job, seed=request.job.seed + index, quiet=request.job.quiet or index > 0)
        meter = Meter(gpus)
        others = [warning for gpu in gpus for warning in gpu.warnings()]
        try:
            with meter:
                measured = measure(job, environ, patterns=request.patterns, folders=request.folders, head=head)
        except CannotStart as error:
            raise UsageError(str(error)) from None
        interrupts.received = interrupts.received or measured["interrupted"]
        yield run_of(
            measured,
            series=Series(id=series_id, index=index, planned=request.runs),
            lease_id=request.lease_id,
            device=Device.model_validate(hardware["device"]),
            environment=environment,
            machine=Machine.model_validate(hardware["machine"]),
            # The counters of other nodes are not read here, and part of a sum is none.
            energy_joules=meter.joules if request.node is None else None,
            warnings=tuple(dict.fromkeys([*others, *meter.warnings])),
        )
    return 0


def outcome(run: Run) -> str:
    """How a run of a program went, in a line."""
    head = f"{run.label} seed {run.seed} [{run.series.index + 1}/{run.series.planned}]: "
    if run.status != "completed":
        return head + f"{run.status} ({run.reason}): {run.message}"
    progress = run.progress
    parts = [f"{significant(run.phases[-1].stop)} s" if run.phases else UNKNOWN]
    if run.ended == "sampled" and progress:
        total = f" of {progress.total_steps}" if progress.total_steps else ""
        parts = [f"sampled up to {progress.unit} {progress.last_step}{total} in {parts[0]}"]
    if run.target:
        seconds = policy_seconds(run, "cold")
        reached = "missed" if seconds is None else f"hit after {significant(seconds)} s"
        value = next((e.metrics[run.target.metric] for e in reversed(run.evaluations)), None)
        parts.append(f"{run.target.metric} {UNKNOWN if value is None else f'{value:.6g}'}, {reached}")
    elif run.evaluations and run.ended != "sampled":
        parts += [f"{name} {value:.6g}" for name, value in list(run.evaluations[-1].metrics.items())[:4]]
    if progress and progress.step_seconds:
        each = "an epoch" if progress.unit == "epoch" else f"a {progress.unit}"
        parts.append(f"{significant(progress.step_seconds.p50)} s {each} ({progress.source})")
    elif progress is None:
        parts.append("no steps were seen: `bench metrics` shows what is read from a log")
    return head + ", ".join([*parts, *run.warnings])

"""The result of one run of a program as plain content for JSON: the measured part of a run's record.

Times are seconds after `anchor`, the start of the program's process. Nothing of what the program printed is in it but
numbers and the names of metrics; secrets are struck out of those and of the command.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from bench.programs.checkout import commit_of
from bench.programs.job import Head, Job, compiled
from bench.programs.judgement import PHASES, UNNAMED, contradiction, judge, warnings
from bench.programs.progress import Watched
from bench.programs.redaction import Redaction
from bench.programs.running.process import find_program, instant
from bench.programs.running.runner import Outcome, run
from bench.programs.sources import open_sources
from bench.programs.watching.watch import Watch

EVENTS = "BENCH_EVENTS"


def check(job: Job, environ: Mapping[str, str], patterns: Mapping[str, str]) -> None:
    """Raise what `measure` would before anything is spent: CannotStart, BadPattern."""
    find_program(job.command, environ)
    for name, expression in patterns.items():
        compiled(name, expression)


def measure(
    job: Job,
    environ: Mapping[str, str],
    *,
    patterns: Mapping[str, str] | None = None,
    folders: Sequence[Path] = (),
    outputs: tuple[int, int] = (1, 2),
    head: Head | None = None,
) -> dict[str, Any]:
    """Run `job` and return its measurement, as `bench.programs.measurement` has it.

    `head`: the other machines that run it too.

    `patterns`: a regular expression for each metric that the user names. `folders`: where files of progress are looked
    for, beside the folder that it runs in. Raises CannotStart, and BadPattern.
    """
    redaction = Redaction(environ)
    # Asked now: while it runs, another commit may be checked out, and its folder may go.
    what = program(job, redaction)
    with _scratch() as scratch:
        events = scratch and scratch / "events.jsonl"
        started, started_wall = instant()
        watched = Watched(
            started=started,
            started_wall=started_wall,
            events=events,
            folders=(job.folder or Path.cwd(), *folders),
            patterns=dict(patterns or {}),
        )
        watch = Watch(open_sources(watched), job.target, watched.patterns)
        seen = job.environment(environ) | ({EVENTS: str(events)} if events else {})
        outcome = _run(job, watch, seen, outputs, head)
    return measurement(job, watch, outcome, what, redaction)


def _run(job: Job, watch: Watch, environ: Mapping[str, str], outputs: tuple[int, int], head: Head | None) -> Outcome:
    """Run it here, and with a `head` on the other nodes beside it."""
    if head is None:
        return run(job, watch, environ, outputs)
    head.begin(job)
    outcome = None
    try:
        outcome = run(job, watch, environ, outputs, head.failed)
    finally:
        head.end(job, now=outcome is None or not outcome.succeeded)
    return outcome


@contextmanager
def _scratch() -> Iterator[Path | None]:
    """A folder for the file of events; None where no disk takes one. What is in it goes with it, as far as it can."""
    try:
        folder = tempfile.mkdtemp(prefix="bench-")
    except OSError:
        yield None
        return
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def measurement(
    job: Job, watch: Watch, outcome: Outcome, what: Mapping[str, Any], redaction: Redaction
) -> dict[str, Any]:
    """The content, by the names of the record's fields. `what`: see `program`."""
    status, reason, message = judge(job, watch, outcome)
    return {
        "program": what,
        "seed": job.seed,
        "target": asdict(job.target) if job.target else None,
        "anchor": datetime.fromtimestamp(outcome.started_wall, timezone.utc).isoformat(),
        "ended": outcome.ended,
        "exit_code": outcome.exit_code,
        "killed_by": outcome.killed_by,
        "interrupted": outcome.interrupted,
        "status": status,
        "reason": reason,
        "message": message and redaction.text(message),
        "cleanup": outcome.cleanup,
        "phases": _phases(watch, outcome),
        "evaluations": _evaluations(job, watch, outcome, redaction),
        "progress": _progress(job, watch, outcome),
        "resumed_from": _resumed_from(watch),
        "warnings": warnings(job, watch, outcome),
    }


def program(job: Job, redaction: Redaction) -> dict[str, Any]:
    """What is to run: its name, its command, and the commit of the folder that it runs in."""
    argv = redaction.argv(job.argv)
    commit, dirty = commit_of(job.folder or Path.cwd())
    return {
        "name": redaction.text(job.program),
        "argv": argv,
        "command_sha256": hashlib.sha256("\0".join(argv).encode("utf-8", "replace")).hexdigest(),
        "git_commit": commit,
        "git_dirty": dirty,
        "task_sha256": job.task_sha256,
    }


def _phases(watch: Watch, outcome: Outcome) -> list[dict[str, Any]]:
    """The whole of the process, cut where the program marks a phase."""
    marks = [(outcome.started_at, UNNAMED), *watch.phases()]
    edges = [*_in_order((at for at, _ in marks), outcome), outcome.exited_at]
    found: list[dict[str, Any]] = []
    for (_, name), start, stop in zip(marks, edges, edges[1:]):
        name = name if name in PHASES else UNNAMED
        if found and found[-1]["name"] == name:
            found[-1]["stop"] = _after(stop, outcome)
        elif stop > start or len(edges) == 2:
            found.append({"name": name, "start": _after(start, outcome), "stop": _after(stop, outcome)})
    return found


def _evaluations(job: Job, watch: Watch, outcome: Outcome, redaction: Redaction) -> list[dict[str, Any]]:
    """The evaluations of the target; without one, a single one of what every metric was at the end."""
    track = watch.target()
    if job.target and track:
        shown, first = track.evaluations.items(), track.first_hit
        if first is not None and first not in shown:  # those of one instant stay in their order, the last one last
            shown.insert(0, first)
        unit = steps.unit if (steps := watch.steps()) else None
        # A step of another unit, as from before the finer one was shown, would be a wrong one.
        readings = [(e.at, e.step if e.unit == unit else None, {job.target.metric: e.value}) for e in shown]
        is_number = track.target_value is not None and math.isfinite(track.target_value)
    elif job.target:
        return []
    else:
        latest = {redaction.text(name): value for name, value in watch.latest().items() if math.isfinite(value)}
        at = watch.latest_at()
        readings = [(at, _last_step(watch), latest)] if latest and at is not None else []
        is_number = True
    readings.sort(key=lambda reading: reading[0])
    finished = outcome.ended in ("exited", "target") and not outcome.interrupted and is_number
    times = _in_order((at for at, _, _ in readings), outcome)
    return [
        {"at": _after(at, outcome), "step": step, "metrics": metrics, "final": finished and number == len(readings)}
        for number, (at, (_, step, metrics)) in enumerate(zip(times, readings), 1)
    ]


def _progress(job: Job, watch: Watch, outcome: Outcome) -> dict[str, Any] | None:
    track, target = watch.steps(), watch.target()
    if track is None:
        return None
    assert track.first is not None
    assert track.last is not None
    stretches, total = track.stretches, watch.total()
    return {
        "source": track.source,
        "target_source": target.source if target else None,
        "unit": track.unit or "step",
        "first_step": track.first.step,
        "last_step": track.last.step,
        "total_steps": job.total_steps or total,
        "total_source": "option" if job.total_steps else "program" if total else None,
        "contradicted_by": contradiction(job, track),
        "step_seconds": {
            "p10": stretches.quantile(0.1),
            "p50": stretches.quantile(0.5),
            "p90": stretches.quantile(0.9),
            "n": stretches.seen,
        }
        if stretches.seen
        else None,
        "points": [
            [_after(at, outcome), step]
            for at, (_, step) in zip(_in_order((at for at, _ in track.steps.items()), outcome), track.steps.items())
        ],
    }


def _resumed_from(watch: Watch) -> int | None:
    steps = watch.steps()
    return steps.resumed_from if steps else None


def _last_step(watch: Watch) -> int | None:
    steps = watch.steps()
    return steps.last.step if steps and steps.last else None


def _in_order(times: Iterable[float], outcome: Outcome) -> list[float]:
    """`times` within the run, none before the one that it follows: those that a program states need not be so."""
    latest, found = outcome.started_at, []
    for at in times:
        latest = min(max(at, latest), outcome.exited_at)
        found.append(latest)
    return found


def _after(at: float, outcome: Outcome) -> float:
    """`at`, on the monotonic clock, as seconds after the anchor, to the microsecond."""
    return round(at - outcome.started_at, 6)

"""What `bench estimate` and `bench plan` say of programs that were sampled."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

from analysis.frames import load
from analysis.report.sample_table import sample_table
from analysis.samples.rate import rate_of
from analysis.samples.samples import sample_rows, sampled_programs
from bench.errors import UsageError
from bench.record.documents import Run, run_key
from bench.store import Store, open_store, read_each, read_leases
from bench.sweep.planning.duration import ProgramTime, Sample


def sampled_table(names: Collection[str], store: str, total_steps: int | None) -> tuple[str, set[str]]:
    """The table of the samples of those of `names` that the store holds any of, and these names. Empty: none.

    Raises UsageError where all samples of one are too short to tell a rate, or all runs of one are no samples.
    """
    if not store.startswith("s3://") and not Path(store, "v1").is_dir():
        return "", set()
    opened = open_store(store)
    frame, _ = load([opened])
    ours = frame[frame["program"] & frame["recipe"].isin(list(names))]
    runs = sampled_programs([opened], ours)
    leases, _ = read_leases(opened)
    rows = sample_rows(runs, leases.values(), total_steps)
    programs = {row.program for row in rows}
    if short := sorted({run.program.name for run in runs if run.program and run.ended == "sampled"} - programs):
        raise UsageError(
            f"{store}: no sample of {', '.join(short)} shows two steps, and so no rate; sample it for longer by "
            "bench exec --steps, or say what its steps are by --metric 'step=REGEX'"
        )
    if whole := sorted({*ours["recipe"]} - programs):
        raise UsageError(
            f"{store}: {', '.join(whole)} ran there, and was not sampled; bench report says what it took, and "
            "bench exec --steps N samples it"
        )
    return sample_table(rows).as_text() if rows else "", programs


def program_times(stores: Iterable[Store], program: str, task_sha256: str) -> list[ProgramTime]:
    """What the runs of a sweep's task, with its file as it is now, say of it on each GPU; none of a store without any.

    A record that cannot be read is left out: who reads the history of the sweep names it.
    """
    opened = list(stores)
    if not opened:
        return []
    frame, _ = load(opened)
    ids = frame.loc[frame["program"] & (frame["recipe"] == program), "run_id"].tolist()
    runs = {
        run.id: run for store in opened for run in read_each(store, list(map(run_key, ids))) if isinstance(run, Run)
    }
    kinds: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for run in runs.values():
        of_task = run.program is not None and run.program.task_sha256 == task_sha256
        if of_task and run.status == "completed" and run.device.kind == "cuda":
            kinds[run.device.name, run.device.count].append(run)
    found = (_program_time(task_sha256, *kind, like) for kind, like in kinds.items())
    return [each for each in found if each is not None]


def _program_time(task_sha256: str, gpu: str, count: int, like: list[Run]) -> ProgramTime | None:
    rate = rate_of(like)
    if rate is None:
        return None
    shown = [run.progress for run in like if run.progress]
    tails = [progress.step_seconds.p90 for progress in shown if progress.step_seconds]
    whole = [run.phases[-1].stop for run in like if run.ended == "exited" and run.phases and not run.resumed_from]
    return ProgramTime(
        task_sha256,
        gpu,
        count,
        len(like),
        rate.start_up,
        rate.seconds,
        rate.interval.low if rate.interval else None,
        rate.interval.high if rate.interval else None,
        statistics.median(tails) if tails else None,
        next((progress.total_steps for progress in shown if progress.total_steps), None),
        Sample(len(whole), statistics.median(whole), max(whole)) if whole else None,
    )

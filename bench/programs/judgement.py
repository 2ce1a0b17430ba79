"""How one run of a program counts: completed, failed or interrupted; and its warnings."""

from __future__ import annotations

import math
import re

from bench.programs.job import Job, Target
from bench.programs.running.runner import Outcome
from bench.programs.watching.track import Track
from bench.programs.watching.watch import Watch, are_namesakes, spelled_otherwise

# What a program may call its phases; another name stands for no phase.
PHASES = ("setup", "data", "build", "warmup", "prepare", "train", "evaluate", "final_evaluate", "upload", "idle")
UNNAMED = "process"
_NAMES_TOLD = 10
# Names of metrics that some programs show as shares and others in per cent. More than those that `bench import trials`
# refuses, as this is a warning.
_SHARES = re.compile(r"acc|prec|recall|auc|f1|iou|map|top-?[15]", re.IGNORECASE)


def judge(job: Job, watch: Watch, outcome: Outcome) -> tuple[str, str | None, str | None]:
    """Status, reason and message, as in a record."""
    if outcome.interrupted:
        return "interrupted", "USER", f"stopped by {outcome.interrupted}"
    if outcome.elsewhere:
        return "failed", "ERROR", outcome.elsewhere
    if outcome.ended == "timeout":
        return "failed", "TIMEOUT", f"not finished after {job.timeout:g} s"
    if outcome.ended == "exited" and outcome.killed_by:
        return "failed", "ERROR", f"killed by {outcome.killed_by}"
    if outcome.ended == "exited" and outcome.exit_code:
        return "failed", "ERROR", f"exited with {outcome.exit_code}"
    if job.target and outcome.ended == "exited":
        return _judge_target(job, watch)
    return "completed", None, None


def _judge_target(job: Job, watch: Watch) -> tuple[str, str | None, str | None]:
    assert job.target
    best = watch.target()
    if best is None:
        metric = job.target.metric
        meant = spelled_otherwise(metric, watch.latest())
        seen = sorted(watch.latest(), key=lambda name: (name not in meant, not are_namesakes(metric, name), name))
        more = f" and {len(seen) - _NAMES_TOLD} more" if len(seen) > _NAMES_TOLD else ""
        names = f"metrics shown: {', '.join(seen[:_NAMES_TOLD])}{more}" if seen else "no metric was shown"
        hint = f"did you mean {meant[0]}? " if meant else ""
        return "failed", "ERROR", f"{metric} never appeared; {hint}{names}"
    value = best.target_value
    if value is None or not math.isfinite(value):
        return "failed", "DIVERGED", f"{job.target.metric} was {value} at its last appearance"
    return "completed", None, None


def contradiction(job: Job, track: Track) -> int | None:
    """What the program shows against the total that the user says: another total, or a step beyond it."""
    if job.total_steps is None:
        return None
    if track.total is not None and track.total != job.total_steps:
        return track.total
    return track.last.step if track.last and track.last.step > job.total_steps else None


def warnings(job: Job, watch: Watch, outcome: Outcome) -> list[str]:
    """What a reader of the record should know, a line each."""
    found = list(outcome.warnings)
    best = watch.steps()
    if job.steps and outcome.ended == "exited":
        found.append(
            f"ended before {job.steps} steps were seen" if best else "no step was seen, so the sample was not stopped"
        )
    if best and best.went_back:
        found.append("steps went back from {} to {}".format(*best.went_back))
    if best and (said := contradiction(job, best)):
        found.append(f"a total of {job.total_steps} steps was given, but the program shows {said}")
    if job.target and (scales := _other_scale(job.target, watch)):
        found.append(scales)
    if job.target and (target := watch.target()) and target.mixed:
        found.append(
            f"{job.target.metric} is shown by lines of an evaluation and by others, which may be of training: "
            "its values are of both"
        )
    if outcome.cleanup == "left":
        found.append("a process that the program started was still there when it was over")
    unknown = {name for _, name in watch.phases()} - {*PHASES, UNNAMED}
    if unknown:
        found.append(f"phases with a name of their own, counted as none: {len(unknown)}")
    return found


def _other_scale(target: Target, watch: Watch) -> str | None:
    """What to say where a target is a share and its metric in per cent, or the other way round.

    The first value of any program would hit such a target, or none of a program ever would.
    """
    best, least = watch.target(), target.at_least
    if best is None or least is None or not _SHARES.search(target.metric):
        return None
    hit, value = best.first_hit, best.target_value
    if hit and 0 < least <= 1 < hit.value <= 100:
        return f"{target.metric} is shown in per cent, as {hit.value:g}; its target of {least:g} is not"
    if value is not None and not hit and 0 < value <= 1 < least <= 100:
        return f"{target.metric} is shown as a share of 1, as {value:g}; its target of {least:g} is in per cent"
    return None

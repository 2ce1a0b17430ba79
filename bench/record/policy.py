"""The time of a run by each clock policy.

A policy says which phases of a run count as "the time". All are computed from the same records.

| policy    | counts                                              | stops at                              |
|-----------|-----------------------------------------------------|---------------------------------------|
| dawnbench | data, build, prepare, train                         | first epoch evaluated at the target   |
| airbench  | prepare, train, final_evaluate                      | the end                               |
| mlperf    | prepare, train, evaluate, final_evaluate, and gaps  | first evaluation at the target        |
| cold      | everything since the process began, gaps included   | the final accuracy                    |

`mlperf` is never paused once it runs, as MLPerf's rules have it: from the start of its first phase to the stop of its
last one everything counts, and so its logs say the same seconds. `airbench` and `dawnbench` are sums of phases.

`lease`, what a person pays for, is a property of the lease and not of a run.

What is here looks at one record. A process loads the data, builds a network and warms it up once for all its runs, and
only the record of the first one holds that: `once_seconds` tells it apart, for those who add it to the others.

A program has `cold`, which ends at its first evaluation at the target, or without a target at its end. It has
`dawnbench` and `mlperf` where it marks phases, and never `airbench`, which is the recipes' own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from bench.record.base import PhaseName
from bench.record.run import Run

Policy = Literal["airbench", "dawnbench", "mlperf", "cold"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
DEFAULT_POLICY: Policy = "airbench"

# What a process does once for all its runs.
OncePhase = Literal["setup", "data", "build", "warmup"]
ONCE: tuple[OncePhase, ...] = get_args(OncePhase)

# What each clock counts, by phase; `cold` counts everything.
COUNTED: dict[Policy, frozenset[PhaseName]] = {
    "airbench": frozenset({"prepare", "train", "final_evaluate"}),
    "dawnbench": frozenset({"data", "build", "prepare", "train"}),
    "mlperf": frozenset({"prepare", "train", "evaluate", "final_evaluate"}),
}


def fell_back(run: Run) -> bool:
    """Whether the run crossed its target and ended below it."""
    final = run.final_value
    return run.target is not None and run.first_hit is not None and final is not None and not run.target.reached(final)


def _answers(run: Run, policy: Policy) -> bool:
    """Whether `policy` can tell the time of such a run at all."""
    if run.recipe or policy == "cold":
        return True
    return policy != "airbench" and any(phase.name != "process" for phase in run.phases)


def policy_seconds(run: Run, policy: Policy) -> float | None:
    """The time in seconds that the run's own record holds under `policy`; None: it has no answer for this run.

    `dawnbench` and `mlperf` have none for a run that never reached its target, `cold` for a run that was
    not the first of its process, and all of them for a run that did not complete or was not synchronised.
    """
    if run.status != "completed" or not run.valid or run.ended == "sampled" or not _answers(run, policy):
        return None
    if policy == "cold":
        end = _cold_end(run)
        return end - run.phases[0].start if run.cold and run.phases and end is not None else None
    counted = [phase for phase in run.phases if phase.name in COUNTED[policy]]
    if policy != "airbench" and run.target:
        hit = run.first_hit
        if hit is None:
            return None
        counted = [phase for phase in counted if phase.start < hit.at]
    return spent(policy, [(phase.start, phase.stop) for phase in counted])


def spent(policy: Policy, counted: Sequence[tuple[float, float]]) -> float:
    """What a clock makes of the phases that it counts, each from its start to its stop, in their order."""
    if policy == "mlperf":
        return counted[-1][1] - counted[0][0] if counted else 0.0
    return sum(stop - start for start, stop in counted)


def left_out_seconds(run: Run, policy: Policy) -> float | None:
    """Seconds of the run's own record, up to where `policy` stops, that are not in its time; None where it has none.

    Those between two phases are among them, but under `mlperf`. `cold` leaves out nothing.
    """
    seconds = policy_seconds(run, policy)
    if seconds is None:
        return None
    if policy == "cold" or not run.phases:
        return 0.0
    hit = run.first_hit
    last = max((phase.stop for phase in run.phases if run.target is None or phase.name in COUNTED[policy]), default=0.0)
    stop = hit.at if hit and policy != "airbench" else last
    return max(0.0, stop - run.phases[0].start - seconds)


def once_seconds(run: Run) -> dict[OncePhase, float | None]:
    """Seconds of what a process does once for all its runs: of those phases that the record of `run` holds.

    None where an earlier run of the process had done it. `build` is of the network alone; each run makes its weights
    anew, which is of its own.
    """
    first = run.program is not None or run.cold
    warmed = next((phase.start for phase in run.phases if phase.name == "warmup"), None)
    trained = any(phase.name in ("prepare", "train") for phase in run.phases)
    held: dict[OncePhase, float | None] = {}
    for name in ONCE:
        of_name = [phase for phase in run.phases if phase.name == name]
        own = first or bool(of_name)
        if name == "build":
            of_name = [phase for phase in of_name if warmed is None or phase.start < warmed]
            # One that broke off before its first step has nothing of others behind it.
            own = first or bool(of_name and warmed is not None) or not trained
        held[name] = sum(phase.seconds for phase in of_name) if own else None
    return held


def _cold_end(run: Run) -> float | None:
    """When `cold` stops, in seconds after the anchor."""
    if run.recipe:
        return next((e.at for e in run.evaluations if e.final), None)
    if run.target is None:
        return run.phases[-1].stop if run.phases else None
    return run.first_hit.at if run.first_hit else None


def attempt_seconds(run: Run, policy: Policy) -> float | None:
    """Seconds that `run` used under `policy`, up to its end, by its own record.

    A run that hit its target used its policy time. Any other used every counted phase up to its end, failed
    and interrupted runs included: nothing for a run that broke off before its first counted phase. `cold`
    counts from the start of the process to the end of the last phase.

    None where the time is unknown: a completed run that was not synchronised, under `cold` a run that was not the
    first of its process, and a program that marks no phases but under `cold`.
    """
    if (run.status == "completed" and not run.valid) or not _answers(run, policy):
        return None
    if run.hit:
        return policy_seconds(run, policy)
    if policy == "cold":
        if not run.cold:
            return None
        return run.phases[-1].stop - run.phases[0].start if run.phases else 0.0
    return spent(policy, [(phase.start, phase.stop) for phase in run.phases if phase.name in COUNTED[policy]])

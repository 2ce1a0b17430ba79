"""Clock policies: which phases of a run count as "the time". All are computed from the same record.

| policy    | counts                                              | stops at                              |
|-----------|-----------------------------------------------------|---------------------------------------|
| dawnbench | prepare, train                                      | first epoch evaluated at the target   |
| airbench  | prepare, train, final_evaluate                      | the end                               |
| mlperf    | prepare, train, evaluate, final_evaluate            | first evaluation at the target        |
| cold      | everything since the process began, gaps included   | the final accuracy                    |

`lease`, what a person pays for, is a property of the lease and not of a run.
"""

from __future__ import annotations

from typing import Literal, get_args

from bench.record.base import PhaseName
from bench.record.run import Evaluation, Run

Policy = Literal["airbench", "dawnbench", "mlperf", "cold"]
POLICIES: tuple[Policy, ...] = get_args(Policy)
DEFAULT_POLICY: Policy = "airbench"

# What each clock counts, by phase; `cold` counts everything.
COUNTED: dict[Policy, frozenset[PhaseName]] = {
    "airbench": frozenset({"prepare", "train", "final_evaluate"}),
    "dawnbench": frozenset({"prepare", "train"}),
    "mlperf": frozenset({"prepare", "train", "evaluate", "final_evaluate"}),
}


def first_hit(run: Run) -> Evaluation | None:
    """The first evaluation at or above the target; None where there is none."""
    return next((e for e in run.evaluations if e.accuracy >= run.target.at_least), None)


def fell_back(run: Run) -> bool:
    """Whether the run crossed its target and ended below it."""
    final = run.final_accuracy
    return first_hit(run) is not None and final is not None and final < run.target.at_least


def policy_seconds(run: Run, policy: Policy) -> float | None:
    """The run's time in seconds under `policy`; None where that policy has no answer for this run.

    `dawnbench` and `mlperf` have none for a run that never reached its target, `cold` for a run that was
    not the first of its process, and all of them for a run that did not complete or was not synchronised.
    """
    if run.status != "completed" or not run.valid:
        return None
    if policy == "cold":
        final = next((e.at for e in run.evaluations if e.final), None)
        return final - run.phases[0].start if run.cold and run.phases and final is not None else None
    counted = [phase for phase in run.phases if phase.name in COUNTED[policy]]
    if policy != "airbench":
        hit = first_hit(run)
        if hit is None:
            return None
        counted = [phase for phase in counted if phase.start < hit.at]
    return sum(phase.seconds for phase in counted)


def attempt_seconds(run: Run, policy: Policy) -> float | None:
    """Seconds that `run` used under `policy`, up to its end.

    A run that hit its target used its policy time. Any other used every counted phase up to its end, failed
    and interrupted runs included: nothing for a run that broke off before its first counted phase. `cold`
    counts from the start of the process to the end of the last phase.

    None where the time is unknown: a completed run that was not synchronised, and under `cold` a run that
    was not the first of its process.
    """
    if run.status == "completed" and not run.valid:
        return None
    if run.hit:
        return policy_seconds(run, policy)
    if policy == "cold":
        if not run.cold:
            return None
        return run.phases[-1].stop - run.phases[0].start if run.phases else 0.0
    return sum(phase.seconds for phase in run.phases if phase.name in COUNTED[policy])

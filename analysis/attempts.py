"""What an attempt used of the clock, however it ended: the time that failed runs cost too."""

from __future__ import annotations

from bench.record.documents import Run
from bench.record.policy import COUNTED, Policy, policy_seconds


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
    counted = COUNTED[policy]
    return sum(phase.stop - phase.start for phase in run.phases if phase.name in counted)

"""Why a cell failed: what SkyPilot raised, or how its job ended, as a reason and in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from bench.errors import BenchError
from bench.record.documents import Run
from bench.sweep.provisioning.provisioner import Job
from bench.text import one_line, plural

FailureReason = Literal["CAPACITY", "QUOTA", "PREEMPTED", "OOM", "ERROR"]

NOT_PROVISIONED = ("CAPACITY", "QUOTA")  # no machine was to be had: nothing was paid for
# What the clouds' own words for it have in common: VcpuLimitExceeded, QUOTA_EXCEEDED, "quota 'GPUS' exceeded", …
_QUOTA = re.compile(r"quota|limit.?exceeded|exceed\w*.{0,40}limit", re.IGNORECASE)
_NOBODY = re.compile(r"catalog does not contain|not enabled|no cloud access|no infra", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MEMORY = re.compile(r"out of memory|OutOfMemory|exit code 137|\[137\]|oom.?kill", re.IGNORECASE)
_LONGEST = 300


class Failure(NamedTuple):
    """Why a cell failed: the reason in one word, and in many."""

    reason: FailureReason
    words: str


def failure_of_error(error: BaseException) -> Failure:
    """What `error`, raised while a machine was rented or used, means."""
    if isinstance(error, BenchError):
        return Failure("ERROR", str(error))
    # By name: SkyPilot is not imported to know its errors.
    if "ResourcesUnavailableError" not in {kind.__name__ for kind in type(error).__mro__}:
        return Failure("ERROR", error_line(error))
    attempts: Sequence[BaseException] = getattr(error, "failover_history", None) or ()
    first, *others = [plain(str(each)) for each in (error, *attempts)]
    if not others and _NOBODY.search(first):
        return Failure("ERROR", shortened(first))
    # Where one place has no machine and another no quota, a larger quota helps.
    refused = [text for text in (first, *others) if _QUOTA.search(text)]
    last = (others or [first])[-1]
    return Failure("QUOTA", shortened(refused[0])) if refused else Failure("CAPACITY", shortened(last or first))


def failure_of_job(
    job: Job, log: Iterable[str], runs: Sequence[Run], *, spot: bool, in_setup: bool = False
) -> Failure | None:
    """How a job that is over failed; None where it did not. `runs` are those that it made."""
    failed = [run for run in runs if run.status == "failed"]
    if job is Job.GONE:
        words = "the provider took the machine back" if spot else "the machine is gone, and nobody here gave it back"
        return Failure("PREEMPTED" if spot else "ERROR", words)
    if job is not Job.FAILED and not failed:
        return None
    if failed:
        return Failure("OOM" if any(run.reason == "OOM" for run in failed) else "ERROR", _failed_runs(failed))
    lines = [line for line in map(plain, log) if line]
    last = shortened(lines[-1]) if lines else "it printed nothing"
    where = "setup" if in_setup else "the job"
    return Failure("OOM" if any(map(_MEMORY.search, lines)) else "ERROR", f"{where} failed: {last}")


def plain(text: str) -> str:
    """`text` without colours and what else cannot be seen, on one line."""
    return one_line(_ANSI.sub("", text))


def shortened(text: str) -> str:
    """The beginning of `text`, which can be pages long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def error_line(error: BaseException) -> str:
    """The beginning of what `error` says, on one line; its kind, where it says nothing."""
    return shortened(plain(str(error))) or type(error).__name__


def _failed_runs(failed: Sequence[Run]) -> str:
    """Such as "2 runs failed (OOM): out of memory with batch 512"."""
    reasons = ", ".join(sorted(Counter(run.reason or "ERROR" for run in failed)))
    message = plain(next((run.message for run in failed if run.message), ""))
    return shortened(f"{plural(len(failed), 'run')} failed ({reasons})" + (f": {message}" if message else ""))

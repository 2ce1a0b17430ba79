"""Why a cell ended as it did: what SkyPilot raised, or how its job ended, as a reason and in words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from bench.errors import BenchError
from bench.record.documents import Run
from bench.sweep.provisioning.provisioner import Job
from bench.text import plural

Why = Literal["CAPACITY", "QUOTA", "PREEMPTED", "OOM", "ERROR"]

NOT_PROVISIONED = ("CAPACITY", "QUOTA")  # why a machine was refused: nothing was paid for
# What the clouds' own words for it have in common: VcpuLimitExceeded, QUOTA_EXCEEDED, "quota 'GPUS' exceeded", …
_QUOTA = re.compile(r"quota|limit.?exceeded|exceed\w*.{0,40}limit", re.IGNORECASE)
_NOBODY = re.compile(r"catalog does not contain|not enabled|no cloud access|no infra", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MEMORY = re.compile(r"out of memory|OutOfMemory|exit code 137|\[137\]|oom.?kill", re.IGNORECASE)
_LONGEST = 300


class Outcome(NamedTuple):
    """A failure: the reason in one word, and in many."""

    why: Why
    words: str


def of_error(error: BaseException) -> Outcome:
    """What `error`, raised while a machine was rented or used, means."""
    if isinstance(error, BenchError):
        return Outcome("ERROR", str(error))
    # By name: SkyPilot is not imported to know its errors.
    kinds = {kind.__name__ for kind in type(error).__mro__}
    tried: Sequence[BaseException] = getattr(error, "failover_history", None) or ()
    said = [plain(str(each)) for each in (error, *tried)]
    if "ResourcesUnavailableError" not in kinds:
        return Outcome("ERROR", short_words(error))
    if not tried and _NOBODY.search(said[0]):
        return Outcome("ERROR", in_short(said[0]))
    refused = [text for text in said if _QUOTA.search(text)]
    # Where one place has no machine and another no quota, a larger quota helps.
    return Outcome("QUOTA", in_short(refused[0])) if refused else Outcome("CAPACITY", in_short(said[-1] or said[0]))


def of_job(job: Job, log: Iterable[str], runs: Sequence[Run], *, spot: bool, preparing: bool = False) -> Outcome | None:
    """How a job that is over failed; None where it did not. `runs` are those that it made."""
    failed = [run for run in runs if run.status == "failed"]
    if job is Job.GONE:
        words = "the provider took the machine back" if spot else "the machine is gone, and nobody here gave it back"
        return Outcome("PREEMPTED" if spot else "ERROR", words)
    if job is not Job.FAILED and not failed:
        return None
    if failed:
        return Outcome("OOM" if any(run.reason == "OOM" for run in failed) else "ERROR", _failures(failed))
    lines = [line for line in (plain(text) for text in log) if line]
    where = "setup" if preparing else "the job"
    last = in_short(lines[-1]) if lines else "it printed nothing"
    return Outcome("OOM" if any(map(_MEMORY.search, lines)) else "ERROR", f"{where} failed: {last}")


def plain(text: str) -> str:
    """`text` without colours and what else cannot be seen, on one line."""
    return " ".join("".join(c if c.isprintable() else " " for c in _ANSI.sub("", text)).split())


def in_short(text: str) -> str:
    """The beginning of `text`, which can be pages long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def short_words(error: BaseException) -> str:
    """The beginning of what `error` says, on one line; its kind, where it says nothing."""
    return in_short(plain(str(error))) or type(error).__name__


def _failures(failed: Sequence[Run]) -> str:
    """Such as "2 runs failed (OOM): out of memory with batch 512"."""
    reasons = ", ".join(sorted(Counter(run.reason or "ERROR" for run in failed)))
    message = plain(next((run.message for run in failed if run.message), ""))
    return in_short(f"{plural(len(failed), 'run')} failed ({reasons})" + (f": {message}" if message else ""))

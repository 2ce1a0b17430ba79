"""What a sweep asks of whoever rents the machines, and why a cell failed: what was raised, or how its job ended.

`skypilot.py` answers it, and a stand-in of the tests.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Literal, NamedTuple, Protocol

from bench.errors import BenchError
from bench.record.documents import Accelerators, Price, Run, utc_now
from bench.store import RawRecord
from bench.text import one_line, plural

FailureReason = Literal["CAPACITY", "QUOTA", "PREEMPTED", "OOM", "ERROR"]

NOT_PROVISIONED = ("CAPACITY", "QUOTA")  # no machine was to be had: nothing was paid for
# What the clouds' own words for it have in common: VcpuLimitExceeded, QUOTA_EXCEEDED, "quota 'GPUS' exceeded", …
_QUOTA = re.compile(r"quota|limit.?exceeded|exceed\w*.{0,40}limit", re.IGNORECASE)
_NOBODY = re.compile(r"catalog does not contain|not enabled|no cloud access|no infra", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MEMORY = re.compile(r"out of memory|OutOfMemory|exit code 137|\[137\]|oom.?kill", re.IGNORECASE)
_LONGEST = 300


@dataclass(frozen=True)
class LaunchRequest:
    """One machine to rent. `cloud` is an `infra` of SkyPilot; None: the task file's choice.

    `envs` and `secrets` are set over those of the task file; `lease_id` becomes its label `bench-lease`, beside
    `labels`. `records` is a folder of earlier records to put on the machine, so that it can go on with them.
    `accelerators`, such as B300:1, take the place of the task file's; None: it has its own.
    """

    cluster: str
    task: Path
    cloud: str | None
    spot: bool
    lease_id: str
    envs: Mapping[str, str]
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    records: Path | None = None
    accelerators: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Instance:
    """A machine as it was rented. `hourly` is its price now, USD. None: not known.

    `setup` is the job that prepares it; None: there is nothing to prepare. `lease_label` is `bench-lease` of its
    `labels`.
    """

    provider: str
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    accelerators: Accelerators | None = None
    spot: bool = False
    hourly: Decimal | None = None
    resource_id: str | None = None
    setup: int | None = None
    lease_label: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def price(self) -> Price | None:
        """`hourly` as a lease's record has it; None where it is not known."""
        if self.hourly is None:
            return None
        return Price(
            amount=self.hourly,
            pricing_category="Dynamic" if self.spot else "Standard",
            source="SkyPilot catalogue",
            currency="USD",
            seen=utc_now().date(),
        )


class Job(Enum):
    """The state of a job on a machine. GONE: the machine is no longer there."""

    WAITING = "waiting"
    SETUP = "setup"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    GONE = "gone"

    @property
    def over(self) -> bool:
        """Whether it will not change any more."""
        return self in (Job.DONE, Job.FAILED, Job.GONE)


class Uptime(NamedTuple):
    """When a machine was paid for, by SkyPilot's books; `stopped` None: it still is."""

    started: datetime
    stopped: datetime | None


@dataclass(frozen=True)
class ClusterStatus:
    """A machine that is there now, or being made or terminated: what `bench status` shows."""

    cluster: str
    state: str
    launched: datetime
    instance: Instance | None


class StandingJobs(NamedTuple):
    """The jobs on a machine that an earlier call rented: the one that prepares it, and the one that measures."""

    setup: int | None
    run: int | None


class Provisioner(Protocol):
    """Rents machines. A call may take minutes; each may be made from a thread of its own.

    All but `check` raise whatever the library raises: `failure_of_error` gives the reason and the words for it.
    """

    def check(self) -> None:
        """Raise BenchError, with what to do, where nothing can be rented from here."""

    def launch(self, request: LaunchRequest) -> Instance:
        """Rent the machine, and begin to prepare it. Returns once it is there."""

    def cancel_launch(self, cluster: str) -> None:
        """Cancel a `launch` in flight or to come, which then raises. Returns once it does nothing more."""

    def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
        """Start what is to be measured, with more `envs`, and return its job."""

    def standing_jobs(self, cluster: str) -> StandingJobs:
        """The jobs that an earlier call has started on the machine."""

    def job(self, cluster: str, job: int) -> Job:
        """The state of a job."""

    def log(self, cluster: str, job: int) -> Sequence[str]:
        """The last lines that the job printed."""

    def whole_log(self, cluster: str) -> Iterable[str]:
        """All that the jobs on the machine have printed, the first job first, in pieces of any length."""

    def cancel(self, cluster: str) -> None:
        """Cancel every job on the machine."""

    def records(self, cluster: str) -> Iterable[RawRecord]:
        """Every record in `~/bench-results` of the machine. Raises BenchError where they cannot be had."""

    def down(self, cluster: str) -> None:
        """Terminate the machine; nothing to do where there is none. Returns once it is gone."""

    def uptime(self, cluster: str, since: datetime) -> Uptime | None:
        """When the newest cluster of that name was paid for; None where none was launched since then."""

    def clusters(self) -> Sequence[ClusterStatus]:
        """Every machine that there is, not only those of sweeps."""


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

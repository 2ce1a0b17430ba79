"""Why a cell failed and why its machine ended: SkyPilot's exception, or the end of its job, as a reason and in words.

`cloud_errors.csv` has the clouds' own codes and what each means. A refusal whose code it does not hold is an ERROR, in
the cloud's words: nothing is taken for a lack of capacity that may be a wrong image or a missing permission.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Final, Literal, NamedTuple, cast

from bench.errors import BenchError
from bench.record.documents import CloseReason, Run
from bench.sweep.provisioning.provisioner import OWN_CLUSTERS, Instance, Job, Uptime
from bench.text import one_line, plural

FailureReason = Literal["CAPACITY", "QUOTA", "PERMISSION", "RATE", "PREEMPTED", "LOST", "OOM", "ERROR"]

NOT_PROVISIONED = ("CAPACITY", "QUOTA", "PERMISSION")  # the cloud refused: no machine, and nothing was paid for
# Where several places refuse for several reasons, the one that its user can do something about.
_FIRST_SAID: Final[Sequence[FailureReason]] = ("QUOTA", "PERMISSION", "CAPACITY", "RATE")
_NOBODY = re.compile(r"catalog does not contain|not enabled|no cloud access|no infra", re.IGNORECASE)
# A cluster of one's own has no codes: what it refuses, it has no free node for.
_OWN_CLUSTER = re.compile(rf"Failed to acquire resources.*\b({'|'.join(OWN_CLUSTERS)})\(", re.IGNORECASE)
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
    first, *others = _texts(error)
    if not others and _NOBODY.search(first):
        return Failure("ERROR", shortened(first))
    refusals = [(reason, text) for text in (first, *others) for reason in _reasons(text)]
    for reason in _FIRST_SAID:
        if words := next((text for said, text in refusals if said == reason), None):
            return Failure(reason, shortened(words))
    # What was met in a place says more than the sum of them. Not the notes: they are lines of a log.
    met = others[: len(_attempts(error))]
    if words := next(filter(_OWN_CLUSTER.search, [*met, first]), None):
        return Failure("CAPACITY", shortened(words))
    return Failure("ERROR", shortened("".join(met[-1:]) or first))


def failure_of_job(
    job: Job,
    log: Iterable[str],
    runs: Sequence[Run],
    *,
    taken_back: str | None = None,
    complete: bool = False,
    in_setup: bool = False,
) -> Failure | None:
    """How a job that is over failed; None where it did not. `runs` are those of the cell that this call made.

    `taken_back` is the evidence that the provider took the machine, `complete` whether every run of the cell is made:
    then it does not matter how the machine ended. Where runs are missing it does, whether or not one has failed.
    """
    if taken_back and not complete and job in (Job.FAILED, Job.GONE):
        return Failure("PREEMPTED", f"the provider took the machine back ({taken_back})")
    if job is Job.GONE and not complete:
        return Failure(
            "LOST", "the machine is gone without evidence of why; its cost counts up to its last sign of life"
        )
    if failed := [run for run in runs if run.status == "failed"]:
        return Failure("OOM" if any(run.reason == "OOM" for run in failed) else "ERROR", _failed_runs(failed))
    if job is not Job.FAILED or taken_back:
        return None
    lines = [line for line in map(plain, log) if line]
    last = shortened(lines[-1]) if lines else "without any output"
    where = "setup" if in_setup else "the job"
    return Failure("OOM" if any(map(_MEMORY.search, lines)) else "ERROR", f"{where} failed: {last}")


def notice_of(runs: Iterable[Run]) -> str | None:
    """The evidence in a machine's own records that the provider took it back: it saw the notice, and SIGTERM."""
    return "its notice, recorded by the machine" if any(run.reason == "PREEMPTED" for run in runs) else None


@dataclass(frozen=True)
class MachineEnd:
    """How a machine ended. `gone`: by itself.

    `taken_back` is the evidence that its provider took it, if there is any. `last_sign` is its last sign of life: an
    answer, or a record.
    """

    gone: bool
    taken_back: str | None
    last_sign: datetime
    notes: tuple[str, ...] = ()

    def close_reason(self, failure: Failure | None, *, stopped: bool) -> CloseReason:
        """Why its lease closes, in a sweep that was stopped or not. A cost of 0 needs evidence: else it is lost."""
        if self.gone:
            return "preempted" if self.taken_back else "lost"
        if failure is None:
            return "interrupted" if stopped else "finished"
        # It had the notice, and was given back from here before the provider took it: that is paid for.
        return "interrupted" if failure.reason == "PREEMPTED" else "failed"

    def charged(self, booked: Uptime) -> Uptime:
        """When it was paid for. SkyPilot's books say when it was missed, which may be a night after it ended."""
        return booked._replace(stopped=max(booked.started, self.last_sign)) if self.gone else booked


def machine_end(
    job: Job,
    runs: Sequence[Run],
    last_sign: datetime,
    instance: Instance | None,
    ask_cloud: Callable[[Instance], str | None],
) -> MachineEnd:
    """The end of a machine whose job ended as `job` and which made `runs`.

    The cloud is asked of a spot machine that is gone, and has not recorded itself that it saw the notice.
    """
    ends = [run.anchor + timedelta(seconds=run.phases[-1].stop) for run in runs if run.phases]
    last_sign = max([last_sign, *ends])
    gone, taken_back = job is Job.GONE, notice_of(runs)
    if gone and taken_back is None and instance is not None and instance.spot:
        try:
            taken_back = ask_cloud(instance)
        except Exception as error:  # SkyPilot and its clouds raise what they like
            note = f"the cloud could not be asked why the machine ended: {error_line(error)}"
            return MachineEnd(gone, None, last_sign, (note,))
    return MachineEnd(gone, taken_back, last_sign)


def plain(text: str) -> str:
    """`text` without colours and what else cannot be seen, on one line."""
    return one_line(_ANSI.sub("", text))


def shortened(text: str) -> str:
    """The beginning of `text`, which can be pages long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def error_line(error: BaseException) -> str:
    """The beginning of what `error` says, on one line; its kind, where it says nothing."""
    return shortened(plain(str(error))) or type(error).__name__


def _texts(error: BaseException) -> list[str]:
    """What `error` says, then each attempt that SkyPilot made, then the notes that go with it."""
    return [plain(str(text)) for text in (error, *_attempts(error), *getattr(error, "__notes__", ()))]


def _attempts(error: BaseException) -> Sequence[BaseException]:
    """What SkyPilot met in each place that it tried."""
    return getattr(error, "failover_history", None) or ()


def _reasons(text: str) -> Iterator[FailureReason]:
    """What the codes in `text` mean."""
    for match in _pattern().finditer(text):
        yield cloud_errors()[match[0]]


@cache
def cloud_errors() -> Mapping[str, FailureReason]:
    """What each code of a cloud means. The file is read at the first call."""
    text = files("bench.sweep.provisioning").joinpath("cloud_errors.csv").read_text(encoding="utf-8")
    return {row["code"]: cast(FailureReason, row["meaning"]) for row in csv.DictReader(text.splitlines())}


@cache
def _pattern() -> re.Pattern[str]:
    """Any code, whole: LimitExceeded is not in VcpuLimitExceeded."""
    codes = sorted(cloud_errors(), key=len, reverse=True)
    return re.compile(rf"(?<![\w/])(?:{'|'.join(map(re.escape, codes))})(?![\w/])")


def _failed_runs(failed: Sequence[Run]) -> str:
    """Such as "2 runs failed (OOM): out of memory with batch 512"."""
    reasons = ", ".join(sorted(Counter(run.reason or "ERROR" for run in failed)))
    message = plain(next((run.message for run in failed if run.message), ""))
    return shortened(f"{plural(len(failed), 'run')} failed ({reasons})" + (f": {message}" if message else ""))

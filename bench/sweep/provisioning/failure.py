"""Why a cell failed and why its machine ended: SkyPilot's exception, or the end of its job, as a reason and in words.

`cloud_errors.csv` lists the clouds' own codes and their meanings. A refusal with another code is an ERROR, in the
cloud's words: a wrong image or a missing permission must not be taken for a lack of capacity.
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
# If several places refuse for several reasons, the one that the user can do something about.
_FIRST_SAID: Final[Sequence[FailureReason]] = ("QUOTA", "PERMISSION", "CAPACITY", "RATE")
_NOBODY = re.compile(r"catalog does not contain|not enabled|no cloud access|no infra", re.IGNORECASE)
# The user's own cluster has no codes: it refuses if it has no free node.
_OWN_CLUSTER = re.compile(rf"Failed to acquire resources.*\b({'|'.join(OWN_CLUSTERS)})\(", re.IGNORECASE)
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_MEMORY = re.compile(r"out of memory|OutOfMemory|exit code 137|\[137\]|oom.?kill", re.IGNORECASE)
_LONGEST = 300


class Failure(NamedTuple):
    """Why a cell failed: the reason as one word, and in detail."""

    reason: FailureReason
    words: str


def failure_of_error(error: BaseException) -> Failure:
    """The meaning of `error`, raised while a machine was rented or used."""
    if isinstance(error, BenchError):
        return Failure("ERROR", str(error))
    # By name: SkyPilot is not imported just for its errors.
    if "ResourcesUnavailableError" not in {kind.__name__ for kind in type(error).__mro__}:
        return Failure("ERROR", error_line(error))
    first, *others = _texts(error)
    if not others and _NOBODY.search(first):
        return Failure("ERROR", shortened(first))
    refusals = [(reason, text) for text in (first, *others) for reason in _reasons(text)]
    for reason in _FIRST_SAID:
        if words := next((text for said, text in refusals if said == reason), None):
            return Failure(reason, shortened(words))
    # The error of one place says more than the summary. The notes are not used: they are lines of a log.
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
    """How a finished job failed; None if it did not. `runs` are those of the cell made by this call.

    `taken_back` is the evidence that the provider took the machine, `complete` whether all runs of the cell are made:
    then it does not matter how the machine ended. If runs are missing it does, whether or not one has failed.
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
    """The evidence in a machine's own records that the provider took it back: it saw the notice, then SIGTERM."""
    return "its notice, recorded by the machine" if any(run.reason == "PREEMPTED" for run in runs) else None


@dataclass(frozen=True)
class MachineEnd:
    """How a machine ended. `gone`: by itself.

    `taken_back` is the evidence that its provider took it, if any. `last_sign` is its last sign of life: an answer or
    a record.
    """

    gone: bool
    taken_back: str | None
    last_sign: datetime
    notes: tuple[str, ...] = ()

    def close_reason(self, failure: Failure | None, *, stopped: bool) -> CloseReason:
        """The reason for closing its lease; `stopped`: the sweep was. A cost of 0 needs evidence, else it is lost."""
        if self.gone:
            return "preempted" if self.taken_back else "lost"
        if failure is None:
            return "interrupted" if stopped else "finished"
        # It had the notice, but was given back by the sweep before the provider took it: that is paid for.
        return "interrupted" if failure.reason == "PREEMPTED" else "failed"

    def charged(self, booked: Uptime) -> Uptime:
        """When it was paid for. SkyPilot's history says when its absence was noticed, perhaps hours after its end."""
        return booked._replace(stopped=max(booked.started, self.last_sign)) if self.gone else booked


def machine_end(
    job: Job,
    runs: Sequence[Run],
    last_sign: datetime,
    instance: Instance | None,
    ask_cloud: Callable[[Instance], str | None],
) -> MachineEnd:
    """The end of a machine whose job ended as `job` and which made `runs`.

    The cloud is asked about a spot machine that is gone and has not itself recorded the notice.
    """
    ends = [run.anchor + timedelta(seconds=run.phases[-1].stop) for run in runs if run.phases]
    last_sign = max([last_sign, *ends])
    gone, taken_back = job is Job.GONE, notice_of(runs)
    if gone and taken_back is None and instance is not None and instance.spot:
        try:
            taken_back = ask_cloud(instance)
        except Exception as error:  # SkyPilot and its clouds may raise anything
            note = f"the cloud could not be asked why the machine ended: {error_line(error)}"
            return MachineEnd(gone, None, last_sign, (note,))
    return MachineEnd(gone, taken_back, last_sign)


def plain(text: str) -> str:
    """`text` without colours and other invisible characters, on one line."""
    return one_line(_ANSI.sub("", text))


def shortened(text: str) -> str:
    """The beginning of `text`, which may be pages long."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def error_line(error: BaseException) -> str:
    """The beginning of the message of `error`, on one line; its type, if the message is empty."""
    return shortened(plain(str(error))) or type(error).__name__


def _texts(error: BaseException) -> list[str]:
    """The message of `error`, then those of SkyPilot's attempts, then the notes of the exception."""
    return [plain(str(text)) for text in (error, *_attempts(error), *getattr(error, "__notes__", ()))]


def _attempts(error: BaseException) -> Sequence[BaseException]:
    """SkyPilot's errors in each place that it tried."""
    return getattr(error, "failover_history", None) or ()


def _reasons(text: str) -> Iterator[FailureReason]:
    """The meanings of the codes in `text`."""
    for match in _pattern().finditer(text):
        yield cloud_errors()[match[0]]


@cache
def cloud_errors() -> Mapping[str, FailureReason]:
    """The meaning of each code of a cloud. The file is read at the first call."""
    text = files("bench.sweep.provisioning").joinpath("cloud_errors.csv").read_text(encoding="utf-8")
    return {row["code"]: cast(FailureReason, row["meaning"]) for row in csv.DictReader(text.splitlines())}


@cache
def _pattern() -> re.Pattern[str]:
    """Any code as a whole word: LimitExceeded does not match VcpuLimitExceeded."""
    codes = sorted(cloud_errors(), key=len, reverse=True)
    return re.compile(rf"(?<![\w/])(?:{'|'.join(map(re.escape, codes))})(?![\w/])")


def _failed_runs(failed: Sequence[Run]) -> str:
    """Such as "2 runs failed (OOM): out of memory with batch 512"."""
    reasons = ", ".join(sorted(Counter(run.reason or "ERROR" for run in failed)))
    message = plain(next((run.message for run in failed if run.message), ""))
    return shortened(f"{plural(len(failed), 'run')} failed ({reasons})" + (f": {message}" if message else ""))

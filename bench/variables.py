"""The BENCH_* variables: their names, what they mean, and how each value is read.

The first group are options of commands, the second what a launcher tells the machine it rented, the third settings of
a host or an image, the fourth what a program of one's own is told, the last what only the scripts in sky/ read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Generic, TypeVar, get_args

from bench.errors import UsageError
from bench.record.documents import Accelerators, PhaseName, time_of

T = TypeVar("T")
_PREFIX = "BENCH_"
_TAG = re.compile(r"([a-z0-9][a-z0-9_-]{0,62})=([A-Za-z0-9][A-Za-z0-9._/-]{0,254})", re.ASCII)
# How far two clocks may be apart: where a person types a time, and where a launcher passes one, which must end no job
# whose machine is paid for. S3 refuses clocks that are further off.
_MINUTE, _LAUNCHERS_CLOCK = timedelta(minutes=1), timedelta(minutes=15)
# Nobody rented a machine for this before: an earlier time is a date without its dashes, or a clock that was never set.
FIRST_RENTED = datetime(2015, 1, 1, tzinfo=UTC)
_UNIX_SECONDS = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,9})?", re.ASCII)


@dataclass(frozen=True)
class Variable(Generic[T]):
    """One variable. `parse` raises ValueError for a text that cannot be meant."""

    name: str
    meaning: str
    parse: Callable[[str], T]

    def read(self, environ: Mapping[str, str]) -> T | None:
        """Its value; None where it is not set, or blank. Raises UsageError, naming the variable."""
        text = environ.get(self.name, "").rstrip()  # a file of Docker's, saved on Windows, ends it with a CR
        if not text:
            return None
        try:
            return self.parse(text)
        except ValueError as error:
            raise UsageError(f"{self.name}: {error}") from None


def lease_or_series_id(text: str) -> str:
    """`text`, if it can be an id. Raises ValueError."""
    try:
        time_of(text)
    except ValueError:
        raise ValueError(f"{text!r} is not an id; one looks like 019aab8c-6c00-7000-8000-000000000000") from None
    return text


def _accelerators(text: str) -> Accelerators:
    return Accelerators.parse(text)


def _whole(text: str, least: int, digits: int) -> int:
    if not re.fullmatch(rf"[0-9]{{1,{digits}}}", text) or int(text) < least:
        raise ValueError(f"{text!r} is not a number; give one of {least} or more")
    return int(text)


_count = partial(_whole, least=1, digits=9)
_seed = partial(_whole, least=0, digits=10)  # as `--seed` has, and the runs that count up from it


def _tags(text: str) -> dict[str, str]:
    matches = {word: _TAG.fullmatch(word) for word in text.split()}
    for word, match in matches.items():
        if match is None:
            raise ValueError(f"{word!r} is not NAME=VALUE, such as bench-sweep=the-claim/v100")
    return {match[1]: match[2] for match in matches.values() if match}


def _instant(text: str) -> datetime:
    form = "give Unix seconds (date +%s) or 2026-11-22T12:00:00Z"
    try:
        unix = _UNIX_SECONDS.fullmatch(text)
        at = datetime.fromtimestamp(float(text), UTC) if unix else datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        raise ValueError(f"{text!r} is not a time; {form}") from None
    if at.tzinfo is None:
        raise ValueError(f"{text!r} is not a time; {form}")
    if at < FIRST_RENTED:
        raise ValueError(f"{text} is before {FIRST_RENTED:%Y}, which cannot be right; {form}")
    if is_future(at, _LAUNCHERS_CLOCK):
        raise ValueError(f"{text} is in the future; is the clock of one machine wrong?")
    return at.astimezone(UTC)


def is_future(at: datetime, tolerance: timedelta = _MINUTE) -> bool:
    """Whether `at` has not come yet: such a time is refused wherever one is typed, as records cannot be put right."""
    return at > datetime.now(UTC) + tolerance


def _phase_starts(text: str) -> list[tuple[PhaseName, datetime]]:
    phases: dict[str, PhaseName] = {name: name for name in get_args(PhaseName)}
    starts = []
    for word in text.split():
        name, _, instant = word.partition("=")
        if name not in phases or not instant:
            raise ValueError(f"{word!r} is not PHASE=TIME, such as setup=1795345200")
        starts.append((phases[name], _instant(instant)))
    if any(later < earlier for (_, earlier), (_, later) in pairwise(starts)):
        raise ValueError("the phases are not in order of time")
    return starts


def _deadline(text: str) -> str:
    """`text`, if the scripts in sky/ can read it. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{1,12}[smhd]?", text):
        raise ValueError(
            f"{text!r} is no deadline; give Unix seconds (date +%s), or a time from now on such as 45m or 2h"
        )
    return text


STORE = Variable("BENCH_STORE", "where records are stored: a folder, or s3://bucket/prefix", str)
INSTANCE = Variable("BENCH_INSTANCE", "the instance type of the machine, such as aws:p3.2xlarge", str)
SPOT = Variable("BENCH_SPOT", "1: it is a spot machine", str)
PRICE_PER_HOUR = Variable("BENCH_PRICE_PER_HOUR", "the price of the machine per hour", str)
CURRENCY = Variable("BENCH_CURRENCY", "the currency of BENCH_PRICE_PER_HOUR, ISO 4217", str)
ECHO = Variable("BENCH_ECHO", "1: each record is also a line of the job's log", str)
FINGERPRINT = Variable("BENCH_FINGERPRINT", "0: `bench run` does not measure the machine before its runs", str)

LEASE_ID = Variable("BENCH_LEASE_ID", "the launch that rented this machine", lease_or_series_id)
LEASE_TAGS = Variable("BENCH_LEASE_TAGS", "tags for the lease's record: name=value name=value", _tags)
LEASE_STARTED = Variable("BENCH_LEASE_STARTED", "when the machine began to be paid for", _instant)
LEASE_PHASES = Variable("BENCH_LEASE_PHASES", "when each phase before the run began: phase=instant …", _phase_starts)
LEASE_ATTEMPT = Variable("BENCH_LEASE_ATTEMPT", "which machine of the same task this is, from 1", _count)
SERIES_ID = Variable("BENCH_SERIES_ID", "the series that `bench run --resume` continues", lease_or_series_id)
RESOURCE_ID = Variable("BENCH_RESOURCE_ID", "the provider's name for the machine, as on its bill", str)
ACCELERATORS = Variable("BENCH_ACCELERATORS", "accelerators in SkyPilot's notation: V100:8", _accelerators)
PRICE_SOURCE = Variable("BENCH_PRICE_SOURCE", "the source of BENCH_PRICE_PER_HOUR", str)

SPOOL = Variable("BENCH_SPOOL", "where records wait for a store that cannot be reached", str)
S3_SSE = Variable("BENCH_S3_SSE", "how S3 is to encrypt records: AES256, aws:kms or aws:kms:dsse", str)
S3_SSE_KMS_KEY_ID = Variable("BENCH_S3_SSE_KMS_KEY_ID", "the key for it, with aws:kms", str)
GIT_COMMIT = Variable("BENCH_GIT_COMMIT", "the commit an image was built from, as `git describe --dirty` has it", str)
IMAGE_DIGEST = Variable("BENCH_IMAGE_DIGEST", "the digest of the image", str)

EVENTS = Variable("BENCH_EVENTS", "the file in which a program may show its progress; `bench exec` names it", str)
SEED = Variable("BENCH_SEED", "the seed of a program's run; `bench exec` gives it", _seed)
NODES_PORT = Variable("BENCH_NODES_PORT", "the TCP port at which the other nodes reach the first", _count)

RECIPES = Variable("BENCH_RECIPES", "the recipes to run", str)
RUNS = Variable("BENCH_RUNS", "runs of each recipe", _count)
GPUS = Variable("BENCH_GPUS", "GPUs that train together", _count)
IMAGE = Variable("BENCH_IMAGE", "an image to pull and to run in", str)
RUNTIME = Variable("BENCH_RUNTIME", "how bench runs on the machine: auto, venv, docker, docker-build or installed", str)
DEADLINE = Variable(
    "BENCH_DEADLINE", "when the job is ended: Unix seconds, or a time from now on such as 45m", _deadline
)
SHOW_COST = Variable("BENCH_SHOW_COST", "1: `bench run` ends with what each phase of the lease cost", str)
IDLE_MINUTES = Variable("BENCH_IDLE_MINUTES", "idle minutes before the machine is given back", _count)


def check(environ: Mapping[str, str]) -> None:
    """Raise UsageError for one that is invalid, before anything is paid for that it would end."""
    for variable in VARIABLES.values():
        variable.read(environ)


def misspelt(environ: Mapping[str, str]) -> dict[str, str]:
    """The names that begin like ours, are none of ours and are near one of them, each with that one."""
    ours = {name.removeprefix(_PREFIX): name for name in VARIABLES}
    others = [name for name in environ if name.upper().startswith(_PREFIX) and name not in VARIABLES]
    near = {name: difflib.get_close_matches(name.upper().removeprefix(_PREFIX), ours, n=1) for name in others}
    return {name: ours[found[0]] for name, found in sorted(near.items()) if found}


VARIABLES = {value.name: value for value in list(globals().values()) if isinstance(value, Variable)}

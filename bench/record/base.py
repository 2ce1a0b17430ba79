"""What every document is made of: its version, an id that sorts by time, and parts that let nothing unknown in.

Its plain content has the shape of its own version: what was written once keeps its bytes.
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
    field_validator,
    model_validator,
)

from bench.sealed import new_id, version_7

# Version history: raise the number with any change of meaning or shape, and keep reading the old ones.
# 1  2026-11-22  first version: run, lease-opened, lease-closed. Not released yet; since then only added to:
#                published, published-runs; bill; of a lease its resource_id, attempt, stopped_source, and the words
#                launcher (started_source), preempted and lost (reason); of a run its recipe's version.
# 2  2026-11-26  of a run only: it may be of a program; evaluations hold metrics by name, where those of version 1
#                held `accuracy`; ended, cleanup, resumed_from, progress; the environment's cudnn and triton. What
#                version 1 lacks reads as null.
# 3  2026-11-26  of a run only: machine (hashes of host and GPUs, fingerprints) and peak_memory.
SCHEMA_VERSION: Final = 3
# What `time_of` takes, for other readers.
_ID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"


def _in_utc(instant: datetime) -> datetime:
    if instant.utcoffset() != timedelta(0):
        raise ValueError("not in UTC")
    return instant


Utc = Annotated[AwareDatetime, AfterValidator(_in_utc), Field(description="an instant, UTC")]
# Money is text in JSON: a double cannot hold 0.10.
Money = Annotated[Decimal, Field(ge=0, lt=10**15, allow_inf_nan=False), PlainSerializer(str, when_used="json")]


def derived_id(day: date, name: str) -> str:
    """The UUIDv7 of what was published on `day` under `name`; the same two always give the same id.

    Its time is the beginning of that day, UTC; its other bits are of the SHA-256 of `name`. Raises ValueError
    for a day before 1970 and for a name that has no UTF-8.
    """
    milliseconds = (day - date(1970, 1, 1)).days * 86_400_000
    if milliseconds < 0:
        raise ValueError(f"{day} is before 1970, and an id holds no such day")
    return version_7(milliseconds, int.from_bytes(hashlib.sha256(name.encode()).digest()[:10]))


def time_of(identifier: str) -> datetime:
    """When a UUIDv7 was made, UTC, to the millisecond. Raises ValueError for anything else."""
    parsed = uuid.UUID(identifier)
    if parsed.version != 7 or str(parsed) != identifier:
        raise ValueError(f"{identifier} is not a UUID of version 7 in its one spelling")
    return datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)


_PLAINER = {"extra_forbidden": "there is no such field", "tuple_type": "must be a list"}


def first_mistake(error: ValidationError) -> str:
    """The first validation error in plain words, behind its place if it has one: `series.index: Field required`."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    # pydantic's words, behind its prefix where a validator of ours says them
    what = _PLAINER.get(first["type"], first["msg"].removeprefix("Value error, "))
    return f"{where}: {what}" if where else what


class Part(BaseModel):
    """A piece of a document: frozen, and without fields that the schema does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Document(Part):
    """What every stored document has."""

    schema_version: Literal[1] = 1
    id: str = Field(default_factory=new_id, json_schema_extra={"pattern": _ID_PATTERN})

    @field_validator("id")
    @classmethod
    def _sorts_by_time(cls, value: str) -> str:
        time_of(value)
        return value

    def key(self) -> str:
        """Where the document lies in a store, below its root."""
        raise NotImplementedError


def utc_now() -> datetime:
    """Now, UTC, with its zone."""
    return datetime.now(UTC)


PhaseName = Literal[
    "provision",
    "setup",
    "pull",
    "data",
    "build",
    "warmup",
    "prepare",
    "train",
    "evaluate",
    "final_evaluate",
    "upload",
    "idle",
    "process",  # of a program: what it gives no name, which may be anything
]


# More than thirty years; far beyond it, sums of seconds would overflow before a table says anything.
_LONGEST_S = 1e9


class Phase(Part):
    """A named stretch of a run. `start` and `stop` are seconds after the run's anchor."""

    name: PhaseName
    start: float = Field(ge=-_LONGEST_S, le=_LONGEST_S)
    stop: float = Field(ge=-_LONGEST_S, le=_LONGEST_S)
    epoch: float | None = Field(None, description="epochs finished when the phase ended, where it has one")
    synchronised: bool = Field(True, description="the device had finished its work at both edges")

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.stop - self.start

    @model_validator(mode="after")
    def _ordered(self) -> Phase:
        if self.stop < self.start:
            raise ValueError(f"phase {self.name} stops at {self.stop} s, before it starts at {self.start} s")
        return self


class Target(Part):
    """The quality to reach."""

    metric: Literal["accuracy"] = "accuracy"
    at_least: float = Field(gt=0, le=1)
    dataset: str = "cifar10"

    def reached(self, value: float) -> bool:
        """Whether `value` is good enough."""
        return value >= self.at_least

    @property
    def value(self) -> float:
        """The value to reach."""
        return self.at_least


class MetricTarget(Part):
    """The quality to reach: a metric of the program, a direction and a value."""

    metric: str = Field(min_length=1)
    at_least: float | None
    at_most: float | None

    @model_validator(mode="after")
    def _one_direction(self) -> MetricTarget:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a target is either at least or at most a value")
        return self

    @property
    def value(self) -> float:
        """The value to reach."""
        value = self.at_least if self.at_least is not None else self.at_most
        assert value is not None
        return value

    def reached(self, value: float) -> bool:
        """Whether `value` is good enough."""
        return value >= self.value if self.at_least is not None else value <= self.value


_STILL_1 = ("lease-opened", "lease-closed", "bill", "published", "published-runs")
# Fields that earlier versions did not have: of a run, and of its parts.
_SINCE_2 = ("program", "ended", "cleanup", "resumed_from", "progress")
_SINCE_3 = ("machine", "peak_memory")
_PARTS_SINCE_2 = {"device": ("compared",), "environment": ("cudnn", "triton")}


def content_of(document: Document) -> dict[str, Any]:
    """The document as plain JSON content, without its checksum."""
    content = document.model_dump(mode="json")
    if content["kind"] != "run" or content["schema_version"] == SCHEMA_VERSION:
        return content
    of_2 = _without(content, _SINCE_3)
    return _down_to_1(of_2) if content["schema_version"] == 1 else of_2


def newest_version(content: dict[str, Any]) -> int:
    """The newest version of such a document that can be read: the kinds do not go on together."""
    return 1 if content.get("kind") in _STILL_1 else SCHEMA_VERSION


def upgraded(content: dict[str, Any]) -> dict[str, Any]:
    """Stored content in the shape of today, under its own `schema_version`. What does not fit, the schema will say."""
    if content.get("kind") != "run" or content.get("schema_version") != 1:
        return content
    evaluations = content.get("evaluations")
    if not isinstance(evaluations, list) or not all(isinstance(each, dict) for each in evaluations):
        return content
    return content | {"evaluations": [_with_metrics(each) for each in evaluations]}


def _with_metrics(evaluation: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in evaluation.items() if name != "accuracy"}
    return rest | {"metrics": {"accuracy": evaluation.get("accuracy")}}


def _down_to_1(content: dict[str, Any]) -> dict[str, Any]:
    evaluations = [
        _without(each, ("metrics", "step")) | {"accuracy": each["metrics"]["accuracy"]}
        for each in content["evaluations"]
    ]
    parts = {part: _without(content[part], since) for part, since in _PARTS_SINCE_2.items()}
    return _without(content, _SINCE_2) | parts | {"evaluations": evaluations}


def _without(content: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if name not in names}

"""The documents `bench` writes, to bytes and back: a run, a lease opened or closed, a bill, what others published.

They are immutable, versioned and checksummed, one JSON file each. Times inside a run are seconds on the monotonic
clock, counted from `anchor`, the one UTC instant a run holds. Unknown is null, never 0. Everything outside this
package imports documents, their parts, ids and clock policies from here. What is read back has passed its checksum and
its schema.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from bench.errors import RecordError
from bench.record.base import (
    SCHEMA_VERSION,
    Document,
    MetricTarget,
    Money,
    Part,
    Phase,
    PhaseName,
    Target,
    Utc,
    content_of,
    derived_id,
    first_mistake,
    newest_version,
    time_of,
    upgraded,
    utc_now,
)
from bench.record.lease import (
    LEASE_TAG,
    NODES_TAG,
    OWN,
    Accelerators,
    Bill,
    BillSource,
    Charge,
    ChargeCategory,
    CloseReason,
    JoinedBy,
    LeaseClosed,
    LeaseEdge,
    LeaseOpened,
    Partial,
    Price,
    PriceUnit,
    PricingCategory,
    StartedSource,
    StoppedSource,
    current_bills,
    lease_key,
    make_bill,
    of_machine,
    of_nodes,
    sum_known,
)
from bench.record.policy import (
    COUNTED,
    DEFAULT_POLICY,
    ONCE,
    POLICIES,
    Policy,
    attempt_seconds,
    fell_back,
    left_out_seconds,
    once_seconds,
    policy_seconds,
    spent,
)
from bench.record.published import CurvePoint, Published, PublishedRun, PublishedRuns, current_published
from bench.record.run import (
    Device,
    Environment,
    Evaluation,
    ExecutionPath,
    Reason,
    RecipeRef,
    Run,
    Series,
    Status,
    comparable,
    recipe_label,
    run_key,
)
from bench.record.run_parts import (
    Cleanup,
    Ended,
    Fingerprint,
    Machine,
    PeakMemory,
    Program,
    StepProgress,
    StepSeconds,
)
from bench.sealed import CHECKSUM_FIELD, new_id, seal, unaltered

__all__ = [
    "COUNTED",
    "DEFAULT_POLICY",
    "LEASE_TAG",
    "NODES_TAG",
    "ONCE",
    "OWN",
    "POLICIES",
    "SCHEMA_VERSION",
    "Accelerators",
    "AnyDocument",
    "Bill",
    "BillSource",
    "Charge",
    "ChargeCategory",
    "Cleanup",
    "CloseReason",
    "CurvePoint",
    "Device",
    "Document",
    "Ended",
    "Environment",
    "Evaluation",
    "ExecutionPath",
    "Fingerprint",
    "JoinedBy",
    "LeaseClosed",
    "LeaseEdge",
    "LeaseOpened",
    "Machine",
    "MetricTarget",
    "Money",
    "Part",
    "Partial",
    "PeakMemory",
    "Phase",
    "PhaseName",
    "Policy",
    "Price",
    "PriceUnit",
    "PricingCategory",
    "Program",
    "Published",
    "PublishedRun",
    "PublishedRuns",
    "Reason",
    "RecipeRef",
    "Run",
    "Series",
    "StartedSource",
    "Status",
    "StepProgress",
    "StepSeconds",
    "StoppedSource",
    "Target",
    "Utc",
    "attempt_seconds",
    "comparable",
    "content_of",
    "current_bills",
    "current_published",
    "derived_id",
    "fell_back",
    "first_mistake",
    "from_bytes",
    "json_schema",
    "lease_key",
    "left_out_seconds",
    "make_bill",
    "new_id",
    "of_machine",
    "of_nodes",
    "once_seconds",
    "policy_seconds",
    "recipe_label",
    "run_key",
    "spent",
    "sum_known",
    "time_of",
    "to_bytes",
    "utc_now",
]

AnyDocument = Annotated[Run | LeaseOpened | LeaseClosed | Bill | Published | PublishedRuns, Field(discriminator="kind")]
_ANY: TypeAdapter[AnyDocument] = TypeAdapter(AnyDocument)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")


def _whole(digits: str) -> int:
    # What tables and Parquet hold, and more than anything counts.
    if len(digits) > 20 or not -(2**63) <= (number := int(digits)) < 2**63:
        raise ValueError(f"{digits[:20]}… has more than 64 bits")
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse, parse_int=_whole)


def to_bytes(document: Document) -> bytes:
    """The document as it is stored: canonical JSON with its SHA-256."""
    return seal(content_of(document))


def from_bytes(raw: bytes, name: str) -> AnyDocument:
    """The document in `raw`, read from `name`.

    Raises RecordError, naming `name`, where the bytes are no JSON, were altered, are newer than this version reads, or
    do not fit the schema.
    """
    try:
        content: Any = _DECODER.decode(raw.decode())
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{name}: not a JSON document ({error}); restore it from a copy") from error
    if not isinstance(content, dict) or not isinstance(content.get("schema_version"), int):
        raise RecordError(f"{name}: not a record of bench (no schema_version); move it out of the store")
    newest = newest_version(content)
    if content["schema_version"] > newest:
        raise RecordError(
            f"{name}: written by a newer bench (schema {content['schema_version']}, this one reads up to "
            f"{newest}); upgrade bench"
        )
    if not unaltered(raw, content):
        raise RecordError(f"{name}: checksum does not match, the record was altered; restore it from a copy")
    del content[CHECKSUM_FIELD]
    try:
        return _ANY.validate_python(upgraded(content), strict=False)
    except ValidationError as error:
        raise RecordError(f"{name}: does not fit the schema at {first_mistake(error)}") from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema of every document as it is stored, by kind."""
    schema = _ANY.json_schema(mode="serialization")
    for kind in (Run, LeaseOpened, LeaseClosed, Bill, Published, PublishedRuns):
        stored = schema["$defs"][kind.__name__]
        stored["properties"][CHECKSUM_FIELD] = {
            "description": "SHA-256 in hex over the canonical JSON of the other fields",
            "pattern": "^[0-9a-f]{64}$",
            "type": "string",
        }
        stored["required"] = sorted({*stored["required"], CHECKSUM_FIELD})
    return schema

"""The documents `bench` writes: a run, a lease opened or closed, a bill, an entry published elsewhere.

They are immutable, versioned and checksummed, one JSON file each. Times inside a run are seconds on the monotonic
clock, counted from `anchor`, the one UTC instant a run holds. Unknown is null, never 0. Everything outside this
package imports documents, their parts, ids and clock policies from here.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench.record.base import (
    SCHEMA_VERSION,
    Document,
    Money,
    Part,
    Phase,
    PhaseName,
    Target,
    Utc,
    content_of,
    derived_id,
    new_id,
    time_of,
    utc_now,
)
from bench.record.bill import (
    Bill,
    BillSource,
    Charge,
    ChargeCategory,
    JoinedBy,
    Partial,
    current_bills,
    make_bill,
    sum_known,
)
from bench.record.lease import (
    LEASE_TAG,
    OWN,
    Accelerators,
    CloseReason,
    LeaseClosed,
    LeaseEdge,
    LeaseOpened,
    Price,
    PriceUnit,
    PricingCategory,
    StartedSource,
    StoppedSource,
    lease_key,
)
from bench.record.policy import (
    COUNTED,
    DEFAULT_POLICY,
    POLICIES,
    Policy,
    attempt_seconds,
    fell_back,
    first_hit,
    policy_seconds,
)
from bench.record.published import CurvePoint, Published
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
    recipe_label,
)

__all__ = [
    "COUNTED",
    "DEFAULT_POLICY",
    "LEASE_TAG",
    "OWN",
    "POLICIES",
    "SCHEMA_VERSION",
    "Accelerators",
    "AnyDocument",
    "Bill",
    "BillSource",
    "Charge",
    "ChargeCategory",
    "CloseReason",
    "CurvePoint",
    "Device",
    "Document",
    "Environment",
    "Evaluation",
    "ExecutionPath",
    "JoinedBy",
    "LeaseClosed",
    "LeaseEdge",
    "LeaseOpened",
    "Money",
    "Part",
    "Partial",
    "Phase",
    "PhaseName",
    "Policy",
    "Price",
    "PriceUnit",
    "PricingCategory",
    "Published",
    "Reason",
    "RecipeRef",
    "Run",
    "Series",
    "StartedSource",
    "Status",
    "StoppedSource",
    "Target",
    "Utc",
    "attempt_seconds",
    "content_of",
    "current_bills",
    "derived_id",
    "fell_back",
    "first_hit",
    "lease_key",
    "make_bill",
    "new_id",
    "policy_seconds",
    "recipe_label",
    "sum_known",
    "time_of",
    "utc_now",
]

AnyDocument = Annotated[Run | LeaseOpened | LeaseClosed | Bill | Published, Field(discriminator="kind")]

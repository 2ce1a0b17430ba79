"""The documents `bench` writes: a run, a lease opened or closed, a bill, an entry published elsewhere.

They are immutable, versioned and checksummed.

Each is one JSON file. Times inside a run are seconds on the monotonic clock, counted from `anchor`, the one
UTC instant a run holds. Unknown is null, never 0. This is the one place to import them from.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from bench.record.base import SCHEMA_VERSION, Document, Money, Part, Phase, PhaseName, Target, Utc, content_of, utc_now
from bench.record.bill import Bill, Charge
from bench.record.lease import Accelerators, LeaseClosed, LeaseOpened, Price, PriceUnit, PricingCategory
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
)

__all__ = [
    "SCHEMA_VERSION",
    "Accelerators",
    "AnyDocument",
    "Bill",
    "Charge",
    "CurvePoint",
    "Device",
    "Document",
    "Environment",
    "Evaluation",
    "ExecutionPath",
    "LeaseClosed",
    "LeaseOpened",
    "Money",
    "Part",
    "Phase",
    "PhaseName",
    "Price",
    "PriceUnit",
    "PricingCategory",
    "Published",
    "Reason",
    "RecipeRef",
    "Run",
    "Series",
    "Status",
    "Target",
    "Utc",
    "content_of",
    "utc_now",
]

AnyDocument = Annotated[Run | LeaseOpened | LeaseClosed | Bill | Published, Field(discriminator="kind")]

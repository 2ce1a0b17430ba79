"""A small store of leases, its figures by hand: two on demand with bills, two on spot, one open, one's own machine."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from bench.record.documents import (
    Accelerators,
    AnyDocument,
    Bill,
    Charge,
    LeaseClosed,
    LeaseOpened,
    Phase,
    Run,
    make_bill,
)
from tests.support import small_store as a

V100 = Accelerators(name="V100", count=1)


def opened(number: int, amount: str | None = "3.06", **changes: Any) -> LeaseOpened:
    """A p3.2xlarge whose launch the provider knows; charged from 30 s after it."""
    provision = Phase(name="provision", start=0, stop=30), Phase(name="setup", start=30, stop=90)
    fields = {"started_source": "provider", "region": "us-east-1", "accelerators": V100, "phases": provision}
    return a.a_lease(number, amount, **(fields | changes))


def closed(number: int, after: float, **changes: Any) -> LeaseClosed:
    """Given back so many seconds after noon."""
    fields: dict[str, Any] = {"stopped_source": "provider", "stopped": a.NOON + timedelta(seconds=after)}
    return LeaseClosed(id=a.an_id(number), **(fields | changes))


def bill(number: int, amount: str, **changes: Any) -> Bill:
    """What was charged for the hour in which the lease was, and all of it."""
    charge = Charge(description="p3.2xlarge", category="Usage", billed_cost=Decimal(amount), rows=1)
    fields: dict[str, Any] = {
        "lease_id": a.an_id(number),
        "provider": "aws",
        "source": "focus",
        "joined_by": "tag",
        "currency": "USD",
        "billing_period_start": datetime(2026, 11, 1, tzinfo=UTC),
        "charge_period_start": a.NOON,
        "charge_period_end": a.NOON + timedelta(hours=1),
        "charges": (charge,),
    }
    return make_bill(**(fields | changes))


def runs(number: int, hits: int, misses: int = 0) -> list[Run]:
    """Runs in lease `number`."""
    found = [0.941] * hits + [0.93] * misses
    return a.a_series(100 * number, [60.0] * len(found), found, lease_id=a.an_id(number))


def a_store() -> list[AnyDocument]:
    """On demand: 1 is billed in full, 2 in part. On spot: 3 was taken back in its first hour, 4 was not.

    5 is open. 6 is a machine of one's own, without a price.
    """
    spot = {"amount": "0.918", "pricing_category": "Dynamic"}
    return [
        opened(1),
        closed(1, 630),
        *runs(1, hits=3, misses=1),
        bill(1, "0.52"),
        bill(1, "9", source="cost-explorer"),
        opened(2),
        closed(2, 330),
        bill(2, "0.10", partial=("not-final",)),
        opened(3, **spot),
        closed(3, 2000, reason="preempted"),
        *runs(3, hits=1),
        opened(4, **spot),
        closed(4, 4030),
        *runs(4, hits=1),
        opened(5, "1.29", provider="lambda", instance_type="gpu_1x_a100", accelerators=None, phases=()),
        *runs(5, hits=1),
        a.a_lease(6, None, provider="own", instance_type=None),
        closed(6, 100),
        *runs(6, hits=1),
    ]

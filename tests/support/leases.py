"""Leases, rows of bills, and the two matched, for the tests of reconciliation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from analysis.frames.leases import Reconciliation, leases_of, reconcile, rented
from analysis.reconcile.formats.cells import column
from analysis.reconcile.formats.charge import RowError
from analysis.reconcile.match import MatchResult
from analysis.reconcile.reconcile import bills_of
from bench.record.documents import Accelerators, AnyDocument, Bill, LeaseClosed, LeaseOpened, Phase, Price
from tests.support.charges import focus_row, matched

START = datetime(2026, 11, 20, 12, 3, tzinfo=UTC)
HOUR = START.replace(minute=0)
IDS = [f"019aa163-e400-7000-8000-00000000000{digit}" for digit in range(5)]
PRICE = Price(amount=Decimal("3.06"), currency="USD", source="a list", seen=date(2026, 11, 1))


def opened(number: int = 0, **changes: Any) -> LeaseOpened:
    """A p3.2xlarge, charged for from 30 s after START."""
    fields: dict[str, Any] = {
        "id": IDS[number],
        "provider": "aws",
        "region": "us-east-1",
        "zone": "us-east-1a",
        "instance_type": "p3.2xlarge",
        "resource_id": "i-0abc",
        "accelerators": Accelerators(name="V100", count=1),
        "price": PRICE,
        "started": START,
        "started_source": "provider",
        "phases": (Phase(name="provision", start=0, stop=30),),
    }
    return LeaseOpened(**(fields | changes))


def closed(number: int = 0, after: float = 254) -> LeaseClosed:
    """Closed so many seconds after START."""
    return LeaseClosed(id=IDS[number], stopped=START + timedelta(seconds=after), stopped_source="provider")


def row(**changes: Any) -> dict[str, Any]:
    """The cells of a charge for the machine in its hour, with `changes`, by column name."""
    cells = focus_row(ResourceId="arn:aws:ec2:us-east-1:111122223333:instance/i-0abc")
    return {column(name): value for name, value in (cells | changes).items()}


LATER = row(ResourceId="other", ChargePeriodStart="2026-11-23T12:00:00Z", ChargePeriodEnd="2026-11-23T13:00:00Z")


def joined(*rows: dict[str, Any] | RowError, documents: list[AnyDocument] | None = None) -> MatchResult:
    """The rows matched to rented machines, by default to that of `opened` in its hour."""
    leases = rented(leases_of([opened(), closed()] if documents is None else documents))
    return matched(*rows, leases=leases)


def bills(*rows: dict[str, Any], documents: list[AnyDocument] | None = None) -> list[Bill]:
    """The bills of these."""
    return list(bills_of(joined(*rows, documents=documents)))


def compared(result: MatchResult) -> list[Reconciliation]:
    """Each lease beside what these rows charge."""
    return reconcile(result.leases, bills_of(result))

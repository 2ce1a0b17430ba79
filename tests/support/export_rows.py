"""Bytes of a FOCUS export with one charge, and how they are read."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from analysis.reconcile.formats.charge import ChargeRow, Row, RowError
from analysis.reconcile.read_rows import read_rows

CELLS: dict[str, Any] = {
    "BilledCost": "0.1921",
    "BillingCurrency": "USD",
    "BillingPeriodStart": "2026-11-01T00:00:00Z",
    "BillingPeriodEnd": "2026-12-01T00:00:00Z",
    "ChargePeriodStart": "2026-11-20T12:00:00Z",
    "ChargePeriodEnd": "2026-11-20T13:00:00.000Z",
    "ChargeCategory": "Usage",
    "ResourceId": "i-0abc",
    "Tags": '{"bench-lease": "x"}',
    "EffectiveCost": "1E-7",
    "ListCost": "",
    "x_Other": "not read",
}
DESCRIBED = [*CELLS, "ChargeDescription"]


def written(*records: dict[str, Any], header: list[str] | None = None, names: Iterable[str] = CELLS) -> bytes:
    """As CSV with the columns `names`, called as in `header`."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(header or names)
    writer.writerows([record.get(name, "") for name in names] for record in records)
    return out.getvalue().encode()


def read(path: Path) -> list[Any]:
    """The charges of a file, and what is in place of one."""
    return [charge(row) for row in read_rows(str(path))]


def charge(row: Row) -> ChargeRow | RowError | str:
    """The charge of a row, or what is in its place."""
    return row.cells if isinstance(row.cells, RowError | str) else row.format.charge(row.cells)


def check(row: Any) -> None:
    """That a charge is that of CELLS."""
    assert (row.resource_id, row.billed_cost) == ("i-0abc", Decimal("0.1921"))
    assert (row.effective_cost, row.list_cost) == (Decimal("1E-7"), None)
    assert row.charge_period == (datetime(2026, 11, 20, 12, tzinfo=UTC), datetime(2026, 11, 20, 13, tzinfo=UTC))

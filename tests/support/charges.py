"""Rows of bills, matched to leases without files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analysis.frames.leases import Lease
from analysis.reconcile.bills import bills_of
from analysis.reconcile.exports import ExportFile
from analysis.reconcile.formats import FORMATS
from analysis.reconcile.formats.charge import Row, RowError
from analysis.reconcile.match import MatchResult, match
from bench.record.documents import Bill, BillSource


def matched(*rows: dict[str, Any] | RowError, leases: Mapping[str, Lease], source: BillSource = "focus") -> MatchResult:
    """The rows of one file `x.csv`, from its second line on, matched."""
    file = ExportFile("x.csv", modified=0, size=1, run="x.csv", series=None)
    read = (Row(f"x.csv:{number}", FORMATS[source], cells, number) for number, cells in enumerate(rows, 2))
    return match([(file, read)], leases)


def bills_of_rows(*rows: dict[str, Any], leases: Mapping[str, Lease], source: BillSource = "focus") -> list[Bill]:
    """Their bills; none of the rows may be wrong."""
    result = matched(*rows, leases=leases, source=source)
    assert not result.errors
    return list(bills_of(result))

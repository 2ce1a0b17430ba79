"""Rows of bills and files of them, matched to leases."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from analysis.frames.leases import Lease
from analysis.reconcile.export_file import ExportFile
from analysis.reconcile.exports import export_files
from analysis.reconcile.formats import FORMATS
from analysis.reconcile.formats.charge import Row, RowError
from analysis.reconcile.match import MatchResult, match
from analysis.reconcile.read_rows import read_rows
from analysis.reconcile.reconcile import bills_of
from bench.record.documents import Bill, BillSource

# The billing period of the month after that of the machine.
DECEMBER = {"BillingPeriodStart": "2026-12-01T00:00:00Z", "BillingPeriodEnd": "2027-01-01T00:00:00Z"}


def matched(*rows: dict[str, Any] | RowError, leases: Mapping[str, Lease], source: BillSource = "focus") -> MatchResult:
    """The rows of one file `x.csv`, from its second line on, matched."""
    file = ExportFile("x.csv", modified=0, size=1, run="x.csv", series=None)
    read = (Row(f"x.csv:{number}", FORMATS[source], cells) for number, cells in enumerate(rows, 2))
    return match([(file, read)], leases)


def bills_of_rows(*rows: dict[str, Any], leases: Mapping[str, Lease], source: BillSource = "focus") -> list[Bill]:
    """Their bills; none of the rows may be wrong."""
    result = matched(*rows, leases=leases, source=source)
    assert not result.errors
    return list(bills_of(result))


def write_csv(file: Path, *rows: Mapping[str, object]) -> None:
    """A CSV file of these rows, which have the columns of the first."""
    with file.open("w", newline="", encoding="utf-8", errors="replace") as out:
        writer = csv.DictWriter(out, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def export(file: Path, *rows: Mapping[str, object], modified: int = 0) -> Path:
    """The same, in a folder that is made for it, with the time at which it was made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    write_csv(file, *rows)
    os.utime(file, (modified, modified))
    return file


def read_exports(leases: Mapping[str, Lease], *names: Path | str) -> MatchResult:
    """The rows of these files and folders, matched, with all notes."""
    files, notes = export_files(map(str, names))
    result = match(((file, read_rows(file.name)) for file in files), leases)
    result.notes[:0] = notes
    return result


def focus_row(**changes: str) -> dict[str, str]:
    """The cells of a FOCUS charge for the machine of `tests.support.leases` in its hour, with `changes`."""
    return {
        "BilledCost": "0.1921",
        "BillingCurrency": "USD",
        "BillingPeriodStart": "2026-11-01T00:00:00Z",
        "BillingPeriodEnd": "2026-12-01T00:00:00Z",
        "ChargePeriodStart": "2026-11-20T12:00:00Z",
        "ChargePeriodEnd": "2026-11-20T13:00:00Z",
        "ChargeCategory": "Usage",
        "ChargeDescription": "p3.2xlarge",
        "ResourceId": "i-0abc",
        "Tags": "{}",
    } | changes

"""FOCUS exports in JSON: an object a line, or an array."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from analysis.reconcile.formats.charge import RowError
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError, UsageError
from tests.support.export_rows import CELLS, charge, check, read


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "charges"


# As BigQuery writes them: what is null is left out, tags are a list, and numbers are numbers.
OBJECT = {name: cell for name, cell in CELLS.items() if cell} | {
    "BilledCost": 0.1921,
    "BillingPeriodStart": "2026-11-01 00:00:00 UTC",
    "Tags": [{"key": "bench-lease", "value": "x"}],
}


@pytest.mark.parametrize(
    "data",
    [
        json.dumps({"BillingCurrency": "USD"}) + "\n\n" + json.dumps(OBJECT) + "\n",
        json.dumps([{"BillingCurrency": "USD"}, OBJECT], indent=1),
    ],
)
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_json_is_read_a_line_an_object_or_an_array(there: Path, data: str, packed: Callable[[bytes], bytes]) -> None:
    there.write_bytes(packed(b"\xef\xbb\xbf" + data.encode()))
    first, row = read_rows(str(there))
    assert isinstance(first.cells, Mapping)
    assert {name: cell for name, cell in first.cells.items() if cell} == {"billingcurrency": "USD"}
    check(charge(row))


def test_what_json_leaves_out_is_as_an_empty_cell(there: Path) -> None:
    there.write_text("".join(f"{json.dumps(cells)}\n" for cells in (CELLS | {"InvoiceId": "1"}, CELLS)))
    assert [row.final for row in read(there)] == [None, False]


def test_json_that_is_cut_off_costs_its_last_line_or_is_refused(there: Path) -> None:
    line = json.dumps(OBJECT)
    there.write_text(f"{line}\n{line[:-9]}")
    row, last = read(there)
    check(row)
    assert isinstance(last, RowError)
    there.write_text(f"[{line}, {line[:-9]}")
    with pytest.raises(BenchError, match="fetch the export again"):
        read(there)
    there.write_text('{"BilledCost": 1}\n')
    with pytest.raises(UsageError, match="no export of FOCUS"):
        read(there)


def test_json_that_names_a_cost_twice_is_not_counted(there: Path) -> None:
    line = json.dumps(OBJECT)
    twice = f'{line[:-1]}, "BilledCost": "7"}}'
    there.write_text(f"{line}\n{twice}\n{line}\n")
    first, error, last = read(there)
    check(first)
    check(last)
    assert isinstance(error, RowError)
    there.write_text(f"[{line}, {twice}]")
    with pytest.raises(BenchError, match="a key stands twice"):
        read(there)


def test_letters_of_windows_are_read(there: Path) -> None:
    there.write_bytes(json.dumps(CELLS | {"ChargeDescription": "Gerät"}, ensure_ascii=False).encode("cp1252"))
    (row,) = read(there)
    assert row.description == "Gerät"

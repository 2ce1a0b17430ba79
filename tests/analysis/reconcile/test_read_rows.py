"""FOCUS exports as they come: CSV, gzipped, Parquet, folders, S3, and broken ones."""

from __future__ import annotations

import csv
import gzip
import io
import os
import tarfile
import threading
import tracemalloc
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Literal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analysis.reconcile.formats.charge import RowError
from analysis.reconcile.formats.focus import Focus
from analysis.reconcile.read_rows import read_rows
from bench.errors import BenchError, UsageError
from tests.support.export_rows import CELLS, DESCRIBED, charge, check, read, written


@pytest.fixture
def there(tmp_path: Path) -> Path:
    return tmp_path / "charges"


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_csv_is_read_with_and_without_a_byte_order_mark(there: Path, bom: bytes) -> None:
    there.write_bytes(bom + written(CELLS))
    (row,) = read(there)
    check(row)


def test_gzip_is_known_by_its_content(there: Path) -> None:
    there.write_bytes(gzip.compress(written(CELLS)))
    (row,) = read(there)
    check(row)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"])
def test_csv_is_read_in_the_encodings_of_spreadsheets(there: Path, encoding: str) -> None:
    there.write_bytes(written(CELLS).decode().encode(encoding))
    (row,) = read(there)
    check(row)


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_csv_is_read_with_other_separators_and_a_decimal_comma(there: Path, delimiter: str) -> None:
    cells = CELLS | {"BilledCost": "0,1921"}
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([list(cells), list(cells.values())])
    there.write_text(out.getvalue())
    (row,) = read(there)
    check(row)


def test_lines_that_are_no_charges_cost_nothing(there: Path) -> None:
    header, row = written(CELLS).splitlines()
    total = b"Total,,,,,,,,,,,0.3842"
    there.write_bytes(b"\r\n".join([b"Bill of November", b"", header, row, header, row, b",,,,,,,,,,,", total, b""]))
    first, second, last = read(there)
    check(first)
    check(second)
    assert isinstance(last, str)


def test_of_two_columns_of_a_name_the_first_counts(there: Path) -> None:
    there.write_bytes(written(CELLS, header=["billed_cost" if name == "x_Other" else name for name in CELLS]))
    (row,) = read(there)
    check(row)


@pytest.mark.parametrize("spelled", [str.lower, lambda name: "".join(f"_{c}" if c.isupper() else c for c in name)])
def test_columns_are_known_however_a_provider_spells_them(there: Path, spelled: Callable[[str], str]) -> None:
    there.write_bytes(written(CELLS, header=[spelled(name) for name in CELLS]))
    (row,) = read(there)
    check(row)


def test_parquet_with_types_of_its_own_says_the_same(there: Path) -> None:
    table = pa.table(
        {
            **{name: [CELLS[name]] for name in ("BillingCurrency", "ChargeCategory", "ResourceId", "x_Other")},
            **{
                name: pa.array([datetime.fromisoformat(CELLS[name])], pa.timestamp("us", "UTC"))
                for name in CELLS
                if "Period" in name
            },
            "BilledCost": pa.array([Decimal("0.1921")], pa.decimal128(20, 4)),
            "EffectiveCost": [1e-7],
            "ListCost": pa.array([None], pa.float64()),
            "Tags": pa.array([[("bench-lease", "x")]], pa.map_(pa.string(), pa.string())),
        }
    )
    pq.write_table(table, there)
    (row,) = read(there)
    check(row)


def test_a_time_of_parquet_that_python_does_not_have_costs_its_own_row(there: Path) -> None:
    end = int(datetime(2026, 11, 20, 13, tzinfo=UTC).timestamp() * 1e6)
    years = pa.array([end, 2**62, end], pa.timestamp("us", "UTC"))
    table = pa.table({name: [cell] * 3 for name, cell in CELLS.items()} | {"ChargePeriodEnd": years})
    pq.write_table(table, there)
    first, second, third = read_rows(str(there))
    check(charge(first))
    with pytest.raises(ValueError, match="ChargePeriodEnd cannot be"):
        charge(second)
    check(charge(third))


def test_a_row_of_another_length_is_named_and_the_next_is_read(there: Path) -> None:
    there.write_bytes(written(CELLS) + b"a,b\r\n\r\n" + written(CELLS).split(b"\r\n", 1)[1])
    first, second, third = read(there)
    check(first)
    assert str(second) == f"{there}:3: has 2 cells where the header has 12; it is not counted"
    check(third)


def test_empty_cells_beyond_the_header_are_no_cells(there: Path) -> None:
    header, line = written(CELLS).splitlines()
    there.write_bytes(b"\r\n".join([header, line + b",", line + b",,", line + b",x"]))
    first, second, third = read(there)
    check(first)
    check(second)
    assert isinstance(third, RowError)


@pytest.mark.parametrize("name", [" or ".join(names) for names in Focus().required])
def test_a_file_that_lacks_a_column_is_no_focus_export(there: Path, name: str) -> None:
    lost = name.split(" or ")
    there.write_bytes(written(CELLS, header=["x" if column in lost else column for column in CELLS]))
    with pytest.raises(UsageError, match=f"lacks .*{name}"):
        read(there)


@pytest.mark.parametrize(
    "raw",
    [
        gzip.compress(written(*[CELLS] * 99))[:-20],
        b"PAR1 and nothing",
        b"\x1f\x8b\x08\0",
    ],
    ids=["gzip cut off", "no Parquet", "no gzip"],
)
def test_a_file_that_is_broken_ends_in_one_line(there: Path, raw: bytes) -> None:
    there.write_bytes(raw)
    with pytest.raises(BenchError, match=str(there)):
        read(there)


@pytest.mark.parametrize("raw", [b"", b"\n", b"{}"])
def test_a_file_without_a_header_is_no_focus_export(there: Path, raw: bytes) -> None:
    there.write_bytes(raw)
    with pytest.raises(UsageError, match=r"FOCUS 1\.0"):
        read(there)


def test_a_workbook_is_called_one(there: Path) -> None:
    with zipfile.ZipFile(there, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
        book.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    with pytest.raises(BenchError, match=f"{there}: .*CSV UTF-8"):
        read(there)


@pytest.mark.parametrize("mode", ["w:", "w:gz"])
def test_a_tar_archive_is_called_one_whatever_its_first_column_is(there: Path, mode: Literal["w:", "w:gz"]) -> None:
    content = written(CELLS, header=["x_Other", *CELLS], names=["x_Other", *CELLS])
    with tarfile.open(there, mode) as archive:
        member = tarfile.TarInfo("charges.csv")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    with pytest.raises(BenchError, match=f"{there}: .*tar"):
        read(there)


@pytest.mark.parametrize("other", ["UTF-8: Größe", "nothing else"])
def test_letters_of_windows_are_read_also_among_others(there: Path, other: str) -> None:
    first = written(CELLS | {"ChargeDescription": "Gerät", "BilledCost": "0,1921 €"}, names=DESCRIBED)
    there.write_bytes(first.decode().encode("cp1252") + written(CELLS | {"ChargeDescription": other}, names=DESCRIBED))
    windows, plain = read(there)
    assert (windows.description, windows.billed_cost) == ("Gerät", Decimal("0.1921"))
    assert (plain.description, plain.billed_cost) == (other, Decimal("0.1921"))
    there.write_bytes(written(CELLS) + b"\xff" * 20)
    row, noise = read(there)
    check(row)
    assert isinstance(noise, RowError)


def test_a_pipe_is_read_as_a_file(there: Path) -> None:
    os.mkfifo(there)
    writer = threading.Thread(target=there.write_bytes, args=(written(CELLS),))
    writer.start()
    (row,) = read(there)
    writer.join()
    assert row.billed_cost == Decimal("0.1921")


def test_files_of_other_columns_joined_end_to_end_are_refused_at_the_line(there: Path) -> None:
    there.write_bytes(written(CELLS) + written(CELLS))
    assert len(read(there)) == 2
    there.write_bytes(written(CELLS) + written(CELLS, header=list(reversed(CELLS))))
    with pytest.raises(BenchError, match=f"{there}:3: "):
        read(there)


def test_a_missing_file_is_named(there: Path) -> None:
    with pytest.raises(BenchError, match=f"{there}: "):
        read(there)


@pytest.mark.slow
def test_a_big_file_is_not_held_in_memory(there: Path) -> None:
    there.write_bytes(gzip.compress(written(*[CELLS] * 50_000), 1))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(str(there))) == 50_000
        assert tracemalloc.get_traced_memory()[1] < 2_000_000  # 9 MB of text
    finally:
        tracemalloc.stop()

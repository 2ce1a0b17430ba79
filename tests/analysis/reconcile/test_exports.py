"""Exports as they lie in folders: several runs of one, copies, links, forms, parts; each charge counts once."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from analysis.frames.leases import leases_of
from analysis.reconcile.match import MatchResult
from analysis.reconcile.reconcile import bills_of
from bench.errors import BenchError, UsageError
from tests.support.charges import DECEMBER, export, focus_row, read_exports, write_csv
from tests.support.leases import closed, opened

LEASES = leases_of([opened(), closed()])
CHARGE, OTHER = focus_row(BilledCost="0.1921"), focus_row(BilledCost="7", ResourceId="other", ChargePeriodStart="")


def read(*names: Path | str) -> MatchResult:
    return read_exports(LEASES, *names)


def billed(*names: Path | str) -> list[str]:
    return [str(bill.billed_cost) for bill in bills_of(read(*names))]


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("20261101-20261130/202611200512/7f3b/part_0_0001.csv", "20261101-20261130/202611210512/0a1c/part_0_0001.csv"),
        (
            "data/BILLING_PERIOD=2026-11/2026-11-20T05:00:00.000Z-b/x-00001.csv",
            "data/BILLING_PERIOD=2026-11/2026-11-21T05:00:00.000Z-a/x-00001.csv",
        ),
        ("20261101-20261201/20261120T050000Z/x-1.csv", "20261101-20261201/20261121T050000Z/x-1.csv"),
        ("20261101-20261130/run-a/part_0_0001.csv", "20261101-20261130/run-b/part_0_0001.csv"),
        ("run-a/part_0_0001.csv", "run-b/part_0_0001.csv"),
        ("november-20.csv", "november-21.csv"),
        ("november (1).csv", "november.csv"),
        ("november-0920.csv", "november-0921.csv"),
    ],
)
def test_of_several_runs_of_an_export_the_newest_counts_and_it_is_said(tmp_path: Path, older: str, newer: str) -> None:
    late = focus_row(
        BilledCost="0.05", ChargePeriodStart="2026-11-20T13:00:00Z", ChargePeriodEnd="2026-11-20T14:00:00Z"
    )
    export(tmp_path / newer, CHARGE, OTHER, late, modified=1)  # its age is not told by the file's
    export(tmp_path / older, CHARGE, OTHER, modified=2)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.2421"]
    assert result.unrelated == 1
    (note,) = result.notes
    assert Path(newer).parent.name in note or Path(newer).name in note


def test_a_run_that_was_revised_to_less_counts_as_it_is(tmp_path: Path) -> None:
    period = tmp_path / "20261101-20261130"
    export(period / "202611200512" / "a" / "part_0_0001.csv", focus_row(BilledCost="9"), OTHER)
    export(period / "202611210512" / "b" / "part_0_0001.csv", focus_row(BilledCost="0.1921"))
    assert billed(tmp_path) == ["0.1921"]


def test_an_older_run_that_is_broken_is_not_read(tmp_path: Path) -> None:
    period = tmp_path / "20261101-20261130"
    export(period / "202611210512" / "b" / "part_0_0001.csv", CHARGE)
    (period / "202611200512").mkdir()
    (period / "202611200512" / "part_0_0001.csv").write_bytes(b"\x1f\x8b\x08\0")
    assert billed(tmp_path) == ["0.1921"]


def test_two_periods_and_two_exports_are_all_counted(tmp_path: Path) -> None:
    other = focus_row(BilledCost="0.05", ChargeDescription="disk")
    export(tmp_path / "a/20261101-20261130/202611200512/part_0_0001.csv", CHARGE)
    export(tmp_path / "b/20261101-20261130/202611210512/part_0_0001.csv", other)
    export(tmp_path / "a/20261201-20261231/202612010512/part_0_0001.csv", CHARGE | DECEMBER)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.2421", "0.1921"]
    assert result.notes == []


@pytest.mark.parametrize(
    "names", [("part_0_0001", "part_1_0001"), ("x-00001", "x-00002"), ("000000000000", "000000000001")]
)
def test_parts_of_a_run_are_all_counted_also_where_they_are_alike(tmp_path: Path, names: tuple[str, str]) -> None:
    for name in names:
        export(tmp_path / f"{name}.csv", CHARGE)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.3842"]
    assert result.notes == []


@pytest.mark.parametrize("again", ["./x.csv", "copy.csv", "link.csv", "hard.csv", "x.csv.gz"])
def test_a_file_by_two_names_counts_once_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: str
) -> None:
    monkeypatch.chdir(tmp_path)
    export(Path("x.csv"), CHARGE, OTHER)
    Path("copy.csv").write_bytes(Path("x.csv").read_bytes())
    Path("link.csv").symlink_to("x.csv")
    os.link("x.csv", "hard.csv")
    Path("x.csv.gz").write_bytes(gzip.compress(Path("x.csv").read_bytes()))
    result = read("x.csv", again)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    assert (result.unrelated, len(result.notes)) == (1, 1)
    assert billed(tmp_path) == ["0.1921"]


def test_an_empty_file_beside_others_is_said_and_alone_is_refused(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", CHARGE)
    (tmp_path / "b.csv").touch()
    result = read(tmp_path)
    assert (len(result.matched), len(result.notes)) == (1, 1)
    with pytest.raises(UsageError, match=r"b\.csv"):
        read(tmp_path / "b.csv")


@pytest.mark.parametrize("empty", [b"", b"\n".join([",".join(CHARGE).encode(), b""])], ids=["empty", "header"])
def test_a_run_without_a_row_hides_no_older_one_and_is_said(tmp_path: Path, empty: bytes) -> None:
    period = tmp_path / "20261101-20261130"
    export(period / "202611200512" / "a" / "part_0_0001.csv", focus_row(BilledCost="9"))
    export(period / "202611210512" / "b" / "part_0_0001.csv", CHARGE)
    for run in ("202611220512", "202611230512"):
        (period / run).mkdir()
        (period / run / "part_0_0001.csv").write_bytes(empty)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    said = "".join(result.notes)
    assert [f"1{day}0512" in said for day in (20, 21, 22, 23)] == [False, True, True, True]


def test_a_form_without_a_row_hides_no_other(tmp_path: Path) -> None:
    export(tmp_path / "x.csv", CHARGE)
    (tmp_path / "x.jsonl").touch()
    (tmp_path / "x.csv.gz").write_bytes(gzip.compress(",".join(CHARGE).encode()))
    assert billed(tmp_path) == ["0.1921"]


def zipped(content: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, content)
    return out.getvalue()


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "x.csv.gz": gzip.compress,
    "x.csv.bz2": bz2.compress,
    "x.csv.xz": lzma.compress,
    "x.csv.zst": lambda content: pa.compress(content, codec="zstd", asbytes=True),
    "x.csv.zip": lambda content: zipped(content, "x.csv", "__MACOSX/x.csv", "manifest.json"),
}


@pytest.mark.parametrize("name", PACKERS)
def test_a_compressed_file_is_read_beside_others(tmp_path: Path, name: str) -> None:
    export(tmp_path / "a.csv", CHARGE, OTHER)
    (tmp_path / name).write_bytes(PACKERS[name]((tmp_path / "a.csv").read_bytes()))
    export(tmp_path / "a.csv", OTHER)
    assert billed(tmp_path) == ["0.1921"]
    assert billed(tmp_path / name) == ["0.1921"]


@pytest.mark.parametrize("ending", ["gz", "zst"])
def test_parquet_that_was_compressed_once_more_is_read(tmp_path: Path, ending: str) -> None:
    whole, packed = tmp_path / "x.parquet", tmp_path / "packed" / f"x.parquet.{ending}"
    pq.write_table(pa.Table.from_pylist([CHARGE, OTHER]), whole)
    packed.parent.mkdir()
    packed.write_bytes(PACKERS[f"x.csv.{ending}"](whole.read_bytes()))
    assert billed(packed.parent) == ["0.1921"]


@pytest.mark.parametrize("name", PACKERS)
def test_a_compressed_file_that_is_cut_off_ends_in_one_line(tmp_path: Path, name: str) -> None:
    export(tmp_path / "a.csv", *[CHARGE] * 99)
    (tmp_path / name).write_bytes(PACKERS[name]((tmp_path / "a.csv").read_bytes())[:-25])
    with pytest.raises(BenchError, match=name):
        read(tmp_path / name)


def test_an_archive_is_said_and_one_of_several_files_is_refused(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", CHARGE)
    archive = tmp_path / "bills.zip"
    archive.write_bytes(zipped((tmp_path / "a.csv").read_bytes(), "1.csv", "2.csv"))
    assert ["bills.zip" in note for note in read(tmp_path).notes] == [True]
    with pytest.raises(BenchError, match=r"bills\.zip: holds 2 exports"):
        read(archive)
    (tmp_path / "a.csv").unlink()
    with pytest.raises(UsageError, match=r"bills\.zip"):
        read(tmp_path)


def test_what_a_mac_or_spark_leaves_beside_exports_is_not_read(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", CHARGE)
    (tmp_path / "._a.csv").write_bytes(b"\0\5\26\7")
    (tmp_path / "_committed.csv").touch()
    assert billed(tmp_path) == ["0.1921"]


COSTS = st.lists(st.decimals(-1000, 1000, places=10), min_size=1, max_size=12)


@settings(max_examples=40)
@given(COSTS, st.randoms(use_true_random=False), st.integers(1, 4))
def test_a_bill_is_the_same_however_its_rows_are_split(costs: list[Any], chance: Random, parts: int) -> None:
    rows = [
        focus_row(
            BilledCost=str(cost), ChargeDescription=f"kind {n % 3}", ChargePeriodStart=f"2026-11-20T12:{n:02}:00Z"
        )
        for n, cost in enumerate(costs)
    ]
    with TemporaryDirectory() as name:
        whole, split = Path(name, "whole"), Path(name, "split")
        export(whole / "x.csv", *rows)
        chance.shuffle(rows)
        columns = list(rows[0])
        chance.shuffle(columns)
        for part in range(parts):
            chosen = [{column: row[column] for column in columns} for row in rows[part::parts]]
            if chosen:
                export(split / f"part_{part}_0001.csv", *chosen)
        assert list(bills_of(read(whole))) == list(bills_of(read(split)))


CELL = st.sampled_from(["", "NULL", "1e999999", "9999-12-31", "1,234", '{"bench-lease', "x" * 200_000]) | st.text()


@settings(max_examples=60)
@given(
    st.dictionaries(st.sampled_from(sorted(CHARGE)), CELL, max_size=3),
    st.sampled_from(["utf-8", "utf-16"]),
    st.binary(),
)
def test_whatever_a_file_holds_is_a_bill_an_error_of_a_row_or_one_of_the_file(
    changes: dict[str, str], encoding: str, noise: bytes
) -> None:
    with TemporaryDirectory() as name:
        file = Path(name, "x.csv")
        write_csv(file, CHARGE, CHARGE | {key: cell.replace("\0", "") for key, cell in changes.items()})
        for content in (file.read_text(encoding="utf-8").encode(encoding), file.read_bytes() + noise):
            file.write_bytes(content)
            try:
                result = read(file)
            except BenchError:
                continue
            costs = [charge.row.billed_cost for charge in result.matched]
            assert sum(bill.billed_cost for bill in bills_of(result)) == sum(costs)

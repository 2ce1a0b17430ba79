"""Runs as CSV and Parquet: the same numbers."""

from __future__ import annotations

import io

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.frames.runs import COLUMNS, runs_frame
from analysis.report.render import as_csv, as_parquet, rows_as_csv, rows_as_parquet
from analysis.report.report import build_report
from tests.support import small_store

FRAME = runs_frame(small_store.a_small_store())


def test_both_hold_every_run_and_column_and_say_the_same() -> None:
    csv = pd.read_csv(io.StringIO(as_csv(FRAME)))
    parquet = pd.read_parquet(io.BytesIO(as_parquet(FRAME)))
    assert list(csv.columns) == list(parquet.columns) == list(COLUMNS)
    assert len(csv) == len(parquet) == len(FRAME)
    for name in ("run_id", "recipe", "status", "hit", "machine"):
        assert csv[name].tolist() == parquet[name].tolist() == FRAME[name].tolist()
    for name in ("airbench_s", "accuracy", "seed"):
        assert csv[name].astype(float).tolist() == pytest.approx(FRAME[name].astype(float).tolist(), nan_ok=True)
        assert parquet[name].astype(float).tolist() == pytest.approx(csv[name].tolist(), nan_ok=True)


def test_money_keeps_every_digit() -> None:
    known = [str(hourly) for hourly in FRAME["hourly"] if hourly is not None]
    assert set(known) == {"3.06", "0.918"}
    parquet = pd.read_parquet(io.BytesIO(as_parquet(FRAME)))
    assert parquet["hourly"].dropna().tolist() == known
    csv = pd.read_csv(io.StringIO(as_csv(FRAME)), dtype=str)
    assert csv["hourly"].dropna().tolist() == known


def test_parquet_has_the_same_types_without_a_run_and_says_what_its_columns_mean() -> None:
    full, empty = (pq.read_schema(io.BytesIO(as_parquet(frame))) for frame in (FRAME, runs_frame([])))
    assert full == empty
    assert full.field("airbench_s").metadata[b"meaning"].startswith(b"s under airbench")


def test_csv_without_a_run_is_its_header() -> None:
    assert as_csv(runs_frame([])) == ",".join(COLUMNS) + "\n"


def test_a_report_without_a_row_has_the_columns_of_one() -> None:
    """So also where all that a store holds is samples."""
    some, none = build_report(small_store.a_small_store()).rows, build_report([], which="none").rows
    assert none == ()
    header = rows_as_csv(some).partition("\n")[0]
    assert rows_as_csv(none) == header + "\n"
    assert pq.read_schema(io.BytesIO(rows_as_parquet(none))).names == header.split(",")

"""The integrity of the price book's data file, row by row, as it is written."""

from __future__ import annotations

import csv
import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import get_args

import pytest

from bench.billing.prices import price_book
from bench.record.documents import PricingCategory

TEXT = files("bench.billing").joinpath("prices.csv").read_text(encoding="utf-8")
ROWS = list(csv.DictReader(TEXT.splitlines(), strict=True))
COLUMNS = "provider,region,instance_type,accelerator,accelerators,unit,pricing_category,amount,currency,seen,source"

each_row = pytest.mark.parametrize("row", ROWS, ids=[f"{row['provider']}:{row['instance_type']}" for row in ROWS])


def test_the_header_names_the_columns() -> None:
    assert TEXT.splitlines()[0] == COLUMNS


def test_the_file_holds_prices() -> None:
    assert len(ROWS) >= 10


@each_row
def test_a_row_has_every_column_filled_but_the_region(row: dict[str, str]) -> None:
    assert set(row) == set(COLUMNS.split(","))
    assert all(value == value.strip() for value in row.values())
    assert all(value for column, value in row.items() if column != "region")


@each_row
def test_an_amount_is_positive_and_plain(row: dict[str, str]) -> None:
    assert re.fullmatch(r"\d+\.\d+", row["amount"])
    assert 0 < Decimal(row["amount"]) < 1000


@each_row
def test_a_row_says_what_the_amount_buys(row: dict[str, str]) -> None:
    assert row["unit"] in {"machine-hour", "gpu-hour"}
    assert row["pricing_category"] in get_args(PricingCategory)
    assert row["currency"] == "USD"
    assert int(row["accelerators"]) >= 1


@each_row
def test_a_row_says_where_and_on_which_day_it_was_read(row: dict[str, str]) -> None:
    seen = date.fromisoformat(row["seen"])
    assert seen.isoformat() == row["seen"]
    assert date(2025, 1, 1) <= seen <= datetime.now(UTC).date() + timedelta(days=1)
    assert len(row["source"]) > 10


@each_row
def test_a_price_that_varies_by_region_says_so_when_it_names_none(row: dict[str, str]) -> None:
    if row["provider"] in {"aws", "azure", "gcp"} and not row["region"]:
        assert "region not stated" in row["source"]


@each_row
def test_a_name_can_be_typed(row: dict[str, str]) -> None:
    assert re.fullmatch(r"[a-z]+", row["provider"])
    assert re.fullmatch(r"[A-Za-z0-9._-]+", row["instance_type"])


def test_no_instance_has_two_prices_of_one_kind() -> None:
    keys = [(r["provider"], r["region"], r["instance_type"].lower(), r["pricing_category"]) for r in ROWS]
    assert [key for key, count in Counter(keys).items() if count > 1] == []


def test_rows_are_sorted_by_provider() -> None:
    assert [row["provider"] for row in ROWS] == sorted(row["provider"] for row in ROWS)


def test_the_book_holds_every_row() -> None:
    assert len(price_book()) == len(ROWS)
    assert [str(offer.amount) for offer in price_book()] == [row["amount"] for row in ROWS]

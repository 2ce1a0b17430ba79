"""Cells in the spellings of providers and spreadsheets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from analysis.reconcile.formats import cells as read

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("0.1921", "0.1921"),
        ("0,1921", "0.1921"),
        ("-0,05", "-0.05"),
        ("0,192", "0.192"),
        ("1,234.56", "1234.56"),
        ("1.234,56", "1234.56"),
        ("1 234,56", "1234.56"),
        ("1\u00a0234.56", "1234.56"),
        ("1'234.56", "1234.56"),
        ("1\u2019234.56", "1234.56"),
        ("$1,234.56", "1234.56"),
        ("-$0.05", "-0.05"),
        ("($0.05)", "-0.05"),
        ("€ 0,05", "0.05"),
        ("¥12,345,678", "12345678"),
        ("1,234,567", "1234567"),
        ("1.234.567", "1234567"),
        ("(0.05)", "-0.05"),
        ("\u22120.05", "-0.05"),
        ("-1.234,50 €", "-1234.50"),
        ("US$0.05", "0.05"),
        ("(R$ 0,05)", "-0.05"),
        (" $(1,234.50) ", "-1234.50"),
        ("(0,05) €", "-0.05"),
        (" $-   ", "0"),
        (" -   € ", "0"),
        ("-0.00", "0"),
        ("1E-7", "0.0000001"),
        (1e-7, "1E-7"),
        ("1e-300", "0"),
        (Decimal("2.50"), "2.5"),
    ],
)
def test_a_number_is_read_however_it_is_written(cell: Any, value: str) -> None:
    assert read.number(cell) == Decimal(value)


@pytest.mark.parametrize(
    "cell",
    [
        "1,234",
        "-1,234",
        "much",
        "NaN",
        "Infinity",
        "1e999999",
        "1_000",
        "1,2,3",
        "1.2.3",
        "$1,234",
        "$",
        "0.1 USD",
        "$-$1",
        "-",
        "($)",
        "()",
    ],
)
def test_what_is_no_number_or_could_be_two_is_refused(cell: str) -> None:
    with pytest.raises(ValueError, match="BilledCost"):
        read.required({"billedcost": cell}, "BilledCost", read.number)


@pytest.mark.parametrize("cell", [None, "", " ", "NULL", "null", "None", "\\N", "(null)", float("nan")])
def test_what_says_nothing_is_nothing(cell: Any) -> None:
    unreadable: list[str] = []
    assert read.blank(cell)
    assert read.text({"invoiceid": cell}, "InvoiceId") is None
    assert read.optional({"listcost": cell}, "ListCost", unreadable) is None
    assert not unreadable


@pytest.mark.parametrize("cell", ["N/A", "nan", "NaN", "-", "<NA>"])
def test_what_names_nothing_is_no_name_and_no_optional_cost_but_no_empty_cost_either(cell: str) -> None:
    unreadable: list[str] = []
    assert read.text({"invoiceid": cell}, "InvoiceId") is None
    assert (read.optional({"listcost": cell}, "ListCost", unreadable), unreadable) == (None, [])
    with pytest.raises(ValueError, match="BilledCost cannot be"):
        read.required({"billedcost": cell}, "BilledCost", read.number)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-20T12:00:00Z",
        "2026-11-20 12:00:00 UTC",
        "2026-11-20 12:00:00.000000 UTC",
        "2026-11-20T12:00:00.0000000Z",
        "2026-11-20 12:00:00",
        "2026-11-20 12:00:00+00",
        "2026-11-20T04:00:00-08:00",
        "11/20/2026 12:00:00",
        "11/20/2026 12:00:00 PM",
        "11/20/2026 12:00 PM",
        "46346.5",
        "46346,5000000001",
        "1795176000",
        1795176000000,
        "1795176000000000",
        Decimal("1795176000.0"),
        "20.11.2026 12:00",
        "2026/11/20 12:00:00",
        "2026/11/20 12:00:00 UTC",
        NOON,
        NOON.replace(tzinfo=None),
    ],
)
def test_an_instant_is_read_however_it_is_written(cell: Any) -> None:
    assert read.instant(cell) == NOON


@pytest.mark.parametrize(
    "cell",
    [
        "last week",
        "20/11/2026",
        "",
        "2026-13-01",
        "1969-12-31",
        "0001-01-01T00:00:00+14:00",
        "11.20.2026",
        "2026/20/11",
        "1234.5",
        "463461",
        "179517600012",
        "20.11.20261",
    ],
)
def test_what_is_no_instant_is_refused(cell: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        read.instant(cell)


def test_an_hour_of_one_digit_is_read_as_spreadsheets_write_it() -> None:
    assert read.instant("2026/11/20 9:00") == read.instant("20.11.2026 9:00") == NOON.replace(hour=9)


@pytest.mark.parametrize("spelled", ["BilledCost", "billed_cost", "Billed Cost", "\ufeffbilledCost", "billed/Cost"])
def test_a_column_is_known_however_it_is_spelled(spelled: str) -> None:
    assert read.column(spelled) == "billedcost"


def test_usage_of_more_than_a_day_shows_only_its_start() -> None:
    start = "2026-11-20T00:00:00Z"
    assert read.shown_until(start, "2026-11-21T00:00:00Z") == datetime(2026, 11, 21, tzinfo=UTC)
    assert read.shown_until(start, "2026-12-20T00:00:00Z") == datetime(2026, 11, 20, tzinfo=UTC)
    assert read.shown_until(start, "soon") is None


@pytest.mark.parametrize(
    ("start", "end", "lasts"),
    [
        ("2026-11-20T12:00:00Z", "2026-11-20T13:00:00Z", timedelta(hours=1)),
        ("2026-11-20", "2026-11-20", timedelta(days=1)),
        ("2026-11-20T12:00:00Z", "2026-11-20T12:00:00Z", timedelta(seconds=1)),
    ],
)
def test_a_charge_of_no_length_is_of_its_day_or_a_second(start: str, end: str, lasts: timedelta) -> None:
    begins, ends = read.charge_period({"a": start, "b": end}, "a", "b")
    assert ends - begins == lasts
    assert read.shown_until(start, end) == ends
    with pytest.raises(ValueError, match="b is before a"):
        read.charge_period({"a": end, "b": "2026-11-19"}, "a", "b")


@pytest.mark.parametrize(
    "cell",
    [
        "2026-11-01",
        "11/01/2026",
        "2026-11-01T07:00:00Z",
        "2026-11-01T00:00:00-10:00",
        "2026-11-01T00:00:00+13:00",
        "2026-10-31 23:00:00",
        datetime(2026, 11, 1, 8, tzinfo=UTC),
    ],
)
def test_a_billing_period_begins_on_its_day_in_any_zone(cell: Any) -> None:
    assert read.period_start(cell) == datetime(2026, 11, 1, tzinfo=UTC)
    assert read.period_of(cell) == "2026-11-01"

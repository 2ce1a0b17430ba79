"""Numbers and dates that a cell alone does not tell: the other cells of a CSV file do."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from analysis.reconcile.formats.charge import ChargeRow, RowError
from analysis.reconcile.read_rows import read_rows
from tests.support.charges import focus_row


def charges(file: Path, *rows: dict[str, str]) -> list[ChargeRow]:
    """The charges of a file of these rows, separated as where a comma stands in numbers."""
    with file.open("w", newline="") as out:
        csv.writer(out, delimiter=";").writerows([list(rows[0]), *(list(row.values()) for row in rows)])
    read = []
    for row in read_rows(str(file)):
        assert not isinstance(row.cells, RowError | str)
        read.append(row.format.charge(row.cells))
    return read


@pytest.mark.parametrize(
    ("costs", "read"),
    [
        (["1.234", "0,50"], ["1234", "0.50"]),
        (["1.234", "1,234", "1.234,50"], ["1234", "1.234", "1234.50"]),
        (["5,1E-05", "1.234"], ["0.000051", "1234"]),
        (["1.234", "0.50"], ["1.234", "0.50"]),
        (["1.234", "7"], ["1.234", "7"]),
        (["1.234.567", "-0,5", "1"], ["1234567", "-0.5", "1"]),
        (["1.234.567", "1.234"], ["1234567", "1234"]),
        (["12,345,678", "1,234", "56"], ["12345678", "1234", "56"]),
        (["1,234", "0.50"], ["1234", "0.50"]),
        (["1,234", "-1,234.5"], ["1234", "-1234.5"]),
        (["€1.234", "€0,50"], ["1234", "0.50"]),
        (["1.234 €", "-0,50 €"], ["1234", "-0.50"]),
        (["(1.234)", "0,50"], ["-1234", "0.50"]),
        (["\u22121.234", "0,50"], ["-1234", "0.50"]),
        (["$1,234", "-$0.50"], ["1234", "-0.50"]),
    ],
)
def test_a_decimal_comma_is_told_by_the_other_costs(tmp_path: Path, costs: list[str], read: list[str]) -> None:
    rows = charges(tmp_path / "x.csv", *(focus_row(BilledCost=cost) for cost in costs))
    assert [row.billed_cost for row in rows] == [Decimal(cost) for cost in read]


def test_a_column_that_does_not_tell_follows_the_others(tmp_path: Path) -> None:
    (row,) = charges(tmp_path / "x.csv", focus_row(BilledCost="0,1921") | {"ListCost": "1.234"})
    assert row.list_cost == 1234


@pytest.mark.parametrize("others", [("0,5", "0.5"), ("1.234.567", "1,234,567")])
def test_where_cells_contradict_each_other_nothing_is_told(tmp_path: Path, others: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match="BilledCost cannot be"):
        charges(tmp_path / "x.csv", *(focus_row(BilledCost=cost) for cost in ("1,234", *others)))


@pytest.mark.parametrize("cost", ["1,234", "-1,234"])
def test_what_no_other_cell_tells_is_refused(tmp_path: Path, cost: str) -> None:
    with pytest.raises(ValueError, match="BilledCost cannot be"):
        charges(tmp_path / "x.csv", focus_row(BilledCost=cost))


@pytest.mark.parametrize("currency", ["JPY", "idr"])
def test_a_point_in_a_currency_without_decimals_is_refused_where_nothing_tells(tmp_path: Path, currency: str) -> None:
    def yen(*costs: str) -> list[Decimal]:
        rows = [focus_row(BilledCost=cost, BillingCurrency=currency) for cost in costs]
        return [row.billed_cost for row in charges(tmp_path / "x.csv", *rows)]

    with pytest.raises(ValueError, match=r"BilledCost cannot be '1\.234 \("):
        yen("56", "1.234")
    assert yen("56", "7890") == [56, 7890]
    assert yen("0.5", "1.234") == [Decimal("0.5"), Decimal("1.234")]
    assert yen("1.234.567", "1.234") == [1234567, 1234]


HEAD = 1 << 16  # bytes that are read first to tell how a file is spelled
LONG = 900  # rows that are more


@pytest.mark.parametrize(("told", "read"), [("0,5", 1234), ("0.5", Decimal("1.234"))])
def test_what_tells_may_stand_at_the_end_of_a_long_file(tmp_path: Path, told: str, read: Decimal) -> None:
    rows = charges(tmp_path / "x.csv", *[focus_row(BilledCost="1.234")] * LONG, focus_row(BilledCost=told))
    assert {row.billed_cost for row in rows[:-1]} == {read}


def test_a_cell_that_is_cut_off_where_the_beginning_ends_tells_nothing(tmp_path: Path) -> None:
    file, rows = tmp_path / "x.csv", [focus_row(BilledCost=cost) for cost in (*["1.234"] * LONG, "0,5")]
    charges(file, *rows)
    last = file.read_bytes().rindex(b"1.234", 0, HEAD)
    rows[0] |= {"ChargeDescription": rows[0]["ChargeDescription"] + "x" * (HEAD - len("1.23") - last)}
    assert {row.billed_cost for row in charges(file, *rows)[:-1]} == {1234}
    assert file.read_bytes()[:HEAD].endswith(b"1.23")


def test_a_mark_of_thousands_may_be_far_from_the_decimal_points(tmp_path: Path) -> None:
    rows = charges(tmp_path / "x.csv", *[focus_row(BilledCost="0.5")] * LONG, focus_row(BilledCost="1,234"))
    assert rows[-1].billed_cost == 1234


def test_the_day_that_tells_may_be_the_last_of_a_long_file(tmp_path: Path) -> None:
    rows = [dated("05/11/2026", "06/11/2026")] * LONG + [dated("13/11/2026", "14/11/2026")]
    assert {row.charge_period[0].month for row in charges(tmp_path / "x.csv", *rows)} == {11}


def dated(start: str, end: str, **changes: str) -> dict[str, str]:
    return focus_row(ChargePeriodStart=start, ChargePeriodEnd=end) | changes


NOVEMBER = {"BillingPeriodStart": "01/11/2026", "BillingPeriodEnd": "01/12/2026"}
AMERICAN = {"BillingPeriodStart": "11/01/2026", "BillingPeriodEnd": "12/01/2026"}


@pytest.mark.parametrize(
    ("row", "day", "month"),
    [
        (dated("05/11/2026 12:00:00", "05/11/2026 13:00:00", **NOVEMBER), 5, 11),
        (dated("05/11/2026", "20/11/2026"), 5, 11),
        (dated("05/01/2026", "06/01/2026", BillingPeriodStart="01/01/2026", BillingPeriodEnd="01/02/2026"), 5, 1),
        (dated("01/05/2026", "01/06/2026", BillingPeriodStart="01/01/2026", BillingPeriodEnd="02/01/2026"), 5, 1),
        (dated("05/11/2026", "05/20/2026"), 11, 5),
        (dated("05/11/2026", "05/12/2026"), 11, 5),  # nothing tells: as the United States do
        (dated("11/05/2026", "11/06/2026", **AMERICAN), 5, 11),
        (dated("01/12/2026", "01/13/2026", BillingPeriodStart="01/10/2026"), 12, 1),  # a period from mid-January
    ],
)
def test_whether_the_day_comes_first_is_told_by_the_other_dates(
    tmp_path: Path, row: dict[str, Any], day: int, month: int
) -> None:
    (charge,) = charges(tmp_path / "x.csv", row)
    assert charge.charge_period[0].replace(hour=0) == datetime(2026, month, day, tzinfo=UTC)


def test_dates_of_which_some_have_the_day_first_and_others_the_month_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ChargePeriodStart cannot be '05/11/2026 \("):
        charges(tmp_path / "x.csv", dated("05/11/2026", "20/11/2026", BillingPeriodEnd="11/30/2026"))

"""Charges that look alike and are not, and charges that a later run states otherwise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st

from analysis.frames.leases import leases_of
from analysis.reconcile.match import MatchResult
from analysis.reconcile.reconcile import bills_of
from tests.support.charges import export, focus_row, read_exports
from tests.support.leases import closed, opened

LEASES = leases_of([opened(), closed(after=86400 * 9)])
CREDIT = {"ChargeCategory": "Credit", "ChargeDescription": "Promotion"}
VM = "/subscriptions/s/resourceGroups/{}/providers/Microsoft.Compute/virtualMachines/i-0abc"


def day(number: int, **changes: str) -> dict[str, str]:
    """A charge of the machine, at noon of this day of its lease."""
    noon = f"2026-11-{20 + number}T12:00:00Z"
    hour = {"ChargePeriodStart": noon, "ChargePeriodEnd": noon.replace("T12", "T13")}
    return focus_row(BilledCost="1") | hour | changes


def billed(result: MatchResult) -> list[str]:
    return [str(bill.billed_cost) for bill in bills_of(result)]


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (CREDIT | {"BilledCost": "-1"}, CREDIT | {"BilledCost": "-2"}, "-3"),
        ({"BilledCost": "1"}, {"BilledCost": "1", "ChargeClass": "Correction"}, "2"),
        ({"BilledCost": "1"}, {"BilledCost": "-1"}, "0"),
        ({"ResourceId": VM.format("a")}, {"ResourceId": VM.format("b")}, "2"),
        ({"BillingAccountId": "1"}, {"BillingAccountId": "2"}, "2"),
        ({"ChargeDescription": "", "BilledCost": "1"}, {"ChargeDescription": "", "BilledCost": "2"}, "3"),
    ],
    ids=["credits", "correction", "taken back", "resource group", "account", "no kind"],
)
def test_charges_that_look_alike_in_two_files_are_both_counted(
    tmp_path: Path, one: dict[str, str], other: dict[str, str], both: str
) -> None:
    blank = {"ChargeClass": "", "BillingAccountId": ""}
    export(tmp_path / "a.csv", day(0, **blank, ResourceId="x", BilledCost="7"), day(1) | blank | one)
    export(tmp_path / "b.csv", day(0, **blank, ResourceId="y", BilledCost="8"), day(1) | blank | other)
    assert billed(read_exports(LEASES, tmp_path)) == [both]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_of_three_runs_with_other_prices_the_one_that_goes_furthest_counts(
    tmp_path: Path, order: tuple[int, ...]
) -> None:
    runs = [
        export(tmp_path / f"{'cab'[run]}.csv", *(day(number, BilledCost=f"{run + 1}") for number in range(3 + run)))
        for run in range(3)
    ]
    result = read_exports(LEASES, *(runs[run] for run in order))
    assert billed(result) == ["15"]
    assert [sum(name in note for note in result.notes) for name in ("c.csv", "a.csv", "b.csv")] == [1, 1, 3]


def test_a_price_in_the_description_is_corrected_with_the_cost(tmp_path: Path) -> None:
    for file, price, days in (("a", "$3.06", 3), ("b", "$1.00", 4)):
        words = {"ChargeDescription": f"{price} per On Demand Linux p3.2xlarge Instance Hour", "BilledCost": price[1:]}
        export(tmp_path / f"{file}.csv", *(day(number) | words for number in range(days)))
    assert billed(read_exports(LEASES, tmp_path)) == ["4.00"]


def test_charges_that_only_a_new_column_tells_apart_are_said(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", day(0), day(1))
    export(tmp_path / "b.csv", *(day(number, SubAccountId="111122223333") for number in range(3)))
    result = read_exports(LEASES, tmp_path)
    assert billed(result) == ["5"]
    assert ["2 rows" in note and "a.csv" in note for note in result.notes] == [True]


def test_a_credit_that_a_later_window_states_otherwise_counts_once(tmp_path: Path) -> None:
    credit = day(0, ChargePeriodStart="2026-11-01T00:00:00Z", ChargePeriodEnd="2026-12-01T00:00:00Z") | CREDIT
    export(tmp_path / "a.csv", *(day(number) for number in range(4)), credit | {"BilledCost": "-2"})
    export(tmp_path / "b.csv", *(day(number) for number in (2, 3, 4)), credit | {"BilledCost": "-1"})
    assert billed(read_exports(LEASES, tmp_path)) == ["4"]


def test_charges_with_another_cost_in_a_file_that_is_no_later_run_are_said(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", *(day(8, ResourceId=f"other-{number}") for number in range(9)), day(8, BilledCost="9"))
    export(tmp_path / "b.csv", day(8))
    result = read_exports(LEASES, tmp_path)
    assert billed(result) == ["10"]
    assert ["a.csv" in note and "b.csv" in note for note in result.notes] == [True]


@pytest.mark.parametrize(
    ("hours", "days", "cost"),
    [((12, 13), (0,), "24"), ((36, 37), (0,), "26"), ((12, 36), (0, 1), "48")],
    ids=["the day goes further", "the hours go further", "both days go further"],
)
def test_of_an_hourly_and_a_daily_export_of_one_use_one_counts(
    tmp_path: Path, hours: tuple[int, ...], days: tuple[int, ...], cost: str
) -> None:
    hourly = [lasting(datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=at), 1, "1") for at in hours]
    daily = [lasting(datetime(2026, 11, 20 + at, tzinfo=UTC), 24, "24") for at in days]
    export(tmp_path / "a.csv", *hourly)
    export(tmp_path / "b.csv", *daily)
    result = read_exports(LEASES, tmp_path)
    assert billed(result) == [cost]
    assert len(result.notes) == (cost != "26")


def lasting(start: datetime, hours: int, cost: str) -> dict[str, str]:
    period = {"ChargePeriodStart": f"{start:%FT%TZ}", "ChargePeriodEnd": f"{start + timedelta(hours=hours):%FT%TZ}"}
    return focus_row(BilledCost=cost) | period


def test_a_row_that_grew_from_run_to_run_counts_as_it_is_now(tmp_path: Path) -> None:
    start = datetime(2026, 11, 20, 12, 3, tzinfo=UTC)
    export(tmp_path / "a.csv", lasting(start, 3, "9"))
    export(tmp_path / "b.csv", lasting(start, 6, "18"))
    result = read_exports(LEASES, tmp_path)
    assert billed(result) == ["18"]
    assert ["a.csv" in note for note in result.notes] == [True]


RUNS = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from(["1", "2", "0"])),
    min_size=1,
    max_size=4,
    unique_by=lambda r: r[0],
)


@settings(max_examples=30, deadline=None)
@given(RUNS, st.lists(st.integers(1, 3), min_size=9, max_size=9), st.permutations(range(4)), st.integers(0, 2))
def test_of_runs_of_a_month_with_equal_rows_and_any_prices_the_last_counts(
    runs: list[tuple[int, str]], equal: list[int], order: list[int], step: int
) -> None:
    """Each run holds the month up to its day, each charge as often as it was made, all at the price of the run."""
    with TemporaryDirectory() as name:
        files = [
            export(
                Path(name, f"{order[run]}.csv"),
                *(day(at, BilledCost=price) for at in range(length) for _ in range(equal[at])),
                modified=run * step,
            )
            for run, (length, price) in enumerate(runs)
        ]
        length, price = max(runs)
        (bill,) = bills_of(read_exports(LEASES, *files))
    assert bill.billed_cost == sum(equal[:length]) * int(price)


CHARGE = st.builds(
    lambda at, hours, cost, words: (
        lasting(datetime(2026, 11, 20, tzinfo=UTC) + timedelta(hours=at), hours, cost) | words
    ),
    st.integers(12, 60),
    st.sampled_from([1, 24]),
    st.sampled_from(["1", "2", "-1"]),
    st.sampled_from([{}, CREDIT, {"SubAccountId": "2"}, {"BillingCurrency": "EUR"}, {"ResourceId": "other"}]),
)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(CHARGE, min_size=1, max_size=5), min_size=1, max_size=4), st.data())
def test_the_order_in_which_files_are_named_and_rows_stand_changes_nothing(
    files: list[list[dict[str, str]]], data: st.DataObject
) -> None:
    with TemporaryDirectory() as name:
        names = [Path(name, f"{'cabd'[number]}.csv") for number in range(len(files))]
        found = []
        for _ in range(2):
            for file, rows in zip(names, files, strict=True):
                export(file, *({"SubAccountId": ""} | row for row in data.draw(st.permutations(rows))))
            result = read_exports(LEASES, *data.draw(st.permutations(names)))
            found.append((list(bills_of(result)), sorted(result.notes)))
    assert found[0] == found[1]

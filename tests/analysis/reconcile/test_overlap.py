"""The same charges in several files, told by what they charge: later runs, overlapping days, parts left over."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings, strategies as st

from analysis.frames.leases import leases_of
from analysis.reconcile import match
from analysis.reconcile.formats.cells import Cells
from analysis.reconcile.formats.charge import Format, Preview
from analysis.reconcile.formats.identity import begins, digest_of
from analysis.reconcile.match import MatchResult
from analysis.reconcile.overlap import Sketch
from analysis.reconcile.reconcile import bills_of
from tests.support.charges import export, focus_row, read_exports
from tests.support.leases import closed, opened

LEASES = leases_of([opened(), closed()])
CHARGE = focus_row()
CUR = {
    "bill/BillingPeriodStartDate": "2026-11-01T00:00:00Z",
    "bill/InvoiceId": "",
    "identity/LineItemId": "a",
    "lineItem/CurrencyCode": "USD",
    "lineItem/LineItemType": "Usage",
    "lineItem/ResourceId": "i-0abc",
    "lineItem/UnblendedCost": "0.1921",
    "lineItem/UsageEndDate": "2026-11-20T13:00:00Z",
    "lineItem/UsageStartDate": "2026-11-20T12:00:00Z",
}


def other(day: int, **changes: str) -> dict[str, str]:
    """A charge of nothing that was leased, at noon of this day of November."""
    hours = {
        "ChargePeriodStart": f"2026-11-{day}T12:00:00Z",
        "ChargePeriodEnd": f"2026-11-{day}T13:00:00Z",
    }
    return focus_row(BilledCost="1", ResourceId="other", **hours) | changes


def read(folder: Path) -> MatchResult:
    return read_exports(LEASES, folder)


def billed(folder: Path) -> list[str]:
    return [str(bill.billed_cost) for bill in bills_of(read(folder))]


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (CUR, CUR | {"identity/LineItemId": "b"}),
        (CUR, CUR | {"bill/InvoiceId": "1234", "lineItem/UnblendedCost": "0.1921000000"}),
        (CHARGE | {"InvoiceId": ""}, CHARGE | {"InvoiceId": "E-1"}),
        (CHARGE, CHARGE | {"x_Operation": "Run"}),
        (CHARGE, dict(reversed(CHARGE.items()))),
        (CHARGE, CHARGE | {"ChargeCategory": "usage", "BilledCost": "0,1921", "Tags": ""}),
        (CHARGE, CHARGE | {"ChargePeriodStart": "2026-11-20 12:00:00 UTC", "ResourceId": "x:instance/i-0abc"}),
    ],
    ids=["line id", "invoice of CUR", "invoice", "new column", "order", "spelling", "zone and account"],
)
def test_a_later_run_is_known_whatever_stands_beside_its_charges(
    tmp_path: Path, earlier: dict[str, str], later: dict[str, str]
) -> None:
    export(tmp_path / "nov-29.csv", earlier, modified=1)
    export(tmp_path / "nov-30.csv", later, modified=2)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] in (["0.1921"], ["0.1921000000"])
    assert ["nov-30.csv" in note for note in result.notes] == [True]


def test_the_same_rows_as_csv_json_and_parquet_count_once(tmp_path: Path) -> None:
    export(tmp_path / "csv" / "november.csv", CHARGE, other(23))
    (tmp_path / "nov.jsonl").write_text(
        "".join(
            json.dumps(row | {"BilledCost": float(row["BilledCost"]), "Tags": []}) + "\n" for row in (CHARGE, other(23))
        )
    )
    pq.write_table(pa.Table.from_pylist([CHARGE, other(23)]), tmp_path / "n.parquet")
    assert billed(tmp_path) == ["0.1921"]


def test_a_correction_in_a_later_run_replaces_the_charge(tmp_path: Path) -> None:
    rest = [other(day) for day in range(21, 24)]
    export(tmp_path / "a.csv", focus_row(BilledCost="9"), *rest)
    export(tmp_path / "b.csv", CHARGE, *rest, other(24))
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    assert [("a.csv" in note, "b.csv" in note) for note in result.notes] == [(True, True), (False, True)]


@pytest.mark.parametrize(
    ("times", "counts", "by"),
    [((1, 3, 2), "0.20", "times"), ((3, 1, 2), "0.10", "times"), ((1, 1, 1), "0.30", "names")],
)
def test_of_runs_that_reach_equally_far_it_is_said_that_only_the_files_tell_the_newest(
    times: tuple[int, int, int], counts: str, by: str, tmp_path: Path
) -> None:
    rest = [other(day) for day in range(21, 24)]
    for name, cost, time in zip("abc", ("0.10", "0.20", "0.30"), times, strict=True):
        export(tmp_path / f"{name}.csv", focus_row(BilledCost=cost), *rest, modified=time)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == [counts]
    assert [note.partition("equally far, so the ")[2] for note in result.notes] == [f"{by} of the files decide"] * 2 + [
        ""
    ]


def test_runs_of_a_period_can_lie_in_one_folder_beside_each_other(tmp_path: Path) -> None:
    period = tmp_path / "daily" / "20261101-20261130"
    rest = [other(day) for day in range(21, 24)]
    export(period / "daily_1b7a9bd1-5f55-4b10-9a0e-0123456789ab.csv", focus_row(BilledCost="9"))
    export(period / "daily_c9d00001-0000-4b10-9a0e-0123456789ab.csv", CHARGE, *rest)
    assert billed(tmp_path) == ["0.1921"]


@pytest.mark.parametrize("names", [("part_0_0001", "part_1_0001"), ("000000000000", "000000000001")])
def test_a_part_that_an_earlier_run_left_behind_counts_once_and_is_said(tmp_path: Path, names: tuple[str, str]) -> None:
    whole, left_over = names
    export(tmp_path / f"{whole}.csv", CHARGE, other(23), other(24))
    export(tmp_path / f"{left_over}.csv", CHARGE, other(23))
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    assert ["2 rows" in note and left_over in note for note in result.notes] == [True]


@pytest.mark.parametrize(
    "folders",
    [
        ("billing_period=2026-11/charge_date=2026-11-20", "billing_period=2026-11/charge_date=2026-11-23"),
        ("billing_period=2026-11/account=111122223333", "billing_period=2026-11/account=444455556666"),
        ("20261101-20261130/ec2", "20261101-20261130/s3"),
    ],
)
def test_partitions_of_a_period_are_no_runs(tmp_path: Path, folders: tuple[str, str]) -> None:
    export(tmp_path / folders[0] / "part-0.csv", CHARGE)
    export(tmp_path / folders[1] / "part-0.csv", other(23))
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    assert (result.unrelated, result.notes) == (1, [])


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize(("column", "resource"), [("SubAccountId", "shared"), ("x_Account", "")])
def test_accounts_with_a_row_alike_are_both_counted(tmp_path: Path, form: str, column: str, resource: str) -> None:
    free = focus_row(BilledCost="0", ResourceId=resource, ChargeDescription="free tier")
    for account, row in (("111122223333", CHARGE), ("444455556666", other(23))):
        rows = [one | {column: account} for one in (row, free)]
        file = tmp_path / account / f"focus.{form}"
        export(file, *rows)
        if form == "parquet":
            pq.write_table(pa.Table.from_pylist(rows), file)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    assert (result.unrelated, result.notes) == (3, [])


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ([CHARGE, other(21), other(22)], [other(21), other(22), other(23), other(24)]),
        ([other(18), other(19), CHARGE], [CHARGE, other(21), other(22), other(23), other(24)]),
        ([other(18), other(19), other(20), focus_row(BilledCost="9")], [CHARGE, other(20), other(21)]),
    ],
    ids=["days before", "few days of both", "corrected"],
)
def test_of_files_whose_days_overlap_each_charge_counts_once(
    tmp_path: Path, older: list[dict[str, str]], newer: list[dict[str, str]]
) -> None:
    export(tmp_path / "a.csv", *older)
    export(tmp_path / "b.csv", *newer)
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.1921"]
    assert ["a.csv" in note and "b.csv" in note for note in result.notes] == [True]


def test_of_files_that_share_few_rows_each_row_counts_once_and_it_is_said(tmp_path: Path) -> None:
    rows = [focus_row(BilledCost="0.01", ChargeDescription=f"{number}") for number in range(20)]
    export(tmp_path / "a.csv", *rows[:11])
    export(tmp_path / "b.csv", *rows[10:])
    result = read(tmp_path)
    assert [str(bill.billed_cost) for bill in bills_of(result)] == ["0.20"]
    assert ["1 row" in note for note in result.notes] == [True]


def test_a_later_file_of_fewer_charges_hides_none(tmp_path: Path) -> None:
    disk = focus_row(BilledCost="0.01", ChargeDescription="disk", ResourceId="i-0abc")
    export(tmp_path / "all.csv", CHARGE, disk, other(20), other(21), other(22), modified=1)
    export(tmp_path / "compute.csv", CHARGE, other(22), modified=2)
    assert billed(tmp_path) == ["0.2021"]


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=5))
def test_days_in_overlapping_files_make_the_same_bill_as_in_one(windows: list[tuple[int, int]]) -> None:
    """Whatever days each file holds, also none of another's, and whichever file was made later."""
    leases = leases_of([opened(), closed(after=86400 * 9)])
    days = {day: other(20 + day, ResourceId="i-0abc", BilledCost=f"0.{day}") for day in range(1, 10)}
    held = {day for window in windows for day in range(min(window), max(window) + 1)}
    with TemporaryDirectory() as name:
        for number, window in enumerate(windows):
            rows = [days[day] for day in range(min(window), max(window) + 1)]
            export(Path(name, f"{'cab'[number % 3]}{number}.csv"), *rows, modified=number)
        (bill,) = bills_of(read_exports(leases, name))
    assert bill.billed_cost == sum(Decimal(days[day]["BilledCost"]) for day in held)


def test_equal_rows_of_one_file_all_count(tmp_path: Path) -> None:
    export(tmp_path / "a.csv", CHARGE, CHARGE, other(21), other(22))
    export(tmp_path / "b.csv", CHARGE, *(other(20, BilledCost=str(cost)) for cost in range(2, 9)))
    assert billed(tmp_path) == ["0.3842"]


@given(st.sets(st.integers(), max_size=50), st.sets(st.integers(), max_size=50))
def test_a_sketch_of_few_rows_is_exact(a: set[int], b: set[int]) -> None:
    first, second = Sketch(), Sketch()
    for sketch, digests in ((first, a), (second, b)):
        for digest in digests:
            sketch.add(digest)
    assert first.shared(second)[0] == len(a & b)


def test_a_sketch_of_many_rows_is_small_and_near() -> None:
    chance = Random(0)
    digests = [chance.getrandbits(60) for _ in range(60_000)]
    first, second = Sketch(), Sketch()
    for digest in digests[:40_000]:
        first.add(digest)
    for digest in digests[30_000:]:
        second.add(digest)
    assert len(first.digests) <= 4096
    assert first.shared(second)[1] == pytest.approx(1 / 4, abs=0.05)
    assert second.shared(first)[1] == pytest.approx(1 / 3, abs=0.05)


def test_a_sketch_refuses_by_its_beginning_only_what_it_would_not_keep() -> None:
    chance = Random(1)
    digests = [chance.getrandbits(80) - (1 << 79) for _ in range(20_000)]
    all_of_them, asked = Sketch(), Sketch()
    taken = 0
    for digest in digests:
        all_of_them.add(digest)
        if asked.takes(begins(digest)):
            taken += 1
            asked.add(digest)
    assert asked.digests == all_of_them.digests
    assert taken < len(digests)


@pytest.mark.slow
def test_of_most_rows_of_nothing_that_was_leased_the_identity_is_not_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[Preview] = []

    def counted(form: Format, cells: Cells, preview: Preview) -> int:
        looked_at.append(preview)
        return digest_of(form, cells, preview)

    monkeypatch.setattr(match, "digest_of", counted)
    for name in ("a.csv", "b.csv"):
        export(tmp_path / name, CHARGE, *(other(21, ResourceId=f"vm-{name}-{number}") for number in range(40_000)))
    assert billed(tmp_path) == ["0.1921"]
    assert len(looked_at) < 80_000 / 2

"""Bills of one lease and month, read from one export after the other into one store: which of them counts."""

from __future__ import annotations

import os
import time
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings, strategies as st

from analysis.reconcile.reconcile import ReconcileResult, from_exports
from bench.record.documents import Bill, BillSource, make_bill
from bench.store import FolderStore
from tests.support.charges import DECEMBER, export, focus_row
from tests.support.leases import IDS, closed, opened

MADE = int(time.time()) - 1_000_000


def other(month: int, day: int, **changes: str) -> dict[str, str]:
    """The last hour of this day, of nothing that was leased: so far do the charges go."""
    hour = {
        f"ChargePeriod{edge}": f"2026-{month}-{day}T{at}Z" for edge, at in (("Start", "23:00:00"), ("End", "23:59:59"))
    }
    return focus_row(ResourceId="other", **hour) | changes


def new_store(folder: Path) -> FolderStore:
    store = FolderStore(folder / "store")
    store.put(opened())
    store.put(closed())
    return store


def bills_in(folder: Path) -> int:
    return len(list((folder / "store").rglob("bills/*.json")))


def billed(result: ReconcileResult) -> list[str]:
    return [str(row.billed) for row in result.reconciliations]


def elsewhere(bill: Bill, source: BillSource, cost: str, **changes: str) -> Bill:
    """A bill of one charge, as another source has it."""
    fields = {name: getattr(bill, name) for name in Bill.model_fields if name not in ("id", "charges")}
    charges = [charge.model_copy(update={"billed_cost": Decimal(cost)}) for charge in bill.charges]
    return make_bill(charges=charges, **(fields | {"source": source} | changes))


def test_a_corrected_month_counts_over_one_that_was_read_with_the_month_after_it(tmp_path: Path) -> None:
    store, month = new_store(tmp_path), other(11, 30, ChargePeriodEnd="2026-12-01T00:00:00Z")
    november = export(tmp_path / "november.csv", focus_row(BilledCost="9"), month, modified=MADE)
    december = export(tmp_path / "december.csv", other(12, 10, **DECEMBER), modified=MADE)
    assert billed(from_exports([str(november), str(december)], store)) == ["9"]
    corrected = export(tmp_path / "corrected.csv", focus_row(), month, modified=MADE + 1)
    assert billed(from_exports([str(corrected)], store)) == ["0.1921"]


def test_a_month_that_begins_at_the_midnight_of_another_zone_is_the_same_month(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    for number, zone in enumerate(("Z", "-08:00", "+01:00")):
        period = {
            f"BillingPeriod{edge}": f"2026-{month}-01T00:00:00{zone}" for edge, month in (("Start", 11), ("End", 12))
        }
        file = export(tmp_path / f"{number}.csv", focus_row(**period), other(11, 28, **period), modified=MADE + number)
        assert billed(from_exports([str(file)], store)) == ["0.1921"]
    assert bills_in(tmp_path) == 1


def test_a_file_from_the_future_is_no_older_than_its_correction(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    first = export(tmp_path / "a.csv", focus_row(BilledCost="9"), other(11, 28), modified=int(time.time()) + 10**7)
    assert billed(from_exports([str(first)], store)) == ["9"]
    corrected = export(tmp_path / "b.csv", focus_row(), other(11, 28))
    os.utime(corrected)
    assert billed(from_exports([str(corrected)], store)) == ["0.1921"]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_in_whatever_order_and_how_often_exports_are_read_the_latest_of_them_counts(order: list[int]) -> None:
    """Each export has another price; read once more, in any order, they change neither the bill nor the store."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        store = new_store(folder)
        files = [
            export(folder / f"{run}.csv", focus_row(BilledCost=f"{9 - run}"), other(11, 22 + run), modified=MADE + run)
            for run in range(4)
        ]
        for run in order:
            result = from_exports([str(files[run])], store)
        assert billed(result) == [str(9 - max(order))]
        stored = bills_in(folder)
        for run in order:
            assert billed(from_exports([str(files[run])], store)) == [str(9 - max(order))]
        assert bills_in(folder) == stored
        assert billed(from_exports([str(file) for file in files], store)) == ["6"]


@pytest.mark.parametrize("made", [0, MADE], ids=["1970", "lately"])
def test_files_of_one_time_count_by_how_far_their_charges_go(tmp_path: Path, made: int) -> None:
    store = new_store(tmp_path)
    later = export(tmp_path / "a.csv", focus_row(), other(11, 28), modified=made)
    earlier = export(tmp_path / "b.csv", focus_row(BilledCost="9"), other(11, 24), modified=made)
    for file in (earlier, later, earlier):
        result = from_exports([str(file)], store)
    assert billed(result) == ["0.1921"]


def test_a_lease_that_this_call_read_nothing_of_keeps_its_bill_of_another_source(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    file = export(tmp_path / "focus.csv", focus_row(), other(11, 28), modified=MADE)
    ((bill,),) = [row.bills for row in from_exports([str(file)], store).reconciliations]
    store.put(opened(1, provider="azure", resource_id="vm-1"))
    store.put(elsewhere(bill, "azure", "2", lease_id=IDS[1]))
    again = from_exports([str(file)], store)
    assert {row.lease.id: str(row.billed) for row in again.reconciliations} == {IDS[0]: "0.1921", IDS[1]: "2"}
    assert again.matched.notes[-1].startswith("1 bill from earlier exports shown")


def test_two_sources_that_bill_a_lease_differently_are_both_named(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    file = export(tmp_path / "focus.csv", focus_row(), other(11, 28), modified=MADE)
    ((bill,),) = [row.bills for row in from_exports([str(file)], store).reconciliations]
    store.put(elsewhere(bill, "cur2", "0.25"))
    again = from_exports([str(file)], store)
    assert billed(again) == ["0.1921"]
    assert f"{IDS[0]}, 2026-11: 0.1921 USD by focus, 0.2500 USD by cur2: reports count focus" in again.matched.notes


def test_of_three_sources_one_note_names_the_one_that_counts_and_each_other(tmp_path: Path) -> None:
    store = new_store(tmp_path)
    file = export(tmp_path / "focus.csv", focus_row(), other(11, 28), modified=MADE)
    ((bill,),) = [row.bills for row in from_exports([str(file)], store).reconciliations]
    store.put(elsewhere(bill, "cur2", "0.25"))
    store.put(elsewhere(bill, "cost-explorer", "0.30"))
    again = from_exports([str(file)], store)
    assert billed(again) == ["0.1921"]
    assert [note for note in again.matched.notes if "reports count" in note] == [
        f"{IDS[0]}, 2026-11: 0.1921 USD by focus, 0.2500 USD by cur2, 0.3000 USD by cost-explorer: reports count focus"
    ]

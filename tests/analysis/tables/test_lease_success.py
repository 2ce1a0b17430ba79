"""The cost of a success in leases: from complete bills, otherwise from estimates, and how sure it is."""

from __future__ import annotations

from decimal import Decimal

import pytest

from analysis.report.report import build_report
from analysis.report.tables import lease_table as shown_table
from analysis.stats.intervals import wilson
from analysis.tables.lease_table import LeaseRow
from bench.record.documents import AnyDocument
from tests.support import lease_store as ls


def rows(*documents: AnyDocument) -> tuple[LeaseRow, ...]:
    return build_report(documents, which="none").paid


def shown(*documents: AnyDocument) -> list[str]:
    """The lines of the last cell, which is the cost of a success."""
    return shown_table(build_report(documents, which="none")).rows()[-1][-1]


def test_how_sure_the_cost_of_a_success_is_counts_what_each_run_bore_of_its_lease() -> None:
    """Of 0.51 USD for 12 runs, 9 of which hit: a run takes 0.0425 USD, and P(hit) is Wilson's of 9 in 12."""
    (row,) = rows(ls.opened(1), ls.closed(1, 630), *ls.runs(1, 9, 3))
    assert row.cost_per_success == Decimal("0.51") / 9
    interval = row.cost_per_success_interval
    assert interval is not None
    low, high = 0.0425 / wilson(9, 12).high, 0.0425 / wilson(9, 12).low
    assert (interval.low, interval.high) == pytest.approx((low, high))
    # A second lease that brought no run is paid for by the runs of the first.
    (row,) = rows(ls.opened(1), ls.closed(1, 630), *ls.runs(1, 9, 3), ls.opened(2), ls.closed(2, 330))
    assert row.cost_per_success == (Decimal("0.51") + Decimal("0.255")) / 9
    assert row.cost_per_success_interval is not None
    assert row.cost_per_success_interval.high == pytest.approx(1.5 * high)


def test_of_fewer_than_ten_runs_or_free_ones_nothing_is_said_of_how_sure() -> None:
    for price, hits in (("3.06", 6), ("0", 9)):
        (row,) = rows(ls.opened(1, price), ls.closed(1, 630), *ls.runs(1, hits, 3))
        assert row.cost_per_success is not None
        assert row.cost_per_success_interval is None


@pytest.mark.parametrize(
    ("bills", "paid", "billed", "marks"),
    [
        ([], "0.765", 0, []),
        (["0.60"], "0.855", 1, ["(1 of 2 as billed)"]),
        (["0.60", "0.30"], "0.9", 2, ["(as billed)"]),
        (["0", "0.30"], "0.3", 2, ["(as billed)"]),
        (["-0.60", "0.30"], "0.81", 1, ["(1 of 2 as billed)"]),
    ],
)
def test_a_success_costs_what_complete_bills_say(bills: list[str], paid: str, billed: int, marks: list[str]) -> None:
    documents: list[AnyDocument] = [ls.opened(1), ls.closed(1, 630), *ls.runs(1, 9, 3)]
    documents += [ls.opened(2), ls.closed(2, 330)]
    documents += [ls.bill(number, amount) for number, amount in enumerate(bills, 1)]
    (row,) = rows(*documents)
    assert (row.estimate, row.cost_per_success, row.success_billed) == (Decimal("0.765"), Decimal(paid) / 9, billed)
    assert [line for line in shown(*documents) if "billed" in line] == marks


def test_a_complete_bill_tells_what_a_success_costs_where_no_estimate_does() -> None:
    unpriced: list[AnyDocument] = [ls.opened(1, None), ls.closed(1, 630), *ls.runs(1, hits=2), ls.bill(1, "0.5")]
    (row,) = rows(*unpriced)
    assert (row.estimate, row.cost_per_success, row.success_billed) == (None, Decimal("0.25"), 1)
    assert shown(*unpriced) == ["0.250", "(as billed)"]
    # A lease longer than the hour that is billed: more may follow, and what it costs stays unknown.
    (row,) = rows(ls.opened(1, None), ls.closed(1, 7200), *ls.runs(1, hits=2), ls.bill(1, "0.5"))
    assert (row.cost_per_success, row.success_billed) == (None, 0)

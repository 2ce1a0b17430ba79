"""The frame of leases: one row each, money exact, unknown missing and never 0."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest

from analysis.frames.leases import COLUMNS, leases_frame
from analysis.frames.runs import runs_frame
from bench.record.documents import AnyDocument
from tests.support import lease_store as ls, small_store as a


def frame(documents: list[AnyDocument]) -> pd.DataFrame:
    return leases_frame(documents, runs_frame(documents)).set_index("lease_id")


FRAME = frame(ls.a_store())


def of(number: int) -> pd.Series[Any]:
    row = FRAME.loc[a.an_id(number)]
    assert isinstance(row, pd.Series)
    return row


def test_a_closed_lease_has_its_clock_its_charged_seconds_and_its_cost() -> None:
    one = of(1)
    assert (one["lease_s"], one["billed_s"]) == (630, 600)
    assert one["estimate"] == Decimal("0.51")
    assert (one["provision_s"], one["setup_s"]) == (30, 60)
    assert one["rule"] == "by 1 s, at least 60 s, from running to stopped"
    assert (one["parts_priced"], one["parts"], one["unpriced"]) == (1, 4, "disk, public-ip, egress")
    assert (one["runs"], one["hits"]) == (4, 3)


@pytest.mark.parametrize("year", [1, 9999])
def test_a_lease_at_either_end_of_all_years_has_its_bill(year: int) -> None:
    began = datetime(year, 12, 31, 23, 59, tzinfo=UTC)
    row = frame([ls.opened(1).model_copy(update={"started": began}), ls.bill(1, "0.5")]).iloc[0]
    assert (row["estimate"], row["billed"]) == (None, Decimal("0.5"))


def test_phases_that_nobody_recorded_are_missing() -> None:
    assert pd.isna(of(1)["pull_s"])
    assert pd.isna(of(5)["provision_s"])


def test_focus_goes_before_cost_explorer_and_the_two_are_never_added() -> None:
    one = of(1)
    assert (one["billed"], one["billed_source"], one["difference"]) == (Decimal("0.52"), "focus", Decimal("0.01"))
    assert bool(one["billed_complete"])
    only: list[AnyDocument] = [ls.opened(1), ls.closed(1, 630), ls.bill(1, "9", source="cost-explorer")]
    assert frame(only).iloc[0]["billed"] == Decimal(9)


def test_a_partial_bill_says_why() -> None:
    assert (bool(of(2)["billed_complete"]), of(2)["billed_partial"]) == (False, "not-final")


def test_taken_back_in_its_first_hour_a_spot_machine_of_aws_is_free() -> None:
    assert (of(3)["billed_s"], of(3)["estimate"], of(3)["reason"]) == (0, Decimal(0), "preempted")
    assert (of(4)["billed_s"], of(4)["estimate"]) == (4000, Decimal("1.02"))


def test_of_an_open_lease_time_and_cost_are_missing_but_not_its_price() -> None:
    one = of(5)
    assert (one["why_unknown"], one["hourly"], one["currency"]) == ("the lease is not closed", Decimal("1.29"), "USD")
    missing = ["stopped", "reason", "lease_s", "billed_s", "estimate", "billed", "billed_complete", "difference"]
    assert one[missing].isna().all()


def test_a_lease_without_a_run_has_none_and_that_is_known() -> None:
    assert (of(2)["runs"], of(2)["hits"]) == (0, 0)


def test_without_a_price_there_is_no_estimate_though_the_seconds_are_known() -> None:
    one = of(6)
    assert (one["why_unknown"], one["billed_s"]) == ("no price", 100)
    assert one[["estimate", "hourly", "currency", "pricing_category", "rule_source"]].isna().all()


def test_a_bill_in_another_currency_is_not_compared_and_bills_in_two_are_not_added() -> None:
    lease: list[AnyDocument] = [ls.opened(1), ls.closed(1, 630), ls.bill(1, "0.40", currency="EUR")]
    one = frame(lease).iloc[0]
    assert (one["billed"], one["billed_currency"], one["difference"]) == (Decimal("0.40"), "EUR", None)
    one = frame([*lease, ls.bill(1, "0.1")]).iloc[0]
    assert one[["billed", "billed_currency", "billed_complete", "difference"]].isna().all()
    assert one["billed_by_currency"] == "EUR, USD"


def test_the_bills_of_two_months_are_one_amount() -> None:
    later = {"billing_period_start": a.NOON.replace(month=12, day=1)}
    two = frame([ls.opened(1), ls.closed(1, 630), ls.bill(1, "0.3"), ls.bill(1, "0.2", **later)])
    assert two.iloc[0]["billed"] == Decimal("0.5")


def test_a_lease_closed_before_it_began_tells_no_time() -> None:
    one = frame([ls.opened(1), ls.closed(1, -5)]).iloc[0]
    assert pd.isna(one["lease_s"])
    assert one["why_unknown"].startswith("the lease is closed before it is opened")


def test_a_run_that_does_not_count_is_no_hit_and_a_run_of_no_lease_is_of_none() -> None:
    phases = a.a_run(1).phases
    loose = a.a_run(9, lease_id=a.an_id(1), phases=(*phases[:2], phases[2].model_copy(update={"synchronised": False})))
    one = frame([ls.opened(1), loose, a.a_run(10)]).iloc[0]
    assert (one["runs"], one["hits"]) == (0, 0)


def test_a_record_that_is_in_two_stores_counts_once() -> None:
    twice = frame([*ls.a_store(), *ls.a_store()])
    pd.testing.assert_frame_equal(twice, FRAME)


@pytest.mark.parametrize("documents", [[], [a.a_run(1)], [ls.closed(1, 5)], ls.a_store()])
def test_types_are_the_same_whatever_is_known(documents: list[AnyDocument]) -> None:
    found = leases_frame(documents, runs_frame(documents))
    assert list(found.columns) == list(COLUMNS)
    full = leases_frame(ls.a_store(), runs_frame(ls.a_store()))
    assert found.dtypes.to_dict() == full.dtypes.to_dict()


def test_the_oldest_lease_is_first() -> None:
    later = ls.opened(1, started=a.NOON + timedelta(hours=1))
    assert list(frame([later, ls.opened(2)]).index) == [a.an_id(2), a.an_id(1)]


@pytest.mark.slow
def test_a_report_loads_no_reader_of_bills() -> None:
    code = "import sys, analysis.report.report; print(*(name for name in sys.modules if 'reconcile' in name))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "\n"

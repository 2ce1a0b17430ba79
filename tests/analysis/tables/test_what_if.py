"""What-if prices: which price is meant, what is priced by it, and what is not."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st

from analysis.frames.runs import runs_frame
from analysis.report.report import build_report
from analysis.report.sample_table import sample_table
from analysis.tables.cost_table import Row, cost_table
from analysis.tables.given_prices import WhatIf, repriced, what_if_price
from bench.errors import UsageError
from bench.record.documents import AnyDocument
from tests.support import small_store as a
from tests.support.program_runs import losses, make_program_run

AT_7_20 = WhatIf(
    price_per_hour=Decimal("7.20"), currency="EUR", pricing_category="Dynamic", source="given by the user"
)  # 0.002 a second


def measured(*documents: AnyDocument, what_if: WhatIf | None = AT_7_20) -> list[Row]:
    return [row for row in build_report(documents, what_if=what_if).rows if row.kind == "measured"]


def test_runs_without_a_price_have_what_if_costs_and_no_others() -> None:
    (row,) = measured(*a.a_series(10, (60, 90, 66), (0.941, 0.935, 0.945)), a.a_broken_run(20))
    assert (row.what_if_price_per_hour, row.what_if_currency) == (Decimal("7.20"), "EUR")
    assert (row.what_if_pricing_category, row.what_if_price_source) == ("Dynamic", "given by the user")
    assert row.what_if_train_cost == 66 * Decimal("0.002")
    assert row.what_if_cost_per_success == (60 + 90 + 66 + 10) * Decimal("0.002") / 2
    assert (row.price_per_hour, row.train_cost, row.cost_per_success) == (None, None, None)


def test_what_was_paid_stays_as_it_is() -> None:
    documents: list[AnyDocument] = [a.a_lease(1), *a.a_series(10, (60, 90, 66), lease_id=a.an_id(1))]
    ((with_it,), (without,)) = (measured(*documents, what_if=what_if) for what_if in (AT_7_20, None))
    assert with_it.what_if_train_cost == 66 * Decimal("0.002")
    kept = [name for name in vars(with_it) if not name.startswith("what_if_")]
    assert [getattr(with_it, name) for name in kept] == [getattr(without, name) for name in kept]
    assert all(getattr(without, name) is None for name in vars(without) if name.startswith("what_if_"))


def test_leases_claims_and_published_entries_are_not_priced_anew() -> None:
    documents = a.a_small_store()
    with_it, without = (build_report(documents, which="all", what_if=what_if) for what_if in (AT_7_20, None))
    assert with_it.paid == without.paid != ()
    assert with_it.checks == without.checks
    published = [row for row in with_it.rows if row.kind == "published"]
    assert published == [row for row in without.rows if row.kind == "published"] != []


def test_a_price_of_0_is_a_price() -> None:
    (row,) = measured(*a.a_series(10, (60, 66)), what_if=what_if_price(amount="0"))
    assert (row.what_if_train_cost, row.what_if_cost_per_success) == (Decimal(0), Decimal(0))


def test_without_a_hit_there_is_no_cost_of_one() -> None:
    (row,) = measured(*a.a_series(10, (60, 66), (0.9, 0.9)))
    assert row.what_if_train_cost == 63 * Decimal("0.002")
    assert row.what_if_cost_per_success is None


def test_a_program_is_priced_by_its_own_clock() -> None:
    (row,) = measured(make_program_run(evaluations=losses(3.0)))
    assert row.clock == "cold"
    assert row.time_s is not None
    assert row.what_if_train_cost == Decimal(str(row.time_s)) * Decimal("7.20") / 3600


def test_a_sample_is_priced_for_a_thousand_steps_and_to_the_end() -> None:
    sample = make_program_run(ended="sampled", evaluations=())
    ((with_it,), (without,)) = (build_report([sample], what_if=what_if).samples for what_if in (AT_7_20, None))
    assert with_it.hours is not None
    assert with_it.hours_interval is not None
    assert (with_it.what_if_price_per_hour, with_it.what_if_currency) == (Decimal("7.20"), "EUR")
    assert with_it.what_if_cost_per_1000_steps == Decimal(str(1000 * with_it.step_s)) * Decimal("0.002")
    assert with_it.what_if_cost == Decimal(str(with_it.hours)) * Decimal("7.20")
    assert with_it.what_if_cost_interval == with_it.hours_interval._replace(
        low=with_it.hours_interval.low * 7.2, high=with_it.hours_interval.high * 7.2
    )
    kept = [name for name in vars(without) if not name.startswith("what_if_")]
    assert [getattr(with_it, name) for name in kept] == [getattr(without, name) for name in kept]
    more = {header[0] for header in sample_table([with_it]).headers()} - {
        header[0] for header in sample_table([without]).headers()
    }
    assert more == {"what-if EUR", "what-if to"}


@pytest.mark.slow
@settings(max_examples=20)  # each makes a table
@given(cents=st.integers(1, 10**6))
def test_at_the_recorded_price_both_costs_are_the_same(cents: int) -> None:
    frame = runs_frame([a.a_lease(1), *a.a_series(10, (60, 90, 66, 61, 62, 63, 64), lease_id=a.an_id(1))])
    frame["hourly"] = pd.Series([Decimal(cents) / 100] * len(frame), dtype=object)
    what_if = what_if_price(amount=f"{cents / 100:.2f}")
    assert what_if
    (row,) = repriced(cost_table(frame, "airbench", []), what_if)
    assert row.what_if_train_cost == row.train_cost
    assert row.what_if_train_cost_interval == row.train_cost_interval is not None
    assert row.what_if_cost_per_success == row.cost_per_success


def test_the_price_of_an_instance_is_that_of_the_whole_machine_with_its_source() -> None:
    assert what_if_price("AWS:p5.4xlarge") == WhatIf(
        price_per_hour=Decimal("6.88"),
        currency="USD",
        pricing_category="Standard",
        source="AWS EC2 on-demand list price, late 2026, region not stated",
        seen=date(2026, 11, 1),
        instance="aws:p5.4xlarge",
        accelerators="1 x H100",
    )


def test_nothing_given_is_no_price() -> None:
    assert what_if_price() is None


@pytest.mark.parametrize(
    ("instance", "amount", "currency", "spot", "said"),
    [
        ("aws:p5.5xlarge", None, None, False, "aws:p5.4xlarge"),
        ("aws:p5.4xlarge", "3", None, False, "--instance and --price-per-hour"),
        ("aws:p5.4xlarge", None, "EUR", False, "--currency"),
        (None, None, None, True, "--spot"),
        (None, None, "EUR", False, "--currency"),
        (None, "-1", None, False, "-1"),
        (None, "3", "euro", False, "euro"),
    ],
)
def test_what_is_no_price_is_refused(
    instance: str | None, amount: str | None, currency: str | None, spot: bool, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        what_if_price(instance, amount, currency=currency, spot=spot)

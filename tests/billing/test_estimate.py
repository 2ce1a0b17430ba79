"""What a lease should cost, and what is said where that is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bench.billing.estimate import Estimate, Usage, lease_cost, lease_cost_per_success
from bench.billing.prices import Amount
from bench.record.documents import (
    Accelerators,
    CloseReason,
    LeaseClosed,
    LeaseOpened,
    Phase,
    Price,
    PricingCategory,
    StoppedSource,
)
from tests.support.builders import present

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
ON_DEMAND, SPOT = "3.06", "0.48"
ALL = Usage(disk_gb=Decimal(100), addresses=1, egress_gb=Decimal(2))
lengths = st.integers(0, 10**12).map(lambda microseconds: Decimal(microseconds).scaleb(-6))


def opened(
    provider: str = "aws",
    amount: str = ON_DEMAND,
    category: PricingCategory = "Standard",
    currency: str = "USD",
    **changes: Any,
) -> LeaseOpened:
    price = Price(
        amount=Decimal(amount), currency=currency, pricing_category=category, source="test", seen=date(2026, 11, 1)
    )
    fields = {"provider": provider, "price": price, "started": START, "started_source": "provider"}
    return LeaseOpened(**(fields | changes))


def spot(**changes: Any) -> LeaseOpened:
    return opened(amount=SPOT, category="Dynamic", **changes)


def closed(
    seconds: float | str | Decimal, reason: CloseReason = "finished", source: StoppedSource = "provider"
) -> LeaseClosed:
    stopped = START + timedelta(microseconds=int(Decimal(seconds) * 1_000_000))
    return LeaseClosed(stopped=stopped, reason=reason, stopped_source=source)


def test_a_lease_costs_its_charged_seconds_at_its_price() -> None:
    found = lease_cost(opened(), closed(254))
    assert (found.billed_seconds, found.currency, found.why) == (Decimal(254), "USD", None)
    assert found.amount == Decimal(254) * Decimal(ON_DEMAND) / 3600
    assert present(found.rule).provider == "aws"


def test_the_minimum_is_charged() -> None:
    assert lease_cost(opened(), closed(26)).amount == Decimal("0.051")
    assert lease_cost(opened("azure", "3.60"), closed(26)).amount == Decimal("0.30")


@pytest.mark.parametrize(
    ("seconds", "reason", "amount", "lower"),
    [
        (26, "finished", "0.30", "0.06"),
        (200, "finished", "0.30", "0.20"),
        (300, "finished", "0.30", None),
        (400, "finished", "0.40", None),
    ],
)
def test_a_contested_minimum_makes_a_range(seconds: int, reason: CloseReason, amount: str, lower: str | None) -> None:
    found = lease_cost(opened("azure", "3.60"), closed(seconds, reason))
    assert found.amount == Decimal(amount)
    assert found.lower == (None if lower is None else Decimal(lower))
    said = "charged a minimum on which sources disagree: 300 s, or 60 s according to another source, which costs less"
    assert (said in found.notes) == (lower is not None)


def test_a_price_per_gpu_is_paid_for_each() -> None:
    price = present(opened().price).model_copy(update={"unit": "gpu-hour"})
    lease = opened(price=price, accelerators=Accelerators(name="V100", count=8))
    assert lease_cost(lease, closed(3600)).amount == 8 * Decimal(ON_DEMAND)


def test_provisioning_is_not_charged_where_charging_starts_with_running() -> None:
    phases = (Phase(name="provision", start=0, stop=40.1), Phase(name="setup", start=40.1, stop=100))
    assert lease_cost(opened(phases=phases), closed(254)).billed_seconds == 214  # 213.9, by whole seconds
    assert lease_cost(opened("scaleway", phases=phases), closed(254)).billed_seconds == 300
    assert lease_cost(opened("azure", phases=phases), closed(400)).billed_seconds == 400


def test_a_machine_that_never_ran_costs_nothing() -> None:
    phases = (Phase(name="provision", start=0, stop=40),)
    assert lease_cost(opened(phases=phases), closed(30, "failed")).amount == 0


def test_a_spot_machine_taken_back_in_its_first_hour_costs_nothing() -> None:
    found = lease_cost(spot(), closed(210, "preempted"))
    assert (found.amount, found.billed_seconds) == (Decimal(0), Decimal(0))
    assert found.why is None


@pytest.mark.parametrize(
    ("lease", "reason", "seconds", "billed"),
    [
        (spot(), "interrupted", 210, 210),  # by the user, or on the provider's notice
        (spot(), "preempted", 3700, 3700),
        (opened(), "preempted", 210, 210),
        (opened("gcp", category="Dynamic"), "preempted", 59, 0),
        (opened("gcp", category="Dynamic"), "preempted", 61, 61),
        (opened("runpod", category="Dynamic"), "preempted", 59, 59),
    ],
)
def test_any_other_end_is_paid_for(lease: LeaseOpened, reason: CloseReason, seconds: float, billed: int) -> None:
    assert lease_cost(lease, closed(seconds, reason)).billed_seconds == billed


def test_a_lost_spot_machine_is_charged_to_its_last_sign_of_life_and_marked() -> None:
    found = lease_cost(spot(), closed(3000, "lost"))
    assert found.billed_seconds == 3000
    assert [note for note in found.notes if "lost" in note]


def test_other_parts_are_paid_for_even_so() -> None:
    found = lease_cost(spot(), closed(3000, "preempted"), usage=Usage(addresses=1))
    assert found.amount == Decimal(3000) * Decimal("0.005") / 3600


def test_parts_without_a_price_are_counted() -> None:
    found = lease_cost(opened(), closed(254))
    assert found.priced == ("machine",)
    assert found.unpriced == ("disk", "public-ip", "egress")
    assert found.parts_priced == "1 of 4 parts priced"
    assert {part.part: part.why for part in found.parts}["public-ip"] == "usage unknown"
    assert {part.part: part.why for part in found.parts}["disk"] == "no price known"


def test_parts_with_a_price_are_in_the_amount() -> None:
    machine = lease_cost(opened("runpod"), closed(3600)).amount
    found = lease_cost(opened("runpod"), closed(3600), usage=ALL)
    assert found.parts_priced == "3 of 4 parts priced"
    assert found.amount == present(machine) + Decimal("0.10") * 100 * 3600 / (30 * 24 * 3600)


def test_a_part_that_is_free_needs_no_quantity() -> None:
    assert "egress" in lease_cost(opened("runpod"), closed(60)).priced


def test_a_part_that_was_not_used_costs_nothing_whatever_its_price() -> None:
    none = Usage(disk_gb=Decimal(0), addresses=0, egress_gb=Decimal(0))
    assert lease_cost(opened(), closed(60), usage=none).parts_priced == "4 of 4 parts priced"


def test_a_part_in_another_currency_is_unpriced() -> None:
    found = lease_cost(opened(currency="EUR"), closed(3600), usage=ALL)
    assert found.currency == "EUR"
    assert {part.part: part.why for part in found.parts}["public-ip"] == "its price is in USD, the machine's in EUR"


def test_one_s_own_machine_has_no_parts_beside_it() -> None:
    found = lease_cost(opened("own"), closed(74))
    assert found.parts_priced == "1 of 1 parts priced"
    assert found.amount == Decimal(74) * Decimal(ON_DEMAND) / 3600


@pytest.mark.parametrize(
    ("lease", "end", "why"),
    [
        (opened(), None, "not closed"),
        (opened(), closed(-1), "clock"),
        (opened("baidu"), closed(254), r"no billing rule known for baidu \(Standard\)"),
        (opened("own", category="Dynamic"), closed(254), "no billing rule known for own"),
        (opened(category="Committed"), closed(254), r"aws \(Committed\)"),
        (opened(price=None), closed(254), "no price"),
        (opened(price=present(opened().price).model_copy(update={"unit": "gpu-hour"})), closed(254), "number of GPUs"),
    ],
)
def test_what_is_not_known_is_said_and_never_nothing(lease: LeaseOpened, end: LeaseClosed | None, why: str) -> None:
    found = lease_cost(lease, end)
    assert found.amount is None
    assert found.currency is None
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(found.why)


def test_charged_seconds_are_known_without_a_price() -> None:
    assert lease_cost(opened(price=None), closed(26)).billed_seconds == 60


def test_a_lease_that_was_not_seen_whole_says_so() -> None:
    notes = lease_cost(opened(started_source="process"), closed(254, source="process")).notes
    assert ["paid for before" in notes[0], "given back later" in notes[1]] == [True, True]
    assert lease_cost(opened(), closed(254)).notes == ()
    assert lease_cost(opened("own", started_source="process"), closed(254, source="process")).notes == ()


@given(lengths, lengths, st.sampled_from(["aws", "azure", "gcp", "lambda", "runpod", "scaleway", "own"]))
def test_a_longer_lease_never_costs_less(one: Decimal, other: Decimal, provider: str) -> None:
    short, long = sorted((one, other))
    costs = [lease_cost(opened(provider), closed(seconds), usage=ALL).amount for seconds in (short, long)]
    assert 0 <= present(costs[0]) <= present(costs[1])


def test_a_success_pays_for_every_lease() -> None:
    leases = [lease_cost(opened(), closed(seconds)) for seconds in (254, 26)]
    assert lease_cost_per_success(leases, 2) == Amount(
        sum((present(lease.amount) for lease in leases), Decimal(0)) / 2, "USD"
    )


def test_one_unknown_lease_makes_a_success_unknown() -> None:
    assert lease_cost_per_success([lease_cost(opened(), closed(254)), Estimate(why="no price")], 2) is None
    assert lease_cost_per_success([], 0) is None


def test_without_a_hit_there_is_no_cost_of_one() -> None:
    assert lease_cost_per_success([lease_cost(opened(), closed(254))], 0) is None


def test_leases_in_several_currencies_are_never_added() -> None:
    leases = [lease_cost(opened(currency=currency), closed(254)) for currency in ("USD", "EUR")]
    with pytest.raises(ValueError, match="USD and EUR"):
        lease_cost_per_success(leases, 1)


def test_fewer_than_no_hits_are_a_defect() -> None:
    with pytest.raises(ValueError, match="-1 hits"):
        lease_cost_per_success([], -1)

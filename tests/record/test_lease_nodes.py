"""A lease of several machines that are rented together: all are paid for, and all their GPUs are its."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from bench.billing.prices import machine_hourly
from bench.record.documents import Accelerators, LeaseOpened, Price, PriceUnit, of_nodes, utc_now


def lease(unit: PriceUnit = "machine-hour") -> LeaseOpened:
    price = Price(amount=Decimal("3.60"), currency="USD", unit=unit, source="a list", seen=date(2026, 11, 1))
    gpus = Accelerators(name="H100", count=8)
    return LeaseOpened(
        provider="aws", accelerators=gpus, price=price, started=utc_now(), tags={"bench-sweep": "s/h100"}
    )


@pytest.mark.parametrize(("unit", "one", "three"), [("machine-hour", "3.60", "10.80"), ("gpu-hour", "28.80", "86.40")])
def test_the_price_is_that_of_all(unit: PriceUnit, one: str, three: str) -> None:
    alone, together = lease(unit), of_nodes(lease(unit), 3)
    assert machine_hourly(alone.price, alone.accelerators) == Decimal(one)
    assert machine_hourly(together.price, together.accelerators) == Decimal(three)
    assert str(together.accelerators) == "H100:24"
    assert together.tags == {"bench-sweep": "s/h100", "bench-nodes": "3"}
    assert together.price is not None
    assert together.price.source == "a list, 3 nodes"


def test_one_is_what_it_was_and_the_unknown_stays_so() -> None:
    alone = lease()
    assert of_nodes(alone, 1) is alone
    own = LeaseOpened(provider="own", started=utc_now())
    assert (of_nodes(own, 2).price, of_nodes(own, 2).accelerators) == (None, None)

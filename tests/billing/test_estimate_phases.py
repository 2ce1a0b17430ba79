"""Where the seconds and the dollars of a lease went."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from bench.billing.estimate import PhaseCost, lease_cost, phase_costs
from bench.record.documents import LeaseClosed, LeaseOpened, Phase, PhaseName, Price

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEFORE = (
    Phase(name="provision", start=0, stop=60),
    Phase(name="setup", start=60, stop=100),
    Phase(name="data", start=100, stop=110),
)
RUN = (
    Phase(name="build", start=0, stop=3),
    Phase(name="train", start=3, stop=20),
    Phase(name="evaluate", start=20, stop=21),
    Phase(name="train", start=21, stop=30.5),
)


def opened(provider: str = "aws", amount: str | None = "3.60", phases: tuple[Phase, ...] = BEFORE) -> LeaseOpened:
    price = Price(amount=Decimal(amount), currency="USD", source="test", seen=date(2026, 11, 1)) if amount else None
    return LeaseOpened(provider=provider, price=price, started=START, started_source="provider", phases=phases)


def closed(seconds: float) -> LeaseClosed:
    return LeaseClosed(stopped=START + timedelta(seconds=seconds), stopped_source="provider")


def by_name(rows: list[PhaseCost]) -> dict[str, tuple[float, float, float | None]]:
    return {
        row.name: (float(row.seconds), float(row.charged), None if row.amount is None else float(row.amount))
        for row in rows
    }


def test_each_phase_has_its_seconds_and_its_dollars_and_provisioning_is_not_charged_on_aws() -> None:
    # A dollar is 1,000 s.
    assert by_name(phase_costs(opened(), closed(150), RUN)) == {
        "provision": (60, 0, 0),
        "setup": (40, 40, 0.040),
        "data": (10, 10, 0.010),
        "build": (3, 3, 0.003),
        "train": (26.5, 26.5, 0.0265),
        "evaluate": (1, 1, 0.001),
        "other": (9.5, 9.5, 0.0095),
    }


def test_what_a_minimum_adds_stands_by_itself() -> None:
    phases = (Phase(name="setup", start=0, stop=10),)
    assert by_name(phase_costs(opened(phases=phases), closed(12), ())) == {
        "setup": (10, 10, 0.010),
        "other": (2, 2, 0.002),
        "rule": (0, 48, 0.048),
    }


def test_a_price_that_is_not_known_is_never_0() -> None:
    assert {row.amount for row in phase_costs(opened(amount=None), closed(150), RUN)} == {None}


def test_without_a_rule_every_second_is_charged() -> None:
    rows = by_name(phase_costs(opened("unheard-of"), closed(150), ()))
    assert rows["provision"] == (60, 60, 0.060)
    assert "rule" not in rows


@pytest.mark.parametrize("provider", ["aws", "azure", "gcp", "lambda", "own"])
@given(
    edges=st.lists(st.integers(0, 10**7), min_size=4, max_size=4).map(sorted),
    trained=st.integers(0, 10**6),
)
def test_the_phases_add_up_to_the_lease(provider: str, edges: list[int], trained: int) -> None:
    provision, setup, data, stop = (edge / 1000 for edge in edges)
    spans: list[tuple[PhaseName, float, float]]
    spans = [("provision", 0, provision), ("setup", provision, setup), ("data", setup, data)]
    phases = tuple(Phase(name=name, start=start, stop=end) for name, start, end in spans)
    rows = phase_costs(opened(provider, phases=phases), closed(stop), (Phase(name="train", start=0, stop=trained),))
    estimate = lease_cost(opened(provider, phases=phases), closed(stop))
    assert sum(row.charged for row in rows) == estimate.billed_seconds
    (machine,) = (part.amount for part in estimate.parts if part.part == "machine")
    assert machine is not None
    assert sum(row.amount or 0 for row in rows) == pytest.approx(machine.value)

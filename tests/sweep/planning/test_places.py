"""Which place a plan takes of several that a task file admits, and the bound over all of them."""

from __future__ import annotations

import json
from datetime import date

import pytest

from bench.sweep.planning.render import notes, render
from tests.support.plans import T4, V100, WriteTask, offer, only, planned, tried


@pytest.mark.parametrize(
    ("resources", "instance"),
    [
        ({"infra": "aws", "accelerators": ["V100:1", "T4:1"]}, "p3.2xlarge"),
        ({"infra": "aws", "accelerators": {"V100:1": None, "T4:1": None}}, "g4dn.xlarge"),
        ({"ordered": [{"infra": "aws", "gpus": "V100"}, {"infra": "aws", "gpus": "T4"}]}, "p3.2xlarge"),
        ({"any_of": [{"infra": "aws", "gpus": "V100"}, {"infra": "aws", "gpus": "T4"}]}, "g4dn.xlarge"),
    ],
    ids=str,
)
def test_an_ordered_list_is_tried_in_its_order_and_any_other_by_price(
    task: WriteTask, resources: dict[str, object], instance: str
) -> None:
    task("m", resources)
    assert only(planned(offer("3.06"), offer("0.526", **T4))).offer.instance_type == instance


def test_the_upper_bound_is_that_of_the_most_expensive_place(task: WriteTask) -> None:
    task("m", {"accelerators": "V100:1", "max_hourly_cost": 7})
    offers = [
        offer("3.06"),
        offer("6.88", provider="azure", instance_type="nc6"),
        offer("9.00", provider="gcp", instance_type="n1"),  # above the cap
    ]
    (alone,), (cell,) = planned(offers[0]).cells, planned(*offers).cells
    assert cell.offer == alone.offer
    assert cell.dollars == alone.dollars
    assert cell.dearest == offers[1]
    assert cell.most_dollars is not None
    assert alone.most_dollars is not None
    assert cell.most_dollars > 2 * alone.most_dollars


def test_a_place_without_a_billing_rule_is_bounded_by_started_hours(task: WriteTask) -> None:
    task("m", {"accelerators": "V100:1"})
    cell = only(planned(offer("3.06"), offer("6.00", provider="hyperbolic", instance_type="n"), history=tried(5, 5)))
    assert cell.dearest.provider == "hyperbolic"
    assert cell.most_s < 3600
    assert cell.most_dollars == 6


def test_a_place_where_no_time_is_known_leaves_no_upper_bound(task: WriteTask) -> None:
    task("m", {"any_of": [{"accelerators": "V100:1"}, {"accelerators": "X9:1"}]})
    found = planned(offer("3.06"), offer("6.00", gpu="X9", instance_type="x"), max_cost=1000)
    assert only(found).dollars is not None
    assert (found.most_dollars, found.keeps_cost) == (None, None)


NEBIUS = {"infra": "nebius", "accelerators": "V100:8"}
KUBERNETES = {"infra": "kubernetes", "accelerators": "V100:1"}


@pytest.mark.parametrize(("first", "which"), [(NEBIUS, "8 x V100 at nebius"), (KUBERNETES, "1 x V100 at kubernetes")])
def test_the_first_of_an_ordered_list_without_a_price_leaves_the_dollars_unknown(
    task: WriteTask, first: dict[str, object], which: str
) -> None:
    task("m", {"ordered": [first, {"infra": "aws", "accelerators": "V100:1"}]})
    found = planned(offer("3.06"), max_cost=1000)
    cell = only(found)
    assert (cell.offer, cell.dollars, cell.why) == (None, None, f"no on-demand price known for {which}")
    assert (found.unknown, found.keeps_cost) == (1, None)
    assert "max_cost 1000.00 USD: cannot be checked: what a cell costs is unknown" in list(notes(found, None))


@pytest.mark.parametrize(
    "places",
    [
        {"any_of": [NEBIUS, {"infra": "aws", "accelerators": "V100:1"}]},
        {"any_of": [{"infra": "aws"}, {"infra": "gcp/europe-west4"}], "accelerators": "V100:1"},
        {"ordered": [{"infra": "aws", "accelerators": "V100:1"}, NEBIUS]},
    ],
    ids=str,
)
def test_a_machine_without_a_price_leaves_no_upper_bound(task: WriteTask, places: dict[str, object]) -> None:
    task("m", places)
    found = planned(offer("3.06"), max_cost=1000)
    cell = only(found)
    assert cell.offer.hourly is not None
    assert cell.dollars is not None
    assert (cell.most_dollars, found.most_dollars, found.keeps_cost) == (None, None, None)
    assert any(line.startswith("m: no upper bound: no on-demand price known for ") for line in notes(found, None))
    assert next(iter(notes(found, None))).endswith(" USD, upper bound unknown")


@pytest.mark.parametrize(
    ("size", "what"),
    [
        ({"cpus": "32+"}, "the cpus"),
        ({"memory": "4x"}, "the memory"),
        ({"cpus": 8, "memory": "128+"}, "the cpus and the memory"),
    ],
)
def test_a_machine_of_a_size_that_no_source_tells_has_no_known_price(
    task: WriteTask, size: dict[str, object], what: str
) -> None:
    task("m", V100 | size)
    cell = only(planned(offer("3.06")))
    assert (cell.offer, cell.dollars, cell.most_dollars) == (None, None, None)
    assert cell.time is not None
    assert cell.why == f"no on-demand price known, since no source has {what} of a machine"
    task("m", {"any_of": [V100, V100 | size]})
    cell = only(planned(offer("3.06")))
    assert (cell.dollars is None, cell.most_dollars) == (False, None)
    task("m", {"infra": "aws", "instance_type": "p3.2xlarge"} | size)
    assert only(planned(offer("3.06"))).most_dollars is not None


def test_a_machine_that_is_dearer_than_the_cap_is_none_that_may_be_rented(task: WriteTask) -> None:
    task("m", {"ordered": [{"infra": "gcp"}, {"infra": "aws"}], "accelerators": "V100:1", "max_hourly_cost": 4})
    cell = only(planned(offer("9.00", provider="gcp", instance_type="n1"), offer("3.06")))
    assert (cell.offer.provider, cell.dearest.provider) == ("aws", "aws")
    assert cell.most_dollars is not None


def test_where_the_time_of_a_machine_is_unknown_no_duration_is_kept(task: WriteTask) -> None:
    task("m", {"any_of": [{"accelerators": "V100:1"}, {"accelerators": "X9:1"}]})
    for offers in ([offer("3.06")], [offer("3.06"), offer("6.00", gpu="X9", instance_type="x")]):
        found = planned(*offers, max_duration="9d")
        assert only(found).time is not None
        assert (found.most_seconds, found.keeps_duration) == (None, None)
        assert json.loads(render(found, "json", date(2026, 11, 26), terminal=False))["total"]["seconds_at_most"] is None


def test_a_price_above_the_cap_is_named(task: WriteTask) -> None:
    task("m", V100 | {"max_hourly_cost": 1})
    cell = only(planned(offer("3.06")))
    assert (cell.offer, cell.dollars) == (None, None)
    assert "3.06" in cell.why
    assert "max_hourly_cost 1" in cell.why

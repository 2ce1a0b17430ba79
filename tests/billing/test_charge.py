"""From time to charged seconds: exact, never below the minimum, never less for more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.billing.cost import train_cost
from bench.billing.rules import Interval, Rule, billed_in_all, billed_seconds, exact_seconds, rule_book, rule_for

seconds = st.decimals(0, 10**7, places=6)
hourlies = st.decimals(0, 10_000, places=6)
rules = st.sampled_from(rule_book().rules) | st.builds(
    Rule,
    provider=st.just("acme"),
    category=st.sampled_from(["Standard", "Dynamic"]),
    increment_s=st.decimals("0.001", 3600, places=3),
    minimum_s=st.decimals(0, 7200, places=3),
    starts=st.just("running"),
    stops=st.just("stopped"),
    interruption_free_s=st.none() | st.decimals(1, 3600, places=3),
)
ends = st.sampled_from(["user", "provider"])
SPOT = rule_for("aws", "Dynamic")


def ran(length, ended_by="user"):
    return Interval(Decimal(0), Decimal(length), ended_by)


@pytest.mark.parametrize(
    ("provider", "category", "length", "billed"),
    [
        ("aws", "Standard", "254", 254),
        ("aws", "Standard", "26", 60),
        ("aws", "Standard", "60.000001", 61),
        ("gcp", "Standard", "2.59", 60),
        ("azure", "Standard", "90", 300),
        ("azure", "Dynamic", "300.5", 301),
        ("lambda", "Standard", "61", 120),
        ("lambda", "Standard", "120", 120),
        ("scaleway", "Standard", "1", 60),
        ("runpod", "Standard", "2.59", 3),
        ("runpod", "Dynamic", "0", 0),
        ("own", "Standard", "74", 74),
    ],
)
def test_known_bills(provider, category, length, billed):
    assert billed_seconds(ran(length), rule_for(provider, category)) == billed


@pytest.mark.parametrize(
    ("length", "ended_by", "billed"),
    [
        ("0", "provider", 0),
        ("3599.999999", "provider", 0),
        ("3600", "provider", 3600),
        ("3600.5", "provider", 3601),
        ("3599", "user", 3599),
        ("10", "user", 60),
    ],
)
def test_a_spot_machine_that_aws_takes_back_in_the_first_hour_is_not_charged(length, ended_by, billed):
    assert billed_seconds(ran(length, ended_by), SPOT) == billed


def test_each_machine_has_a_first_hour_of_its_own():
    again = [Interval(Decimal(0), Decimal(3000), "provider"), Interval(Decimal(3100), Decimal(3354))]
    assert billed_in_all(again, SPOT) == 254


@pytest.mark.parametrize("provider", ["aws", "azure", "lambda", "gcp", "runpod", "scaleway"])
def test_an_on_demand_machine_is_charged_whoever_ends_it(provider):
    rule = rule_for(provider, "Standard")
    assert billed_seconds(ran(500, "provider"), rule) == billed_seconds(ran(500), rule)


@given(seconds, rules, ends)
def test_what_is_charged_is_never_negative(length, rule, ended_by):
    assert billed_seconds(ran(length, ended_by), rule) >= 0


@given(seconds, rules)
def test_never_below_the_minimum_nor_below_the_time(length, rule):
    billed = billed_seconds(ran(length), rule)
    assert billed >= rule.minimum_s
    assert billed >= length


@given(seconds, rules)
def test_never_an_increment_too_much(length, rule):
    assert billed_seconds(ran(length), rule) < max(length + rule.increment_s, rule.minimum_s + Decimal("0.001"))


@given(seconds, seconds, rules, ends)
def test_more_time_never_costs_less(one, other, rule, ended_by):
    short, long = sorted((one, other))
    assert billed_seconds(ran(short, ended_by), rule) <= billed_seconds(ran(long, ended_by), rule)


@given(seconds, seconds, rules, hourlies)
def test_nor_in_money(one, other, rule, hourly):
    short, long = sorted((one, other))
    assert (
        0 <= train_cost(billed_seconds(ran(short), rule), hourly) <= train_cost(billed_seconds(ran(long), rule), hourly)
    )


@given(st.lists(seconds, min_size=2, max_size=8, unique=True), rules)
def test_a_lease_in_pieces_is_charged_at_least_as_a_whole(edges, rule):
    edges.sort()
    pieces = [Interval(start, stop) for start, stop in pairwise(edges)]
    assert billed_in_all(pieces, rule) >= billed_seconds(Interval(edges[0], edges[-1]), rule)


@given(st.lists(seconds, min_size=4, max_size=8, unique=True), rules)
def test_time_between_the_pieces_is_not_charged(edges, rule):
    edges.sort()
    pieces = [Interval(start, stop) for start, stop in zip(edges[::2], edges[1::2], strict=False)]
    assert billed_in_all(pieces, rule) == sum(billed_seconds(ran(piece.length), rule) for piece in pieces)


def test_a_machine_that_never_ran_is_not_charged():
    assert billed_in_all([], SPOT) == 0


@pytest.mark.parametrize("edges", [[(0, 10), (5, 20)], [(10, 20), (0, 5)]])
def test_pieces_that_overlap_are_a_defect(edges):
    with pytest.raises(ValueError, match="overlap or are out of order"):
        billed_in_all([Interval(Decimal(a), Decimal(b)) for a, b in edges], SPOT)


@pytest.mark.parametrize(("start", "stop"), [(2, 1), (0, "nan"), (0, "inf"), ("-inf", 0)])
def test_what_is_no_interval_is_a_defect(start, stop):
    with pytest.raises(ValueError, match=r"before it starts|no point in time"):
        Interval(Decimal(start), Decimal(stop))


@pytest.mark.parametrize("edge", [74.0, 74, "74"])
def test_only_exact_seconds_are_taken(edge):
    with pytest.raises(TypeError, match="not a Decimal"):
        Interval(Decimal(0), edge)


def test_instants_become_seconds_after_the_lease_began():
    began = datetime(2026, 11, 22, 12, tzinfo=UTC)
    later = began + timedelta(days=40, microseconds=1)
    assert Interval.between(began, began, later) == Interval(Decimal(0), Decimal("3456000.000001"))


@given(st.timedeltas())
def test_every_microsecond_counts(length):
    assert exact_seconds(length) * 1_000_000 == length // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("provider", "category"),
    [("paperspace", "Standard"), ("lambda", "Dynamic"), ("aws", "Committed"), ("", "Standard")],
)
def test_a_rule_that_nobody_knows_is_none(provider, category):
    assert rule_for(provider, category) is None


def test_providers_are_found_in_any_case():
    assert rule_for("AWS", "Standard") is rule_for("aws", "Standard")


def test_a_rule_can_be_said_in_words():
    assert SPOT.words == "by 1 s, at least 60 s, from running to stopped; no charge if taken back in the first 3600 s"
    assert rule_for("runpod", "Standard").words == "by 1 s, from running to stopped"

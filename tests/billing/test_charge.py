"""From time to charged seconds: exact, never below the minimum, never less for more."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from bench.billing.prices import train_cost
from bench.billing.rules import EndedBy, Rule, billed_seconds, exact_seconds, rule_book, rule_for
from bench.record.documents import PricingCategory
from tests.support.builders import present

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
SPOT = present(rule_for("aws", "Dynamic"))


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
def test_known_bills(provider: str, category: PricingCategory, length: str, billed: int) -> None:
    assert billed_seconds(Decimal(length), present(rule_for(provider, category))) == billed


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
def test_a_spot_machine_that_aws_takes_back_in_the_first_hour_is_not_charged(
    length: str, ended_by: EndedBy, billed: int
) -> None:
    assert billed_seconds(Decimal(length), SPOT, ended_by) == billed


@pytest.mark.parametrize("provider", ["aws", "azure", "lambda", "gcp", "runpod", "scaleway"])
def test_an_on_demand_machine_is_charged_whoever_ends_it(provider: str) -> None:
    rule = present(rule_for(provider, "Standard"))
    assert billed_seconds(Decimal(500), rule, "provider") == billed_seconds(Decimal(500), rule)


@given(seconds, rules, ends)
def test_what_is_charged_is_never_negative(length: Decimal, rule: Rule, ended_by: EndedBy) -> None:
    assert billed_seconds(Decimal(length), rule, ended_by) >= 0


@given(seconds, rules)
def test_never_below_the_minimum_nor_below_the_time(length: Decimal, rule: Rule) -> None:
    billed = billed_seconds(Decimal(length), rule)
    assert billed >= rule.minimum_s
    assert billed >= length


@given(seconds, rules)
def test_never_an_increment_too_much(length: Decimal, rule: Rule) -> None:
    assert billed_seconds(Decimal(length), rule) < max(length + rule.increment_s, rule.minimum_s + Decimal("0.001"))


@given(seconds, seconds, rules, ends)
def test_more_time_never_costs_less(one: Decimal, other: Decimal, rule: Rule, ended_by: EndedBy) -> None:
    short, long = sorted((one, other))
    assert billed_seconds(Decimal(short), rule, ended_by) <= billed_seconds(Decimal(long), rule, ended_by)


@given(seconds, seconds, rules, hourlies)
def test_nor_in_money(one: Decimal, other: Decimal, rule: Rule, hourly: Decimal) -> None:
    short, long = (train_cost(billed_seconds(length, rule), hourly) for length in sorted((one, other)))
    assert short is not None
    assert long is not None
    assert 0 <= short <= long


@given(st.timedeltas())
def test_every_microsecond_counts(length: timedelta) -> None:
    assert exact_seconds(length) * 1_000_000 == length // timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("provider", "category"),
    [("baidu", "Standard"), ("lambda", "Dynamic"), ("aws", "Committed"), ("", "Standard")],
)
def test_a_rule_that_nobody_knows_is_none(provider: str, category: PricingCategory) -> None:
    assert rule_for(provider, category) is None


@pytest.mark.parametrize(
    ("instance_type", "billed"),
    [("BM.GPU3.8", 3600), ("VM.GPU3.1", 840), ("bm.gpu3.8", 3600), (None, None), ("X", None)],
)
def test_bare_metal_has_a_rule_of_its_own(instance_type: str | None, billed: int | None) -> None:
    rule = rule_for("oci", "Standard", instance_type)
    assert (rule and billed_seconds(Decimal(840), rule)) == billed


def test_providers_are_found_in_any_case() -> None:
    assert rule_for("AWS", "Standard") is rule_for("aws", "Standard")


def test_a_rule_can_be_said_in_words() -> None:
    assert SPOT.words == "by 1 s, at least 60 s, from running to stopped; no charge if preempted in the first 3600 s"
    assert present(rule_for("runpod", "Standard")).words == "by 1 s, from running to stopped"

"""The integrity of the rules' and the parts' data files, entry by entry, as they are written."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.billing.estimate import part_book
from bench.billing.prices import price_book
from bench.billing.rules import rule_book


def written(name: str) -> dict[str, Any]:
    return tomllib.loads(files("bench.billing").joinpath(name).read_text(encoding="utf-8"))


RULES, UNKNOWN, PARTS = written("rules.toml")["rule"], written("rules.toml")["unknown"], written("parts.toml")["part"]
each_rule = pytest.mark.parametrize(
    "rule", RULES, ids=[f"{r['provider']}:{r['category']}:{r.get('machines', '')}" for r in RULES]
)
each_part = pytest.mark.parametrize("part", PARTS, ids=[f"{p['provider']}:{p['part']}" for p in PARTS])


def is_https(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme == "https" and "." in parts.netloc and not re.search(r"\s", url)


def is_a_past_day(day: date) -> bool:
    return type(day) is date and date(2025, 1, 1) <= day <= datetime.now(UTC).date() + timedelta(days=1)


def test_the_files_are_read_whole() -> None:
    assert len(rule_book().rules) == len(RULES) >= 10
    assert len(rule_book().unknown) == len(UNKNOWN)
    assert len(part_book()) == len(PARTS)


@each_rule
def test_a_rule_says_where_and_on_which_day_it_was_read(rule: dict[str, Any]) -> None:
    if rule["provider"] == "own":
        assert "source" not in rule
    else:
        assert is_https(rule["source"])
        assert is_a_past_day(rule["read"])


@each_rule
def test_a_rule_s_seconds_are_sane(rule: dict[str, Any]) -> None:
    assert rule["increment_s"] in {1, 60, 3600}
    assert 0 <= rule["minimum_s"] <= 3600
    assert rule["minimum_s"] % rule["increment_s"] == 0
    assert rule.get("lower_minimum_s", -1) < rule["minimum_s"] or rule["minimum_s"] == 0


@each_rule
def test_only_a_spot_machine_is_taken_back_for_nothing(rule: dict[str, Any]) -> None:
    if "interruption_free_s" in rule:
        assert rule["category"] == "Dynamic"
        assert 60 <= rule["interruption_free_s"] <= 3600


@each_rule
def test_nothing_is_charged_by_the_term(rule: dict[str, Any]) -> None:
    assert rule["category"] in {"Standard", "Dynamic"}


def test_no_provider_has_two_rules_for_one_category() -> None:
    assert [
        key for key, n in Counter((r["provider"], r["category"], r.get("machines")) for r in RULES).items() if n > 1
    ] == []


def test_rules_are_sorted_by_provider() -> None:
    assert [r["provider"] for r in RULES] == sorted(r["provider"] for r in RULES)


def test_every_provider_in_the_price_book_has_a_rule_or_is_listed_as_unknown() -> None:
    ruled = {(r["provider"], r["category"]) for r in RULES}
    unknown = {entry["provider"] for entry in UNKNOWN}
    for offer in price_book():
        assert (offer.provider, offer.category) in ruled or offer.provider in unknown, offer.name


def test_nobody_is_both_known_and_unknown() -> None:
    assert not {r["provider"] for r in RULES} & {entry["provider"] for entry in UNKNOWN}


@each_part
def test_a_part_s_price_is_plain_and_says_where_it_stands(part: dict[str, Any]) -> None:
    assert re.fullmatch(r"\d+\.\d+", part["amount"])
    assert Decimal(part["amount"]) < 10
    assert part["currency"] == "USD"
    assert is_https(part["source"])
    assert is_a_past_day(part["read"])
    assert part["provider"] in {r["provider"] for r in RULES}


@each_part
def test_a_part_is_priced_by_its_own_unit(part: dict[str, Any]) -> None:
    assert part["per"] == {"disk": "GB-month", "public-ip": "address-hour", "egress": "GB"}[part["part"]]


def test_no_part_has_two_prices() -> None:
    assert [key for key, n in Counter((p["provider"], p["part"]) for p in PARTS).items() if n > 1] == []

"""AWS's prices, asked of a stand-in for EC2 and the Price List API on loopback."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from bench.billing.offers.aws import ask_on_demand, ask_spot
from bench.billing.offers.query import Answer, Query
from bench.billing.prices import Offer
from bench.errors import BenchError
from tests.support.aws_stub import Aws, serve
from tests.support.builders import present


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    stand_in = Aws()
    with serve(stand_in) as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield stand_in


def soon() -> float:
    return time.monotonic() + 60


def by_name(answer: Answer) -> dict[str, Offer]:
    assert not answer.failures
    return {offer.instance_type: offer for offer in answer.offers}


def test_spot_is_the_price_of_the_cheapest_zone(aws: Aws) -> None:
    offer = by_name(ask_spot(Query(spot=True), soon()))["p3.2xlarge"]
    assert (offer.hourly, offer.currency) == (Decimal("0.48"), "USD")
    assert "us-east-1b" in offer.source
    assert (offer.accelerators.name, offer.accelerators.count, offer.region, offer.category) == (
        "V100",
        1,
        "us-east-1",
        "Dynamic",
    )


def test_an_answer_says_when_it_was_asked(aws: Aws) -> None:
    offer = by_name(ask_spot(Query(spot=True), soon()))["p3.2xlarge"]
    assert timedelta(0) <= datetime.now(UTC) - present(offer.seen_at) < timedelta(minutes=5)
    assert offer.seen == present(offer.seen_at).date()


def test_a_spot_price_of_nothing_is_unknown(aws: Aws) -> None:
    assert by_name(ask_spot(Query(spot=True), soon()))["p4de.24xlarge"].hourly is None


def test_only_the_machines_with_the_gpu_are_asked_for(aws: Aws) -> None:
    assert set(by_name(ask_spot(Query(gpu="A100-80GB", spot=True), soon()))) == {"p4de.24xlarge"}
    history = next(words for action, words in aws.asked if action == "DescribeSpotPriceHistory")
    assert [value for key, value in history.items() if key.startswith("InstanceType.")] == ["p4de.24xlarge"]


def test_a_gpu_that_aws_does_not_have_is_no_answer_and_no_failure(aws: Aws) -> None:
    assert by_name(ask_spot(Query(gpu="Z9", spot=True), soon())) == {}
    assert by_name(ask_on_demand(Query(gpu="Z9"), soon())) == {}


def test_on_demand_prices_are_those_of_plain_linux_in_the_region(aws: Aws) -> None:
    offers = by_name(ask_on_demand(Query(region="eu-west-1"), soon()))
    assert offers["p3.2xlarge"].hourly == Decimal("3.06")
    assert (offers["p3.2xlarge"].region, offers["p3.2xlarge"].category) == ("eu-west-1", "Standard")
    asked = next(words for action, words in aws.asked if action == "GetProducts")
    filters = {entry["Field"]: entry["Value"] for entry in asked["Filters"]}
    assert filters["regionCode"] == "eu-west-1"
    assert (filters["operatingSystem"], filters["tenancy"], filters["preInstalledSw"]) == ("Linux", "Shared", "NA")


def test_a_listed_price_of_nothing_is_unknown_and_an_unlisted_machine_or_one_without_a_gpu_is_left_out(
    aws: Aws,
) -> None:
    offers = by_name(ask_on_demand(Query(), soon()))
    assert offers["p3.16xlarge"].hourly is None
    assert set(offers) == {"p3.2xlarge", "p3.16xlarge"}


def test_a_price_keeps_its_currency(aws: Aws) -> None:
    aws.listed["p3.2xlarge"] = {"CNY": "23.5"}
    offer = by_name(ask_on_demand(Query(region="cn-north-1"), soon()))["p3.2xlarge"]
    assert (offer.hourly, offer.currency) == (Decimal("23.5"), "CNY")


def test_spot_prices_of_china_are_in_its_currency(aws: Aws) -> None:
    assert by_name(ask_spot(Query(spot=True, region="cn-north-1"), soon()))["p3.2xlarge"].currency == "CNY"


def test_the_region_is_the_configured_one_unless_asked_otherwise(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-2")
    assert by_name(ask_spot(Query(spot=True), soon()))["p3.2xlarge"].region == "us-west-2"


def test_without_credentials_it_says_what_to_do(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    with pytest.raises(BenchError, match="aws configure"):
        ask_spot(Query(spot=True), soon())

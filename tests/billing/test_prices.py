"""Finding a price in the book, and taking one from the user."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from bench.billing import prices
from bench.billing.prices import Offer, catalogue_extract, find_offer, given_price, machine_hourly, price_book
from bench.errors import UsageError
from bench.record.documents import Accelerators, Price, PricingCategory

V100 = Accelerators(name="V100", count=1)


def offer(instance: str, amount: str, category: PricingCategory = "Standard", region: str | None = None) -> Offer:
    return Offer(
        provider="acme",
        instance_type=instance,
        accelerators=V100,
        region=region,
        category=category,
        amount=Decimal(amount),
        currency="USD",
        source="test",
        seen=date(2026, 11, 1),
    )


@pytest.fixture
def regional_book(monkeypatch: pytest.MonkeyPatch) -> None:
    book = (
        offer("one", "1.00", region="east"),
        offer("one", "2.00", region="west"),
        offer("one", "0.30", "Dynamic", region="east"),
        offer("two", "3.00"),
        offer("two", "4.00", region="west"),
    )
    monkeypatch.setattr(prices, "price_book", lambda: book)


def one_line(error: pytest.ExceptionInfo[UsageError]) -> bool:
    return "\n" not in str(error.value)


def test_the_book_is_read_once() -> None:
    assert price_book() is price_book()


def test_an_offer_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        find_offer("aws:p3.2xlarge").region = "us-east-1"  # type: ignore[misc]  # that it cannot be set is the test


@pytest.mark.parametrize(
    ("name", "accelerators", "hourly"),
    [
        ("aws:p3.2xlarge", ("V100", 1), "3.06"),
        ("aws:p3.16xlarge", ("V100", 8), "24.48"),
        ("aws:g4dn.xlarge", ("T4", 1), "0.526"),
        ("aws:g5.xlarge", ("A10G", 1), "1.006"),
        ("aws:p4d.24xlarge", ("A100", 8), "21.957642"),
        ("aws:p4de.24xlarge", ("A100-80GB", 8), "27.44705"),
        ("aws:p5.48xlarge", ("H100", 8), "55.04"),
        ("aws:p5.4xlarge", ("H100", 1), "6.88"),
        ("azure:standard_nc24ads_a100_v4", ("A100-80GB", 1), "3.67"),
        ("lambda:gpu_8x_v100", ("V100", 8), "6.32"),
    ],
)
def test_known_machines_have_their_listed_price(name: str, accelerators: tuple[str, int], hourly: str) -> None:
    found = find_offer(name)
    assert (found.accelerators.name, found.accelerators.count) == accelerators
    assert found.hourly == machine_hourly(found.price, found.accelerators) == Decimal(hourly)


@pytest.mark.parametrize("found", price_book(), ids=lambda found: found.name)
def test_every_offer_is_found_by_its_name(found: Offer) -> None:
    assert find_offer(found.name, found.category, found.region) is found
    assert find_offer(found.name.upper(), found.category, found.region) is found


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("p3.2xlarge", "aws:p3.2xlarge"),
        ("aws:p3.2xlarg", "aws:p3.2xlarge"),
        ("AWS:P4D.24XL", "aws:p4d.24xlarge"),
        ("aws/g5.xlarge", "aws:g5.xlarge"),
        ("lambda:gpu_1x_h100", "lambda:gpu_1x_h100_pcie"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest_ones(typed: str, meant: str) -> None:
    with pytest.raises(UsageError, match=rf"{meant}\b.*--price-per-hour") as error:
        find_offer(typed)
    assert one_line(error)


@pytest.mark.parametrize("typed", ["", "zzz", "¯\\_(ツ)_/¯"])
def test_a_name_like_no_other_is_answered_with_where_to_look(typed: str) -> None:
    with pytest.raises(UsageError, match=r"prices\.csv"):
        find_offer(typed)


def test_an_on_demand_price_is_never_given_for_spot() -> None:
    with pytest.raises(UsageError, match=r"spot.*aws:p3\.2xlarge.*on-demand"):
        find_offer("aws:p3.2xlarge", "Dynamic")


def test_a_region_without_its_own_price_gets_the_one_that_names_no_region() -> None:
    found = find_offer("aws:p3.2xlarge", region="eu-west-1")
    assert found.region is None
    assert "region not stated" in found.source


@pytest.mark.usefixtures("regional_book")
def test_a_price_for_the_region_goes_before_one_that_names_none() -> None:
    assert find_offer("acme:two", region="west").amount == 4
    assert find_offer("acme:two", region="east").amount == 3
    assert find_offer("acme:two").amount == 3


@pytest.mark.usefixtures("regional_book")
def test_without_a_region_the_only_price_is_taken() -> None:
    assert find_offer("acme:one", "Dynamic").amount == Decimal("0.30")


@pytest.mark.usefixtures("regional_book")
@pytest.mark.parametrize("region", [None, "north"])
def test_a_price_is_never_guessed_from_other_regions(region: str | None) -> None:
    with pytest.raises(UsageError, match="east, west"):
        find_offer("acme:one", region=region)


def test_a_given_price_says_who_gave_it() -> None:
    price = given_price("3.06", "eur", "Committed")
    assert price == Price(
        amount=Decimal("3.06"),
        currency="EUR",
        unit="machine-hour",
        pricing_category="Committed",
        source="given by the user",
        seen=price.seen,
    )


def test_a_given_price_is_by_default_on_demand_in_dollars_of_today() -> None:
    before = datetime.now(UTC).date()
    price = given_price("1")
    assert (price.currency, price.pricing_category) == ("USD", "Standard")
    assert before <= price.seen <= datetime.now(UTC).date()


def test_a_machine_may_cost_nothing() -> None:
    assert given_price("0").amount == 0


@given(st.decimals(0, 10**8, places=6))
def test_a_given_price_keeps_every_digit(amount: Decimal) -> None:
    assert given_price(str(amount)).amount.as_tuple() == amount.as_tuple()


@pytest.mark.parametrize(
    "text",
    ["", "three", "3,06", "$3.06", "-1", "-0", "nan", "sNaN", "inf", "-inf", "1e9", "1e999999", "0x10"],
)
def test_what_is_no_price_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(UsageError, match="is not a price") as error:
        given_price(text)
    assert one_line(error)


@pytest.mark.parametrize("currency", ["", "US", "USDT", "U$D", "12 ", "éur", "USD\n"])
def test_what_is_no_currency_is_refused_in_one_line(currency: str) -> None:
    with pytest.raises(UsageError, match="is not a currency") as error:
        given_price("3.06", currency)
    assert one_line(error)


@given(st.decimals(0, 1000, places=4), st.integers(1, 64))
def test_a_price_per_gpu_is_paid_for_each(amount: Decimal, count: int) -> None:
    price = given_price(str(amount)).model_copy(update={"unit": "gpu-hour"})
    assert machine_hourly(price, Accelerators(name="V100", count=count)) == amount * count


@given(st.decimals(0, 1000, places=4), st.integers(1, 64))
def test_a_price_per_machine_is_paid_once(amount: Decimal, count: int) -> None:
    assert machine_hourly(given_price(str(amount)), Accelerators(name="V100", count=count)) == amount


def test_what_is_not_known_has_no_hourly_price() -> None:
    price = given_price("3.06")
    assert machine_hourly(None, V100) is None
    assert machine_hourly(price.model_copy(update={"unit": "gpu-hour"}), None) is None
    assert machine_hourly(price, None) == Decimal("3.06")


def test_a_machine_of_the_extract_alone_is_found_where_the_extract_will_do() -> None:
    name = "aws:p5en.48xlarge"
    with pytest.raises(UsageError, match="no price for"):
        find_offer(name)
    assert find_offer(name, catalogue=True) in catalogue_extract()
    assert find_offer("aws:p3.2xlarge", catalogue=True) in price_book()


def test_the_catalogue_has_the_category_that_the_book_lacks() -> None:
    assert find_offer("aws:p5.4xlarge", catalogue=True) in price_book()
    assert find_offer("aws:p5.4xlarge", "Dynamic", catalogue=True) in catalogue_extract()
    with pytest.raises(UsageError, match="only on-demand"):
        find_offer("aws:p5.4xlarge", "Dynamic")
    with pytest.raises(UsageError, match="only on-demand, spot"):
        find_offer("aws:p5.4xlarge", "Committed", catalogue=True)

"""Sources are asked side by side; one that fails or hangs takes no other with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bench.billing.offers import skypilot
from bench.billing.offers.query import OLD_AFTER, Answer, Failure, Query, known, ranked
from bench.billing.offers.sources import Ask, collect, sources
from bench.billing.prices import Offer
from bench.errors import BenchError
from bench.record.documents import Accelerators

TODAY = date(2026, 11, 22)


def offer(hourly: str | None = "1.00", provider: str = "acme", **changes: Any) -> Offer:
    fields: dict[str, Any] = {
        "provider": provider,
        "instance_type": "one",
        "accelerators": Accelerators(name=changes.pop("gpu", "H100"), count=changes.pop("gpus", 1)),
        "region": "east",
        "category": "Standard",
        "amount": None if hourly is None else Decimal(hourly),
        "currency": "USD",
        "source": "test",
        "seen": TODAY,
    }
    return Offer(**(fields | changes))


def says(*offers: Offer, failures: Sequence[Failure] = ()) -> Ask:
    return lambda query, until: Answer(offers, failures)


def fails(error: Exception) -> Ask:
    def ask(query: Query, until: float) -> Answer:
        raise error

    return ask


def test_the_cheapest_gpu_comes_first_and_unknown_last() -> None:
    eight = offer("4.00", gpus=8)
    answer = collect(Query(), {"a": says(offer(None), offer("1.00")), "b": says(eight)})
    assert [q.per_gpu for q in answer.offers] == [Decimal("0.5"), Decimal("1.00"), None]


def test_what_was_seen_a_year_and_a_half_before_the_newest_comes_after_it() -> None:
    newest, edge, old = TODAY, TODAY - OLD_AFTER, TODAY - OLD_AFTER - timedelta(days=1)
    told = says(offer("1", seen=old), offer(None, seen=newest), offer("3", seen=newest), offer("2", seen=edge))
    assert [str(q.amount) for q in collect(Query(), {"a": told}).offers] == ["2", "3", "1", "None"]
    assert [str(q.amount) for q in collect(Query(), {"a": says(offer("1", seen=old))}).offers] == ["1"]


@given(st.lists(st.dates(min_value=date(2018, 1, 1), max_value=TODAY)))
def test_the_newest_price_is_always_ranked(days: list[date]) -> None:
    kept = [each.seen for each in ranked([offer(seen=day) for day in days])]
    assert max(kept, default=None) == max(days, default=None)
    assert all(max(days) - day <= OLD_AFTER for day in kept)
    assert all(max(days) - day > OLD_AFTER for day in set(days) - set(kept))


def test_currencies_are_not_ranked_against_each_other() -> None:
    answer = collect(Query(), {"a": says(offer("1", currency="USD"), offer("2", currency="EUR"))})
    assert [q.currency for q in answer.offers] == ["EUR", "USD"]


@pytest.mark.parametrize("error", [BenchError("no credentials"), RuntimeError("two\nlines"), KeyError()])
def test_one_source_that_fails_is_named_and_the_others_count(error: Exception) -> None:
    answer = collect(Query(), {"broken": fails(error), "works": says(offer())})
    assert len(answer.offers) == 1
    assert [f.source for f in answer.failures] == ["broken"]
    assert "\n" not in answer.failures[0].why


def test_a_source_that_hangs_is_left_behind() -> None:
    held = threading.Event()

    def hangs(query: Query, until: float) -> Answer:
        held.wait()
        return Answer()

    began = time.monotonic()
    answer = collect(Query(), {"hangs": hangs, "works": says(offer())}, seconds=1)
    held.set()
    assert time.monotonic() - began < 30  # not for ever, however busy the machine
    assert answer.failures == [Failure("hangs", "no answer within 1 s")]
    assert len(answer.offers) == 1


def test_a_part_of_a_source_may_fail() -> None:
    answer = collect(Query(), {"sky": says(offer(), failures=[Failure("sky (azure)", "gone")])})
    assert len(answer.offers) == 1
    assert answer.failures == [Failure("sky (azure)", "gone")]


def test_it_is_an_error_when_all_fail() -> None:
    with pytest.raises(BenchError, match="a: no keys; b: ValueError: bad"):
        collect(Query(), {"a": fails(BenchError("no keys")), "b": fails(ValueError("bad"))})


def test_sources_without_a_fitting_price_have_still_answered() -> None:
    assert collect(Query(gpu="B200"), {"a": says(offer()), "b": fails(BenchError("no"))}).offers == []


@pytest.mark.parametrize(
    "query",
    [Query(), Query(gpu="h100"), Query(cloud="ACME"), Query(region="EAST"), Query("h100", False, "acme", "east")],
)
def test_a_price_that_fits_is_given(query: Query) -> None:
    assert query.accepts(offer())


@pytest.mark.parametrize("query", [Query(gpu="A100"), Query(spot=True), Query(cloud="aws"), Query(region="west")])
def test_a_price_that_does_not_fit_is_left_out(query: Query) -> None:
    assert not query.accepts(offer())


def test_a_price_whose_source_names_no_region_is_given_for_each() -> None:
    assert Query(region="west").accepts(offer(region=None))


@pytest.mark.parametrize(("seen", "stale"), [(date(2026, 10, 23), False), (date(2026, 10, 22), True)])
def test_a_price_older_than_thirty_days_is_stale(seen: date, stale: bool) -> None:
    assert offer(seen=seen).stale(TODAY) is stale


@given(st.decimals(allow_nan=True, allow_infinity=True))
def test_only_a_positive_amount_is_a_known_price(amount: Decimal) -> None:
    found = known(amount)
    assert found is None or (found == amount and found > 0 and found.is_finite())


@pytest.mark.parametrize("amount", [None, Decimal(0), Decimal("0.00"), Decimal("nan"), Decimal(-1)])
def test_a_catalogue_s_zero_is_unknown(amount: Decimal | None) -> None:
    assert known(amount) is None


def test_off_line_only_what_comes_with_bench_is_asked() -> None:
    assert set(sources(Query(), offline=True)) == {"price book", "catalogue extract"}


def test_the_extract_stands_in_for_skypilot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skypilot, "installed", lambda: True)
    assert set(sources(Query(cloud="lambda"), offline=False)) == {"price book", "skypilot"}
    assert set(sources(Query(cloud="lambda"), offline=True)) == {"price book", "catalogue extract"}


@pytest.mark.parametrize(("elsewhere", "prices"), [("2.00", ["2.00"]), (None, [None])])
def test_the_extract_is_silent_on_a_machine_that_another_source_knows(elsewhere: str | None, prices: list[str]) -> None:
    old = says(offer("1.00"), offer("3.00", instance_type="two"), offer("0.50", category="Dynamic"))
    found = collect(Query(), {"catalogue extract": old, "sky": says(offer(elsewhere))})
    assert [q.hourly and str(q.hourly) for q in found.offers if q.instance_type == "one"] == prices
    assert [str(q.hourly) for q in found.offers if q.instance_type == "two"] == ["3.00"]
    spot = collect(Query(spot=True), {"catalogue extract": old, "sky": says(offer(elsewhere))})
    assert [str(q.hourly) for q in spot.offers] == ["0.50"]


def test_aws_is_asked_for_the_category_and_only_where_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(skypilot, "installed", lambda: False)
    with_bench = {"price book", "catalogue extract"}
    assert set(sources(Query(), offline=False)) == {*with_bench, "aws pricing"}
    assert set(sources(Query(spot=True), offline=False)) == {*with_bench, "aws spot"}
    assert set(sources(Query(cloud="lambda"), offline=False)) == with_bench


def test_the_book_answers_with_its_own_days() -> None:
    answer = collect(Query(cloud="aws", gpu="V100"), sources(Query(), offline=True))
    found = {q.instance_type: q for q in answer.offers}["p3.2xlarge"]
    assert found.hourly == Decimal("3.06")
    assert found.seen == date(2026, 11, 1)
    assert found.seen_at is None
    assert found.stale(datetime(2026, 12, 2, tzinfo=UTC).date())

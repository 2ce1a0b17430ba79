"""Every figure in docs/billing.md is computed here, by the code that it describes.

Set UPDATE_EXPECTED=1 to write its tables anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest

from bench.billing.estimate import MONTH_S, Estimate, Usage, lease_cost, lease_cost_per_success, part_book
from bench.billing.offers.sources import DEADLINE_S
from bench.billing.prices import STALE_AFTER, find_offer, given_price, train_cost
from bench.billing.rules import Rule, rule_book
from bench.record.documents import CloseReason, LeaseClosed, LeaseOpened, Price
from tests.support.between import assert_between
from tests.support.builders import present

DOCUMENT = Path(__file__).parents[2] / "docs" / "billing.md"
START = datetime(2026, 11, 22, 12, tzinfo=UTC)
RUN, BOOT, LOST_AFTER = 74, 180, 30  # s
NO = "-"
OFFER = find_offer("aws:p3.2xlarge")
SPOT = given_price("0.48", category="Dynamic")


def table(*rows: Sequence[str]) -> str:
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["-"] * len(head), *body))


def rules() -> str:
    head = ("provider", "category", "increment, s", "minimum, s", "charged from", "until", "if preempted")
    book = rule_book().rules
    cells = [
        (named(rule), rule.category, str(rule.increment_s), minimum(rule), rule.starts, rule.stops, free(rule))
        for rule in book
    ]
    return "\n".join([table(head, *cells), "", *map(source, book)])


def named(rule: Rule) -> str:
    return f"{rule.provider} {rule.machines}".rstrip()


def minimum(rule: Rule) -> str:
    return str(rule.minimum_s) if rule.lower_minimum_s is None else f"{rule.lower_minimum_s} or {rule.minimum_s}"


def free(rule: Rule) -> str:
    return f"free in the first {rule.interruption_free_s} s" if rule.interruption_free_s else "as any other end"


def source(rule: Rule) -> str:
    where = [f"<{rule.source}>, read {rule.read}"] if rule.source else []
    return f"- {named(rule)}, {rule.category}: {'; '.join([*where, rule.note] if rule.note else where)}"


def parts() -> str:
    head = ("provider", "part", "price", "per", "source, read")
    return table(
        head, *((p.provider, p.part, f"{p.amount} {p.currency}", p.per, f"<{p.source}>, {p.read}") for p in part_book())
    )


def opened(price: Price | None) -> LeaseOpened:
    return LeaseOpened(
        provider="aws", accelerators=OFFER.accelerators, price=price, started=START, started_source="provider"
    )


def closed(seconds: float, reason: CloseReason = "finished") -> LeaseClosed:
    return LeaseClosed(stopped=START + timedelta(seconds=seconds), stopped_source="provider", reason=reason)


def lease(price: Price | None, *lengths: float, reason: CloseReason = "finished") -> list[Estimate]:
    """Machines rented one after the other; the first ends for `reason`."""
    return [
        lease_cost(opened(price), closed(seconds, "finished" if n else reason)) for n, seconds in enumerate(lengths)
    ]


def row(words: str, on_machine: object, found: list[Estimate]) -> tuple[str, ...]:
    cost = sum((present(each.amount) for each in found), Decimal(0))
    charged = sum((present(each.billed_seconds) for each in found), Decimal(0))
    return (words, str(on_machine), str(charged), four(cost), cents(cost))


def four(amount: Decimal) -> str:
    return f"{amount:.4f}"


def cents(amount: Decimal) -> str:
    return str(amount.quantize(Decimal("0.01"), ROUND_HALF_UP))


def scenarios(price: Price) -> Iterator[tuple[str, ...]]:
    """What can happen to one training, as rows: all leases are machines of AWS at `price`."""
    whole, lost = BOOT + RUN, BOOT + LOST_AFTER
    train = present(train_cost(RUN, price.amount))
    yield ("the training alone, as DAWNBench counts it", str(RUN), NO, four(train), cents(train))
    yield row("boot and training, then given back", whole, lease(price, whole))
    yield row("26 s of training on a machine just started from a ready image, given back", 26, lease(price, 26))
    if price.pricing_category == "Standard":
        yield row(
            f"ended by its user {LOST_AFTER} s into the training; a second machine trains to the end",
            f"{lost} + {whole}",
            lease(price, lost, whole, reason="interrupted"),
        )
        return
    yield row(f"preempted by EC2 {LOST_AFTER} s into the training", lost, lease(price, lost, reason="preempted"))
    yield row(
        "the same, and a second machine trains to the end",
        f"{lost} + {whole}",
        lease(price, lost, whole, reason="preempted"),
    )
    yield row(
        "the same, but the user ends the first one on EC2's notice",
        f"{lost} + {whole}",
        lease(price, lost, whole, reason="interrupted"),
    )
    yield row("preempted by EC2 after its first hour", 3700, lease(price, 3700, reason="preempted"))


def example() -> str:
    price = present(OFFER.price)
    (alone,) = lease(price, BOOT + RUN)
    with_address = lease_cost(opened(price), closed(BOOT + RUN), usage=Usage(addresses=1))
    address = present(with_address.amount) - present(alone.amount)
    each = present(lease_cost_per_success(lease(SPOT, BOOT + LOST_AFTER, BOOT + RUN, reason="preempted"), 1)).value
    ratio = present(alone.amount) / present(train_cost(RUN, price.amount))
    head = ("what happens", "on the machine, s", "charged, s", "USD", "to the cent")
    return f"""\
A training of {RUN} s on a p3.2xlarge (one V100), with {BOOT} s of boot and set-up before it. On demand it costs
USD {price.amount} an hour (price book, seen {price.seen}). The spot price of USD {SPOT.amount} an hour is assumed:
the lowest of those in SkyPilot's catalogue of autumn 2025 for us-east-1. The rules are AWS's, above. Only the machine
is in these figures: {alone.parts_priced}.

On demand:

{table(head, *scenarios(price))}

Spot:

{table(head, *scenarios(SPOT))}

Boot and set-up make the lease {ratio:.1f} times as expensive as the training alone. One public address for the
{BOOT + RUN} s would add USD {address:.4f}. With a spot machine preempted in its first hour a success costs
USD {four(each)}: what is lost is time. An interruption costs money only after the first hour, or if its user ends it
first."""


@pytest.mark.parametrize("block", [rules, parts, example])
def test_the_document_s_figures_are_those_of_the_code(block: Callable[[], str]) -> None:
    name = block.__name__
    assert_between(DOCUMENT, f"<!-- {name} -->\n", f"<!-- end of {name} -->\n", f"\n{block()}\n\n")


def test_the_figures_in_its_sentences_are_those_of_the_code() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    assert f"at most {DEADLINE_S:g} seconds" in text
    assert f"older than {STALE_AFTER.days} days" in text
    assert f"A month is {MONTH_S // 86400} days" in text

"""The estimate of a lease, whole and by phase: what the invoice should say (FOCUS: ListCost), before any bill.

    lease cost = billing rule(lease start, lease end) x price, and the parts beside the machine

Where the price, the rule or the end of the lease is unknown, so is the cost, and the estimate says why. What a lease
costs beside the machine (disk, public address, egress) has prices of its own, data in `parts.toml`; a part that has no
price, or with unknown usage, is unpriced and never counts as 0.
"""

from __future__ import annotations

import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from bench.billing.prices import SECONDS_PER_HOUR, Amount, machine_hourly, total, train_cost
from bench.billing.rules import EndedBy, Rule, billed_seconds, exact_seconds, rule_for
from bench.record.documents import OWN, LeaseClosed, LeaseOpened, Money, Part, Phase, PricingCategory

PartName = Literal["machine", "disk", "public-ip", "egress"]
BESIDE: tuple[PartName, ...] = ("disk", "public-ip", "egress")
MONTH_S = 30 * 24 * SECONDS_PER_HOUR
BY_RULE = "rule"  # what is charged beyond the seconds of the phases, such as a started minute or a minimum
_MILLISECOND = Decimal("0.001")


class PartPrice(Part):
    """What a provider asks for one unit of a part."""

    provider: str = Field(pattern=r"^[a-z]+$")
    part: PartName
    amount: Money
    currency: str = Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")
    per: Literal["GB-month", "address-hour", "GB"]
    source: str = Field(pattern=r"^https://")
    read: date


class PartBook(Part):
    """Everything that `parts.toml` holds."""

    parts: tuple[PartPrice, ...] = Field(alias="part")


@dataclass(frozen=True)
class Usage:
    """How much of each part a lease used. None: not known."""

    disk_gb: Decimal | None = None
    addresses: int | None = None
    egress_gb: Decimal | None = None

    def of(self, part: PartName) -> Decimal | None:
        """The quantity of `part`, in gigabytes or addresses."""
        found = {"disk": self.disk_gb, "public-ip": self.addresses, "egress": self.egress_gb}[part]
        return None if found is None else Decimal(found)


@dataclass(frozen=True)
class PartCost:
    """One part of a lease and what it costs. Without an amount, `why` says what is missing."""

    part: PartName
    amount: Amount | None
    why: str = ""


@dataclass(frozen=True)
class Estimate:
    """What a lease should cost. `amount` and `currency` are None together, and then `why` says why.

    `amount` is that of the priced parts, unrounded; `lower` is less, by another reading of a contested rule, and None
    where none says less. `billed_seconds` is known where the rule and the end are, also without a price. `notes` are
    for the reader: what the figure leaves out.
    """

    amount: Decimal | None = None
    currency: str | None = None
    billed_seconds: Decimal | None = None
    rule: Rule | None = None
    parts: tuple[PartCost, ...] = ()
    why: str | None = None
    notes: tuple[str, ...] = ()
    lower: Decimal | None = None

    @property
    def priced(self) -> tuple[str, ...]:
        """The parts that `amount` holds."""
        return tuple(part.part for part in self.parts if part.amount is not None)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """The parts that come on top, by an amount not known."""
        return tuple(part.part for part in self.parts if part.amount is None)

    @property
    def parts_priced(self) -> str:
        """Such as "3 of 4 parts priced"."""
        return f"{len(self.priced)} of {len(self.parts)} parts priced"


def lease_cost(opened: LeaseOpened, closed: LeaseClosed | None, *, usage: Usage | None = None) -> Estimate:
    """What the machine of `opened` should cost until `closed`; None: the lease is still open."""
    # Without a price nobody said that it is a spot machine.
    category: PricingCategory = opened.price.pricing_category if opened.price else "Standard"
    rule = rule_for(opened.provider, category, opened.instance_type)
    if closed is None:
        return Estimate(rule=rule, why="the lease is not closed")
    if closed.stopped < opened.started:
        return Estimate(rule=rule, why="the lease is closed before it is opened: the clock was changed in between")
    if rule is None:
        return Estimate(why=f"no billing rule known for {opened.provider} ({category})")
    return _priced(opened, closed, rule, usage or Usage())


def lease_cost_per_success(estimates: Sequence[Estimate], hits: int) -> Amount | None:
    """What one success costs when every lease is paid for; None where one is unknown or nothing hit.

    Raises ValueError for leases in several currencies, and for a negative number of hits.
    """
    if hits < 0:
        raise ValueError(f"{hits} hits")
    known = [Amount(e.amount, e.currency) for e in estimates if e.amount is not None and e.currency is not None]
    paid = total(known)
    if paid is None or hits == 0 or len(known) < len(estimates):
        return None
    return Amount(paid.value / hits, paid.currency)


def _charged_time(opened: LeaseOpened, closed: LeaseClosed, rule: Rule) -> Decimal | None:
    """Seconds of the lease from where the rule starts to charge; None where it never got there."""
    start = Decimal(0)
    if rule.starts == "running":  # as printed, not the double nearest to it
        start = max((Decimal(str(phase.stop)) for phase in opened.phases if phase.name == "provision"), default=start)
    length = exact_seconds(closed.stopped - opened.started) - start
    return length if length >= 0 else None


def _notes(opened: LeaseOpened, closed: LeaseClosed) -> Iterator[str]:
    if opened.started_source == "process":
        yield "counted from the start of the process: the machine was paid for before"
    if closed.stopped_source == "process":
        yield "counted until the process ended: the machine was given back later"
    if closed.reason == "lost":
        yield "counted until the last sign of life of a machine that was lost: it may have been paid for longer"


def _priced(opened: LeaseOpened, closed: LeaseClosed, rule: Rule, usage: Usage) -> Estimate:
    length = _charged_time(opened, closed, rule)
    ended_by: EndedBy = "provider" if closed.reason == "preempted" else "user"
    billed = Decimal(0) if length is None else billed_seconds(length, rule, ended_by)
    notes = tuple(_notes(opened, closed)) if opened.provider != OWN else ()
    hourly = machine_hourly(opened.price, opened.accelerators)
    cost = train_cost(billed, hourly)
    if opened.price is None or hourly is None or cost is None:
        why = "no price" if opened.price is None else "a price per GPU, and the number of GPUs is unknown"
        return Estimate(billed_seconds=billed, rule=rule, parts=(PartCost("machine", None, why),), why=why, notes=notes)
    currency = opened.price.currency
    parts = [PartCost("machine", Amount(cost, currency))]
    if opened.provider != OWN:  # whoever gives a price for an own machine means all of it
        held = length or Decimal(0)
        parts += [part_cost(opened.provider, part, usage.of(part), held, currency) for part in BESIDE]
    paid = total(part.amount for part in parts if part.amount is not None)
    assert paid is not None
    lower = None
    if length is not None and rule.lower and (less := billed - billed_seconds(length, rule.lower, ended_by)):
        lower = paid.value - hourly * less / SECONDS_PER_HOUR
        reading = f"{rule.minimum_s} s, or {rule.lower_minimum_s} s according to another source, which costs less"
        notes += (f"charged a minimum on which sources disagree: {reading}",)
    return Estimate(paid.value, currency, billed, rule, tuple(parts), notes=notes, lower=lower)


@cache
def part_book() -> tuple[PartPrice, ...]:
    """Every price in `parts.toml`. The file is read at the first call."""
    text = files("bench.billing").joinpath("parts.toml").read_text(encoding="utf-8")
    return PartBook.model_validate(tomllib.loads(text)).parts


def part_cost(provider: str, part: PartName, used: Decimal | None, seconds: Decimal, currency: str) -> PartCost:
    """What `used` gigabytes or addresses of `part` cost over `seconds`, in `currency`."""
    if used == 0:
        return PartCost(part, Amount(Decimal(0), currency))
    price = next((p for p in part_book() if (p.provider, p.part) == (provider.casefold(), part)), None)
    if price is None:
        return PartCost(part, None, "no price known")
    if price.currency != currency:
        return PartCost(part, None, f"its price is in {price.currency}, the machine's in {currency}")
    if price.amount == 0:
        return PartCost(part, Amount(Decimal(0), currency))
    if used is None:
        return PartCost(part, None, "usage unknown")
    asked = price.amount * used
    if price.per != "GB":
        asked = asked * seconds / (MONTH_S if price.per == "GB-month" else SECONDS_PER_HOUR)
    return PartCost(part, Amount(asked, currency))


@dataclass(frozen=True)
class PhaseCost:
    """Seconds of the lease, those of them that are charged, and what these cost; None: no price is known."""

    name: str
    seconds: Decimal
    charged: Decimal
    amount: Decimal | None


def phase_costs(opened: LeaseOpened, closed: LeaseClosed, run_phases: Iterable[Phase]) -> list[PhaseCost]:
    """The phases before the first run and those of the runs, each name once, in their order.

    `other` is what is in none of them. Where the provider's rule charges for more or less than the seconds, such as
    for a minimum, the difference stands under `BY_RULE`, so that the amounts add up to those of `lease_cost`; without a
    known rule every second is charged.
    """
    length = exact_seconds(closed.stopped - opened.started)
    seconds: dict[str, Decimal] = defaultdict(Decimal)
    for phase in (*opened.phases, *run_phases):
        seconds[phase.name] += Decimal(str(phase.seconds)).quantize(_MILLISECOND)
    if (rest := length - sum(seconds.values())) > 0:
        seconds["other"] += rest.quantize(_MILLISECOND)
    estimate = lease_cost(opened, closed)
    charged = {name: _charged(name, spent, estimate.rule) for name, spent in seconds.items()}
    rows = [(name, spent, charged[name]) for name, spent in seconds.items()]
    if estimate.billed_seconds is not None and (more := estimate.billed_seconds - sum(charged.values())):
        rows.append((BY_RULE, Decimal(0), more))
    hourly = machine_hourly(opened.price, opened.accelerators)
    return [PhaseCost(name, spent, paid, _amount(paid, hourly)) for name, spent, paid in rows]


def _charged(name: str, seconds: Decimal, rule: Rule | None) -> Decimal:
    """Until a machine runs, most providers charge nothing."""
    return Decimal(0) if name == "provision" and rule is not None and rule.starts == "running" else seconds


def _amount(seconds: Decimal, hourly: Decimal | None) -> Decimal | None:
    cost = train_cost(abs(seconds), hourly)
    return -cost if cost is not None and seconds < 0 else cost

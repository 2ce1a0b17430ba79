"""The estimate of a lease: what the invoice should say (FOCUS: ListCost), before any bill arrives.

    lease cost = billing rule(lease start, lease end) x price, and the parts beside the machine

Where the price, the rule or the end of the lease is unknown, so is the cost, and the estimate says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from bench.billing.cost import Amount, total, train_cost
from bench.billing.parts import BESIDE, PartCost, Usage, part_cost
from bench.billing.prices import machine_hourly
from bench.billing.rules import EndedBy, Interval, Rule, billed_in_all, exact_seconds, rule_for
from bench.record.documents import OWN, LeaseClosed, LeaseOpened, PricingCategory


@dataclass(frozen=True)
class Estimate:
    """What a lease should cost. `amount` and `currency` are None together, and then `why` says why.

    `amount` is that of the priced parts, unrounded. `billed_seconds` is known where the rule and the end are,
    also without a price. `notes` are for the reader: what the figure leaves out.
    """

    amount: Decimal | None = None
    currency: str | None = None
    billed_seconds: Decimal | None = None
    rule: Rule | None = None
    parts: tuple[PartCost, ...] = ()
    why: str | None = None
    notes: tuple[str, ...] = ()

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


def lease_cost(
    opened: LeaseOpened,
    closed: LeaseClosed | None,
    *,
    intervals: Sequence[Interval] | None = None,
    usage: Usage | None = None,
) -> Estimate:
    """What the machine of `opened` should cost until `closed`; None: the lease is still open.

    `intervals` say when the machine ran, where it was stopped and started again, or that the provider took it
    back; else it is taken to have run all the time. Raises ValueError for intervals that overlap.
    """
    # Without a price nobody said that it is a spot machine.
    category: PricingCategory = opened.price.pricing_category if opened.price else "Standard"
    rule = rule_for(opened.provider, category)
    if closed is None:
        return Estimate(rule=rule, why="the lease is not closed")
    if closed.stopped < opened.started:
        return Estimate(rule=rule, why="the lease is closed before it is opened: the clock was set in between")
    if rule is None:
        return Estimate(why=f"no billing rule known for {opened.provider} ({category})")
    if intervals is None:
        intervals = _whole(opened, closed, rule)
    return _priced(opened, closed, intervals, rule, usage or Usage())


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


def _whole(opened: LeaseOpened, closed: LeaseClosed, rule: Rule) -> list[Interval]:
    """The lease as one interval, from where the rule starts to charge; none where it never got there."""
    stop = exact_seconds(closed.stopped - opened.started)
    ended_by: EndedBy = "provider" if closed.reason == "preempted" else "user"
    start = Decimal(0)
    if rule.starts == "running":  # as printed, not the double nearest to it
        start = max((Decimal(str(phase.stop)) for phase in opened.phases if phase.name == "provision"), default=start)
    return [Interval(start, stop, ended_by)] if start <= stop else []


def _notes(opened: LeaseOpened, closed: LeaseClosed) -> Iterator[str]:
    if opened.started_source == "process":
        yield "counted from the start of the process: the machine was paid for before"
    if closed.stopped_source == "process":
        yield "counted until the process ended: the machine was given back later"


def _priced(
    opened: LeaseOpened, closed: LeaseClosed, intervals: Sequence[Interval], rule: Rule, usage: Usage
) -> Estimate:
    billed = billed_in_all(intervals, rule)
    notes = tuple(_notes(opened, closed)) if opened.provider != OWN else ()
    hourly = machine_hourly(opened.price, opened.accelerators)
    cost = train_cost(billed, hourly)
    if opened.price is None or cost is None:
        why = "no price" if opened.price is None else "a price per GPU, and not known how many GPUs"
        return Estimate(billed_seconds=billed, rule=rule, parts=(PartCost("machine", None, why),), why=why, notes=notes)
    currency = opened.price.currency
    parts = [PartCost("machine", Amount(cost, currency))]
    if opened.provider != OWN:  # whoever gives a price for an own machine means all of it
        held = intervals[-1].stop - intervals[0].start if intervals else Decimal(0)
        parts += [part_cost(opened.provider, part, usage.of(part), held, currency) for part in BESIDE]
    paid = total(part.amount for part in parts if part.amount is not None)
    assert paid is not None
    return Estimate(paid.value, currency, billed, rule, tuple(parts), notes=notes)

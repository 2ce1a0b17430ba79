"""What a lease cost phase by phase: where the seconds of a machine went, and its dollars."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from bench.billing.cost import train_cost
from bench.billing.estimate import lease_cost
from bench.billing.prices import machine_hourly
from bench.billing.rules import Rule, exact_seconds
from bench.record.documents import LeaseClosed, LeaseOpened, Phase

_MILLISECOND = Decimal("0.001")


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
    for a minimum, the difference stands under `rule`, so that the amounts add up to those of `lease_cost`; without a
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
        rows.append(("rule", Decimal(0), more))
    hourly = machine_hourly(opened.price, opened.accelerators)
    return [PhaseCost(name, spent, paid, _amount(paid, hourly)) for name, spent, paid in rows]


def _charged(name: str, seconds: Decimal, rule: Rule | None) -> Decimal:
    """Until a machine runs, most providers charge nothing."""
    return Decimal(0) if name == "provision" and rule is not None and rule.starts == "running" else seconds


def _amount(seconds: Decimal, hourly: Decimal | None) -> Decimal | None:
    cost = train_cost(abs(seconds), hourly)
    return -cost if cost is not None and seconds < 0 else cost

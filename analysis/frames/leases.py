"""Leases with their estimates and bills, and as a tidy frame: one row per lease, with its runs.

A bill stands beside the estimate of its lease, currency by currency; nothing here reads a provider's files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import pandas as pd

from analysis.frames.runs import counted, whole_runs
from bench.billing import Estimate, lease_cost, machine_hourly
from bench.record.documents import OWN, AnyDocument, Bill, BillSource, LeaseClosed, LeaseOpened, Partial, current_bills
from bench.record.flat import Column
from bench.text import one_line

# Providers charge in whole hours: a charge within one of a lease can be the lease's.
NEAR = timedelta(hours=1)
_ZONES = timedelta(hours=14)  # a month begins up to so long before that of UTC, which a bill names

# Sources of bills, the one that says most first: each counts the same money.
_SOURCES: tuple[BillSource, ...] = get_args(BillSource)

# Each can hold a missing value: no bill is neither complete nor partial.
_DTYPES: dict[type, Any] = {
    str: "string",
    int: "Int64",
    float: "float64",
    bool: "boolean",
    datetime: "datetime64[us, UTC]",
}

# The phases that a lease itself can have, in the order of a lease.
PHASES = ("provision", "setup", "pull", "data")

COLUMNS: dict[str, Column] = {
    "lease_id": Column(str, "the lease's UUIDv7"),
    "provider": Column(str, "who rents the machine out; own for nobody"),
    "region": Column(str, "the provider's name for the place"),
    "instance_type": Column(str, "the provider's name for the machine"),
    "accelerator": Column(str, "what its accelerators are called"),
    "accelerators": Column(int, "how many it has"),
    "hourly": Column(Decimal, "what an hour of the whole machine costs, in `currency`; None: unknown"),
    "currency": Column(str, "of the price, ISO 4217; without a price that of the bill"),
    "pricing_category": Column(str, "Standard (on-demand), Dynamic (spot), Committed; without a price unknown"),
    "price_source": Column(str, "where the price was read"),
    "price_seen": Column(date, "the day it was read"),
    "started": Column(datetime, "when the lease began, UTC"),
    "started_source": Column(str, "who says so: provider, launcher, boot or process"),
    "stopped": Column(datetime, "when it ended, UTC; missing while it is open"),
    "stopped_source": Column(str, "who says so: provider, launcher, user or process"),
    "reason": Column(str, "why it ended: finished, failed, interrupted, preempted or lost"),
    "lease_s": Column(float, "s of the lease clock, from its start to its end; missing while it is open"),
    "billed_s": Column(float, "s that the provider's rule makes of it"),
    **{f"{phase}_s": Column(float, f"s of the {phase} phases before the first run") for phase in PHASES},
    "rule": Column(str, "the billing rule in words; missing: not known"),
    "rule_source": Column(str, "where the rule stands, and the day it was read"),
    "estimate": Column(Decimal, "what it should cost, in `currency`: the priced parts; None: unknown"),
    "estimate_lower": Column(Decimal, "the same by the lowest reading of a contested rule"),
    "parts_priced": Column(int, "parts that `estimate` holds, such as the machine"),
    "parts": Column(int, "parts that the lease is charged for"),
    "unpriced": Column(str, "the parts that come on top, by an amount not known"),
    "why_unknown": Column(str, "why there is no estimate"),
    "notes": Column(str, "what the estimate leaves out, beside the unpriced parts"),
    "billed": Column(Decimal, "what was billed, in `billed_currency`, credits and tax included; None: no bill yet"),
    "billed_currency": Column(str, "ISO 4217"),
    "billed_complete": Column(bool, "nothing more is to be expected"),
    "billed_partial": Column(str, "why more may follow"),
    "billed_source": Column(str, "focus, cur2, azure, runpod or cost-explorer, never two: each counts the same money"),
    "billed_by_currency": Column(str, "the currencies of the bills where there are several; nothing is added up then"),
    "difference": Column(Decimal, "billed less estimate, in `currency`; None: one is unknown, or in another currency"),
    "runs": Column(int, "runs in it that count, and no samples; see analysis.frames.runs.counted"),
    "hits": Column(int, "those that completed at or above their target"),
}


@dataclass(frozen=True)
class Lease:
    """A lease from its two records; `closed` is None while it is open."""

    opened: LeaseOpened
    closed: LeaseClosed | None

    @property
    def stopped(self) -> datetime | None:
        """When it ended; None while it is open."""
        return self.closed.stopped if self.closed else None

    @property
    def id(self) -> str:
        """The lease's id."""
        return self.opened.id

    def estimate(self) -> Estimate:
        """What it should cost, by its price and its provider's rule."""
        return lease_cost(self.opened, self.closed)


@dataclass(frozen=True)
class Reconciliation:
    """A lease with its estimate and its bills in one currency; without bills where none has arrived."""

    lease: Lease
    estimate: Estimate
    bills: tuple[Bill, ...]
    partial: tuple[Partial, ...]

    @property
    def billed(self) -> Decimal | None:
        """What was charged, credits and tax included; None where no bill has arrived."""
        return sum((bill.billed_cost for bill in self.bills), Decimal(0)) if self.bills else None

    @property
    def currency(self) -> str | None:
        """The bills' currency; without any, the estimate's."""
        return self.bills[0].currency if self.bills else self.estimate.currency

    @property
    def difference(self) -> Decimal | None:
        """Billed less estimated; None where one of them is unknown, or the currencies differ."""
        same = self.estimate.currency == self.currency
        if self.billed is None or self.estimate.amount is None or not same:
            return None
        return self.billed - self.estimate.amount


def leases_of(documents: Iterable[AnyDocument]) -> dict[str, Lease]:
    """The leases by id, each with its end."""
    listed = list(documents)
    closed = {document.id: document for document in listed if isinstance(document, LeaseClosed)}
    return {
        document.id: Lease(document, closed.get(document.id))
        for document in listed
        if isinstance(document, LeaseOpened)
    }


def rented(leases: Mapping[str, Lease]) -> dict[str, Lease]:
    """The leases that a provider bills: all but those of one's own machines."""
    return {key: lease for key, lease in leases.items() if lease.opened.provider != OWN}


def paid_for(leases: Mapping[str, Lease]) -> dict[str, Lease]:
    """The leases that cost somebody something: rented machines, and one's own that have a price."""
    return {key: lease for key, lease in leases.items() if lease.opened.provider != OWN or lease.opened.price}


def oldest_first(leases: Mapping[str, Lease]) -> list[Lease]:
    """The leases by their start."""
    return sorted(leases.values(), key=lambda lease: (lease.opened.started, lease.id))


def reconcile(leases: Mapping[str, Lease], bills: Iterable[Bill]) -> list[Reconciliation]:
    """Each lease beside its bills, oldest lease first: one entry a currency, also where no bill has arrived."""
    by_lease: dict[str, dict[str, list[Bill]]] = {}
    for bill in bills:
        by_lease.setdefault(bill.lease_id, {}).setdefault(bill.currency, []).append(bill)
    reconciliations = []
    for lease in oldest_first(leases):
        estimate = lease.estimate()
        for _, in_currency in sorted(by_lease.get(lease.id, {"": []}).items()):
            reasons = [reason for bill in in_currency for reason in bill.partial]
            if in_currency and not _covered(lease, in_currency):
                reasons.append("period-not-covered")
            partial = tuple(dict.fromkeys(reasons))
            reconciliations.append(Reconciliation(lease, estimate, tuple(in_currency), partial))
    return reconciliations


def _covered(lease: Lease, bills: list[Bill]) -> bool:
    """Whether the bills reach from the lease's start to its end; a lease over the turn of a month has two.

    A correction is billed in a later month than the use that it corrects, whose own bill is needed too.
    """
    began = lease.opened.started
    first = min(bill.charge_period_start for bill in bills)
    month = min(bill.billing_period_start for bill in bills)
    begins, billed = first - began <= NEAR, month - began <= _ZONES
    cut = began < month <= first  # what was used before is on the bill of the month before
    ends = lease.stopped is None or max(bill.charge_period_end for bill in bills) >= lease.stopped
    return begins and billed and not cut and ends


def leases_frame(documents: Iterable[AnyDocument], runs: pd.DataFrame) -> pd.DataFrame:
    """One row a lease, oldest first, with the columns of COLUMNS; `runs` (of `runs_frame`) are joined by `lease_id`.

    Documents of other kinds are ignored, and a record that is there twice counts once.
    """
    kept = [document for document in documents if isinstance(document, LeaseOpened | LeaseClosed | Bill)]
    bills = of_one_source(document for document in kept if isinstance(document, Bill))
    by_lease: dict[str, list[Reconciliation]] = {}
    for reconciliation in reconcile(leases_of(kept), bills):
        by_lease.setdefault(reconciliation.lease.id, []).append(reconciliation)
    rows = pd.DataFrame([_row(by_currency) for by_currency in by_lease.values()], columns=list(COLUMNS), dtype=object)
    # A lease without a run has 0 of them, which is known and not missing.
    in_lease = counted(whole_runs(runs[["lease_id", "status", "valid", "hit", "ended"]]))
    in_lease = (
        in_lease[in_lease["lease_id"].isin(rows["lease_id"])]
        .groupby("lease_id", observed=True)["hit"]
        .agg(["size", "sum"])
    )
    for name, column in (("runs", "size"), ("hits", "sum")):
        rows[name] = rows["lease_id"].map(in_lease[column]).astype("Int64").fillna(0)
    return pd.DataFrame({name: _typed(rows[name], column) for name, column in COLUMNS.items()})


def of_one_source(bills: Iterable[Bill]) -> list[Bill]:
    """The bills that count: of a lease with several sources, those of the one that says most."""
    best = current_bills(bills)
    ranks: dict[str, int] = {}
    for bill in best:
        ranks[bill.lease_id] = min(ranks.get(bill.lease_id, len(_SOURCES)), _SOURCES.index(bill.source))
    return [bill for bill in best if _SOURCES.index(bill.source) == ranks[bill.lease_id]]


def _typed(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    dtype = _DTYPES.get(column.type)
    # Objects say None, as those of the frame of runs do.
    return values.where(values.notna(), None) if dtype is None else values.astype(dtype)


def _row(by_currency: list[Reconciliation]) -> dict[str, Any]:
    """The row of a lease, without its runs, from its reconciliations, one a currency."""
    lease, estimate = by_currency[0].lease, by_currency[0].estimate
    opened, price, rule = lease.opened, lease.opened.price, estimate.rule
    billed = _billed(by_currency)
    return {
        "lease_id": lease.id,
        "provider": opened.provider,
        "region": opened.region,
        "instance_type": opened.instance_type,
        "accelerator": opened.accelerators.name if opened.accelerators else None,
        "accelerators": opened.accelerators.count if opened.accelerators else None,
        "hourly": machine_hourly(price, opened.accelerators),
        "currency": price.currency if price else billed.get("billed_currency"),
        "pricing_category": price.pricing_category if price else None,
        "price_source": price.source if price else None,
        "price_seen": price.seen if price else None,
        **_times(lease),
        "billed_s": float(estimate.billed_seconds) if estimate.billed_seconds is not None else None,
        **{f"{name}_s": _phase(opened, name) for name in PHASES},
        "rule": rule.words if rule else None,
        "rule_source": f"{rule.source}, read {rule.read}" if rule and rule.source else None,
        "estimate": estimate.amount,
        "estimate_lower": estimate.amount if estimate.lower is None else estimate.lower,
        "parts_priced": len(estimate.priced) if estimate.parts else None,
        "parts": len(estimate.parts) or None,
        "unpriced": ", ".join(estimate.unpriced) or None,
        "why_unknown": estimate.why,
        "notes": "; ".join(estimate.notes) or None,
        **billed,
    }


def _times(lease: Lease) -> dict[str, Any]:
    opened, closed = lease.opened, lease.closed
    seconds = (closed.stopped - opened.started).total_seconds() if closed else None
    return {
        "started": opened.started,
        "started_source": opened.started_source,
        "stopped": closed.stopped if closed else None,
        "stopped_source": closed.stopped_source if closed else None,
        "reason": closed.reason if closed else None,
        # Below 0 where the clock was set in between.
        "lease_s": seconds if seconds is not None and seconds >= 0 else None,
    }


def _phase(opened: LeaseOpened, name: str) -> float | None:
    seconds = [phase.seconds for phase in opened.phases if phase.name == name]
    return sum(seconds) if seconds else None


def _billed(by_currency: list[Reconciliation]) -> dict[str, Any]:
    if len(by_currency) > 1:
        return {"billed_by_currency": ", ".join(sorted(one_line(bills.currency or "") for bills in by_currency))}
    (bills,) = by_currency
    if bills.billed is None:
        return {}
    return {
        "billed": bills.billed,
        "billed_currency": bills.currency,
        "billed_complete": not bills.partial,
        "billed_partial": ", ".join(bills.partial) or None,
        "billed_source": bills.bills[0].source,
        "difference": bills.difference,
    }

"""Leases to a tidy frame: one row a lease, with what it should cost, what was billed, and the runs it was for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pandas as pd

from analysis.frames.runs import DTYPES, counted
from analysis.reconcile.match import Compared, Lease, compare, leases_of
from bench.billing.prices import machine_hourly
from bench.record.bill import Bill, current
from bench.record.documents import AnyDocument, LeaseClosed, LeaseOpened
from bench.record.flat import Column
from bench.text import one_line

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
    "reason": Column(str, "why it ended: finished, failed, interrupted or preempted"),
    "lease_s": Column(float, "s of the lease clock, from its start to its end; missing while it is open"),
    "billed_s": Column(float, "s that the provider's rule makes of it"),
    **{f"{phase}_s": Column(float, f"s of the {phase} phases before the first run") for phase in PHASES},
    "rule": Column(str, "the billing rule in words; missing: not known"),
    "rule_source": Column(str, "where the rule stands, and the day it was read"),
    "estimate": Column(Decimal, "what it should cost, in `currency`: the priced parts; None: unknown"),
    "parts_priced": Column(int, "parts that `estimate` holds, such as the machine"),
    "parts": Column(int, "parts that the lease is charged for"),
    "unpriced": Column(str, "the parts that come on top, by an amount not known"),
    "why_unknown": Column(str, "why there is no estimate"),
    "notes": Column(str, "what the estimate leaves out, beside the unpriced parts"),
    "billed": Column(Decimal, "what was billed, in `billed_currency`, credits and tax included; None: no bill yet"),
    "billed_currency": Column(str, "ISO 4217"),
    "billed_complete": Column(bool, "nothing more is to be expected"),
    "billed_partial": Column(str, "why more may follow"),
    "billed_source": Column(str, "focus or cost-explorer, never both: each counts the same money"),
    "billed_by_currency": Column(str, "the currencies of the bills where there are several; nothing is added up then"),
    "difference": Column(Decimal, "billed less estimate, in `currency`; None: one is unknown, or in another currency"),
    "runs": Column(int, "runs in it that count; see analysis.frames.runs.counted"),
    "hits": Column(int, "those that completed at or above their target"),
}


def leases_frame(documents: Iterable[AnyDocument], runs: pd.DataFrame) -> pd.DataFrame:
    """One row a lease, oldest first, with the columns of COLUMNS; `runs` (of `runs_frame`) are joined by `lease_id`.

    Documents of other kinds are passed over, and a record that is there twice counts once.
    """
    kept = [document for document in documents if isinstance(document, LeaseOpened | LeaseClosed | Bill)]
    found: dict[str, list[Compared]] = {}
    for one in compare(leases_of(kept), _of_one_source(document for document in kept if isinstance(document, Bill))):
        found.setdefault(one.lease.id, []).append(one)
    rows = pd.DataFrame([_row(several) for several in found.values()], columns=list(COLUMNS), dtype=object)
    # In plain integers, as a lease without a run has none, and that is known.
    mine = counted(runs[["lease_id", "status", "valid", "hit"]])
    mine = mine[mine["lease_id"].isin(rows["lease_id"])].groupby("lease_id")["hit"].agg(["size", "sum"])
    for name, column in (("runs", "size"), ("hits", "sum")):
        rows[name] = rows["lease_id"].map(mine[column]).astype("Int64").fillna(0)
    return pd.DataFrame({name: _typed(rows[name], column) for name, column in COLUMNS.items()})


def _of_one_source(bills: Iterable[Bill]) -> list[Bill]:
    """The bills that count: of a lease with both, FOCUS's, which say more than Cost Explorer's."""
    best = current(bills)
    in_focus = {bill.lease_id for bill in best if bill.source == "focus"}
    return [bill for bill in best if bill.source == "focus" or bill.lease_id not in in_focus]


def _typed(values: pd.Series[Any], column: Column) -> pd.Series[Any]:
    if column.type is bool:
        return values.astype("boolean")  # no bill is neither complete nor partial
    dtype = DTYPES.get(column.type.__name__)
    # Objects say None, as those of the frame of runs do.
    return values.where(values.notna(), None) if dtype is None else values.astype(dtype)


def _row(several: list[Compared]) -> dict[str, Any]:
    """The row of a lease, without its runs; `several` are its bills by currency, or one without a bill."""
    one, lease = several[0], several[0].lease
    estimate, opened, price = one.estimate, lease.opened, lease.opened.price
    billed = _billed(several)
    rule = estimate.rule
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
        **_ended(lease),
        "billed_s": float(estimate.billed_seconds) if estimate.billed_seconds is not None else None,
        **{f"{name}_s": _phase(opened, name) for name in PHASES},
        "rule": rule.words if rule else None,
        "rule_source": f"{rule.source}, read {rule.read}" if rule and rule.source else None,
        "estimate": estimate.amount,
        "parts_priced": len(estimate.priced) if estimate.parts else None,
        "parts": len(estimate.parts) or None,
        "unpriced": ", ".join(estimate.unpriced) or None,
        "why_unknown": estimate.why,
        "notes": "; ".join(estimate.notes) or None,
        **billed,
    }


def _ended(lease: Lease) -> dict[str, Any]:
    opened, closed = lease.opened, lease.closed
    seconds = (closed.stopped - opened.started).total_seconds() if closed else None
    return {
        "started": opened.started,
        "started_source": opened.started_source,
        "stopped": closed.stopped if closed else None,
        "stopped_source": closed.stopped_source if closed else None,
        "reason": closed.reason if closed else None,
        # A clock that was set in between tells no time.
        "lease_s": seconds if seconds is not None and seconds >= 0 else None,
    }


def _phase(opened: LeaseOpened, name: str) -> float | None:
    found = [phase.stop - phase.start for phase in opened.phases if phase.name == name]
    return sum(found) if found else None


def _billed(several: list[Compared]) -> dict[str, Any]:
    if len(several) > 1:
        return {"billed_by_currency": ", ".join(sorted(one_line(one.currency or "") for one in several))}
    (one,) = several
    if one.billed is None:
        return {}
    return {
        "billed": one.billed,
        "billed_currency": one.currency,
        "billed_complete": not one.partial,
        "billed_partial": ", ".join(one.partial) or None,
        "billed_source": one.bills[0].source,
        "difference": one.difference,
    }

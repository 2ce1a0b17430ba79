"""The table of leases: similar machines together, with estimate, bill, and cost per success."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd

from analysis.frames import counted, machine_numbers, target_words, whole_runs
from analysis.frames.leases import PHASES
from analysis.stats import Interval, to_first_success
from bench.billing import Estimate, lease_cost_per_success
from bench.record.documents import OWN
from bench.text import CATEGORIES, one_line, plural

# On-demand and spot never share a row, nor do two currencies; a type of machine may take several accelerators.
_KEYS = ["provider", "instance_type", "accelerator", "accelerators", "pricing_category", "currency"]

# What is asked of the runs in a lease: which task each had, whether it counts and hits, and on which machine.
_TASK = ["recipe", "dataset", "metric", "direction", "target"]
_OF_RUNS = ["lease_id", "status", "valid", "ended", "hit", "host_id", *_TASK]

# What bills come in, by the `billed_source` of a lease: a report need not load their readers to name them.
_BILLS = {
    "focus": "FOCUS",
    "cur2": "AWS CUR 2.0",
    "azure": "Azure actual cost",
    "cost-explorer": "Cost Explorer",
    "runpod": "RunPod",
}


@dataclass(frozen=True, kw_only=True)
class LeaseRow:
    """Similar leases. Each sum has its number of leases beside it: `time_s` is over `timed` leases, and so on.

    None: of no lease; `cost_per_success` is None too where the cost of one lease is unknown, and of `success_billed`
    leases it holds the complete bill, of the others the estimate. Times are seconds of the lease clock, money is in
    `currency`. `billed` is of `billed_leases`, of which `billed_partial` have a bill
    that more may follow; `estimate_lower` is `estimate` where no rule of theirs is contested; `difference`, billed less
    estimate, is of the `compared` whose bill is complete. Text is clean: see bench/text.py.
    """

    provider: str
    instance_type: str | None
    accelerator: str | None
    accelerators: int | None
    pricing_category: str | None
    currency: str | None
    leases: int
    open: int
    preempted: int
    lost: int
    timed: int
    time_s: float | None
    charged: int
    charged_s: float | None
    estimated: int
    estimate: Decimal | None
    estimate_lower: Decimal | None
    parts_priced: int | None
    parts: int | None
    billed_leases: int
    billed_partial: int
    billed: Decimal | None
    compared: int
    difference: Decimal | None
    runs: int
    hits: int
    cost_per_success: Decimal | None
    success_billed: int
    cost_per_success_interval: Interval | None = None
    notes: tuple[str, ...] = ()


def lease_table(leases: pd.DataFrame, runs: pd.DataFrame) -> list[LeaseRow]:
    """Rows of the frame `leases` (of `leases_frame`) that somebody pays for; `runs` are those of `runs_frame`.

    A machine of one's own is there only with a price.
    """
    paid = leases[(leases["provider"].str.casefold() != OWN) | leases["hourly"].notna()]
    groups = paid.groupby(_KEYS, dropna=False, sort=False, observed=True)
    return sorted((_row(group, runs) for _, group in groups), key=_order)


def _row(leases: pd.DataFrame, runs: pd.DataFrame) -> LeaseRow:
    first = leases.iloc[0]
    in_leases = counted(whole_runs(runs.loc[runs["lease_id"].isin(leases["lease_id"]), _OF_RUNS]))
    known = leases[leases["estimate"].notna()]
    # A bill in another currency than the price is not added to the others: a note says so.
    billed = leases[(leases["billed_currency"] == leases["currency"]).fillna(value=False)]
    settled = billed[billed["billed_complete"].astype(bool)]
    complete = settled[settled["difference"].notna()]
    settled = settled[settled["billed"] >= 0]  # of credits alone nobody knows what they were given for
    costs = settled["billed"].reindex(leases.index).fillna(leases["estimate"])
    hits = int(leases["hits"].sum())
    success = lease_cost_per_success([Estimate(amount, first["currency"]) for amount in costs], hits)
    return LeaseRow(
        provider=one_line(first["provider"]),
        instance_type=_text(first["instance_type"]),
        accelerator=_text(first["accelerator"]),
        accelerators=None if pd.isna(first["accelerators"]) else int(first["accelerators"]),
        pricing_category=_text(first["pricing_category"]),
        currency=_text(first["currency"]),
        leases=len(leases),
        open=int(leases["stopped"].isna().sum()),
        preempted=int((leases["reason"] == "preempted").sum()),
        lost=int((leases["reason"] == "lost").sum()),
        timed=int(leases["lease_s"].count()),
        time_s=_seconds(leases["lease_s"]),
        charged=int(leases["billed_s"].count()),
        charged_s=_seconds(leases["billed_s"]),
        estimated=len(known),
        estimate=_money(known["estimate"]),
        estimate_lower=_money(known["estimate_lower"]),
        parts_priced=int(known["parts_priced"].min()) if len(known) else None,
        parts=int(known["parts"].max()) if len(known) else None,
        billed_leases=len(billed),
        billed_partial=len(billed) - int(billed["billed_complete"].sum()),
        billed=_money(billed["billed"]),
        compared=len(complete),
        difference=_money(complete["difference"]),
        runs=int(leases["runs"].sum()),
        hits=hits,
        cost_per_success=success.value if success else None,
        success_billed=len(settled) if success else 0,
        cost_per_success_interval=_interval(leases, costs.astype(float), in_leases) if success else None,
        notes=tuple(dict.fromkeys(map(one_line, _notes(leases, in_leases)))),
    )


def _interval(leases: pd.DataFrame, costs: pd.Series[float], runs: pd.DataFrame) -> Interval | None:
    """The interval of the cost of a success, where each run bears its part of what its lease cost, idle time and all.

    What leases without a run cost is borne by all runs alike.
    """
    of = leases["runs"].astype(float)
    idle = costs.sum() / costs[of > 0].sum() if costs[of > 0].sum() else 1.0
    each = dict(zip(leases["lease_id"], idle * costs / of.where(of > 0), strict=True))
    spent = np.asarray(runs["lease_id"].map(each), dtype=float)
    return to_first_success(spent, runs["hit"].to_numpy(bool), machine_numbers(runs))[1] if spent.any() else None


def _notes(leases: pd.DataFrame, runs: pd.DataFrame) -> Iterator[str]:
    yield from _prices(leases)
    for words, source in leases[["rule", "rule_source"]].drop_duplicates().itertuples(index=False):
        if not pd.isna(words):
            yield f"rule: {words}" + ("" if pd.isna(source) else f"; {source}")
    for why, count in _counts(leases["why_unknown"]):
        yield f"cost unknown of {plural(count, 'lease')}: {why}"
    for parts, _ in _counts(leases.loc[leases["estimate"].notna(), "unpriced"]):
        yield f"not in the estimate, since price or usage is unknown: {parts}"
    for note, count in _counts(leases["notes"]):
        yield f"{plural(count, 'lease')} {note}"
    yield from _bills(leases)
    yield from _phases(leases)
    yield from _mixed(runs)


def _prices(leases: pd.DataFrame) -> Iterator[str]:
    columns = ["hourly", "currency", "pricing_category", "price_source", "price_seen"]
    for hourly, currency, category, source, seen in leases[columns].drop_duplicates().itertuples(index=False):
        if pd.isna(source):
            yield "price: unknown, and so is the cost; give bench run --instance or --price-per-hour"
        else:
            amount = "per GPU, number of GPUs unknown" if hourly is None else f"{hourly:f} {currency} per hour"
            yield f"price: {amount}, {category} ({CATEGORIES[category]}); {source}, seen {seen}"


def _bills(leases: pd.DataFrame) -> Iterator[str]:
    for source, count in _counts(leases["billed_source"]):
        yield f"billed: {plural(count, 'lease')} by {_BILLS[source]}"
    for why, count in _counts(leases["billed_partial"]):
        yield f"bill of {plural(count, 'lease')} partial: {why.replace('-', ' ')}"
    other = leases["billed_currency"].where(leases["billed_currency"] != leases["currency"])
    for currencies, count in _counts(pd.concat([other, leases["billed_by_currency"]])):
        yield f"{plural(count, 'lease')} billed in {currencies}: not summed"


def _phases(leases: pd.DataFrame) -> Iterator[str]:
    means = [
        f"{name} {seconds.mean():.1f} s" + (f" ({len(seconds)} of {len(leases)})" if len(seconds) < len(leases) else "")
        for name in PHASES
        if len(seconds := leases[f"{name}_s"].dropna())
    ]
    if means:
        yield f"before the first run, {'mean of the leases' if len(leases) > 1 else 'as recorded'}: {', '.join(means)}"


def _mixed(runs: pd.DataFrame) -> Iterator[str]:
    tasks = runs[_TASK].drop_duplicates()
    if len(tasks) > 1:
        names = sorted(
            f"{recipe} ({'' if pd.isna(dataset) else f'{dataset}, '}{target_words(dataset, *target)})"
            for recipe, dataset, *target in tasks.to_numpy()
        )
        yield f"a success is a hit of any of {len(names)}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"


def _counts(values: pd.Series[Any]) -> list[tuple[str, int]]:
    return sorted(Counter(values.dropna()).items())


def _seconds(values: pd.Series[Any]) -> float | None:
    return float(values.sum()) if values.count() else None


def _money(values: Iterable[Decimal]) -> Decimal | None:
    listed = list(values)
    return sum(listed, Decimal(0)) if listed else None


def _text(value: Any) -> str | None:
    return None if pd.isna(value) else one_line(value)


def _order(row: LeaseRow) -> tuple[Any, ...]:
    category = list(CATEGORIES).index(row.pricing_category) if row.pricing_category else len(CATEGORIES)
    return (
        row.provider,
        row.instance_type or "",
        row.accelerator or "",
        row.accelerators or 0,
        category,
        row.currency or "",
    )

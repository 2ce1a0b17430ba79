"""Checks the user's own claims against the runs of a store; and the table of results.

The verdict is that of every claim: of an interval, all of it counts. Two sides are put together, and qualified, as
`bench compare` does it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from analysis.claims.claim import OwnClaim, Verdict, plain_found, verdict_of
from analysis.comparison.qualifications import (
    conditions,
    design,
    doubts,
    in_common,
    interleaved,
    on_shared_types,
    several_types,
    unlike,
)
from analysis.comparison.side import Side, about, by_run, mean, partners, ratio_of, select, typical
from analysis.frames import Clock, clock_of, train_costs
from analysis.published.trials.importer import is_share
from analysis.stats import MEDIAN_FROM, TAIL, Interval, too_few
from bench.errors import UsageError
from bench.text import NOT_APPLICABLE, Column, Table, did_you_mean, one_line, significant

# The version of the JSON: raise it with any change of a key's name or meaning.
# 1  2026-11-26  first version.
SCHEMA_VERSION: Final = 1

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
# What every run can have, beside the metric of its target.
_OF_ANY = ("time", "cost")
# Across clocks and price categories nothing is compared: a verdict, unlike a sentence, has no room for a mark.
_NOT_ACROSS = ("counts", "pricing_category")
_MEAN_FROM = 2
RULE = (
    "supported: the value found, at the precision of the claim, is on the claimed side of the claimed value; for an "
    "interval, all of it. not supported: it is on the other side; for an interval, all of it. inconclusive: neither, "
    "or there is no interval."
)


@dataclass(frozen=True, kw_only=True)
class OwnCheck:
    """A claim and what the runs say of it. `n` are the runs of A, and of B where there is one, that have the value."""

    claim: OwnClaim
    unit: str
    n: tuple[int, ...]
    found: float | None
    interval: Interval | None
    verdict: Verdict
    notes: tuple[str, ...]


def check_own(claims: Sequence[OwnClaim], frame: pd.DataFrame, store: str) -> list[OwnCheck]:
    """Each of `claims` held against the runs in `frame` (of `runs_frame`), which is from `store`.

    Raises UsageError, naming the claim, where its sides have runs in common, and for percent claimed of a share.
    """
    return [_check(claim, frame, store) for claim in claims]


def _check(claim: OwnClaim, frame: pd.DataFrame, store: str) -> OwnCheck:
    names = [name for name in (claim.a, claim.b) if name is not None]
    selected = [_selected(frame, name, store) for name in names]
    sides, left_out = [side for side, _ in selected], list[str]()
    if claim.b is not None:
        if shared := in_common(*sides):
            raise UsageError(f"claim {claim.id}: {shared}")
        *sides, left_out = on_shared_types(*sides)
    both = pd.concat([side.runs for side in sides])
    clock = clock_of(both, claim.clock)  # one clock for both sides, as one currency
    currencies = sorted(both["currency"].dropna().unique()) if claim.metric == "cost" else []
    values = [_values(claim, side.runs, clock) for side in sides]
    _in_its_unit(claim, sides[0], values[0])
    told = [
        why or _known(claim, side, len(known), clock)
        for side, known, (_, why) in zip(sides, values, selected, strict=True)
    ]
    if claim.p is not None:
        told.append(f"the interval misses the mean on each side with a probability of {100 * claim.p:g} %")
    ran = not any(side.runs.empty for side in sides)
    paired = claim.b is not None and ran and interleaved(*sides)
    if paired:
        values = [*partners(*values)]
    obstacle = _why_not_comparable(claim, sides, values, currencies, paired=paired) if ran else None
    found, interval = (None, None) if obstacle else _found(claim, values, paired=paired)
    # What an interval says something of, where that is not a type of machine.
    of = map(about, sides) if interval else [obstacle or _few(claim, values)]
    unit = claim.unit if claim.metric == "time" else currencies[0] if len(currencies) == 1 else ""
    return OwnCheck(
        claim=claim,
        unit="x" if claim.factor is not None else unit,
        n=tuple(map(len, values)),
        found=found,
        interval=interval,
        verdict=_verdict(claim, interval),
        notes=tuple(map(one_line, [*left_out, *(_qualified(sides, values) if ran else ()), *told, *filter(None, of)])),
    )


def _selected(frame: pd.DataFrame, name: str, store: str) -> tuple[Side, str | None]:
    """A side by the name that the claim gives it, or one without runs and why there are none."""
    try:
        return select(frame, name, store), None
    except UsageError as error:
        return Side(name, frame.iloc[:0]), str(error)


def _known(claim: OwnClaim, side: Side, n: int, clock: Clock) -> str:
    under = f", under the {clock} clock" if claim.metric in _OF_ANY else ""
    return f"{side.label}: {n} of {len(side.runs)} runs have the value{under}{_metric_meant(claim, side)}"


def _metric_meant(claim: OwnClaim, side: Side) -> str:
    """What the claim may mean, where it is about a metric that no target of the side's runs is about; else nothing."""
    known = [*sorted(side.runs["metric"].dropna().unique()), *_OF_ANY]
    if side.runs.empty or claim.metric in known:
        return ""
    return f"; {did_you_mean(claim.metric, known) or 'their metrics are ' + ', '.join(known)}"


def _in_its_unit(claim: OwnClaim, side: Side, values: pd.Series[float]) -> None:
    """Raise UsageError where percent are claimed of a share of 1. A program may show percent: its values say it."""
    if is_share(claim.metric) and claim.claimed > 1 and len(values) and values.max() <= 1:
        raise UsageError(
            f"claim {claim.id}: {claim.claimed} is not a fraction of 1, as the {claim.metric} of {side.label} is; "
            f"instead of a percentage write {claim.claimed / 100}"
        )


def _qualified(sides: Sequence[Side], values: Sequence[pd.Series[float]]) -> Iterator[str]:
    """What a comparison says of its sides too."""
    if len(sides) > 1:
        yield design(sides[0], sides[1], len(values[0]))
    yield from conditions(*sides)
    for side in sides:
        yield from doubts(side)


def _why_not_comparable(
    claim: OwnClaim,
    sides: Sequence[Side],
    values: Sequence[pd.Series[float]],
    currencies: Sequence[str],
    *,
    paired: bool,
) -> str | None:
    """Why the values cannot be put together, in words; None where they can."""
    if len(currencies) > 1:
        return f"prices in {' and '.join(currencies)}: nothing is compared"
    if claim.factor is not None:
        marks = unlike("cost" if claim.metric == "cost" else "time", *sides)
        if apart := [marks[column] for column in _NOT_ACROSS if column in marks]:
            return f"{' and '.join(apart)}: nothing is compared"
        if any(value <= 0 for side in values for value in side):
            return f"a {claim.metric} of 0 has no ratio"
    if claim.metric in _OF_ANY and not paired:
        return next(filter(None, map(several_types, sides)), None)
    return None


def _values(claim: OwnClaim, runs: pd.DataFrame, clock: Clock) -> pd.Series[float]:
    """What the claim is about, of each run that has it, in its unit."""
    if claim.metric == "time":
        return by_run(runs, runs[f"{clock}_s"] / _SECONDS[claim.unit])
    if claim.metric == "cost":
        return by_run(runs, (None if cost is None else float(cost) for cost in train_costs(runs, clock)))
    shown = runs[(runs["metric"] == claim.metric) & (runs["status"] == "completed")]
    return by_run(shown, shown["final"])


def _found(
    claim: OwnClaim, values: Sequence[pd.Series[float]], *, paired: bool
) -> tuple[float | None, Interval | None]:
    if not all(map(len, values)):
        return None, None
    if claim.factor is not None:
        ratio, interval = ratio_of(values[0], values[1], paired=paired)
        return ratio, None if _few(claim, values) else interval
    return typical(values[0]) if claim.metric in _OF_ANY else mean(values[0], claim.p or TAIL)


def _few(claim: OwnClaim, values: Sequence[pd.Series[float]]) -> str | None:
    """Why so few values have no interval, in words; None where they are enough, or where a side has none at all."""
    if not all(map(len, values)):
        return None
    return too_few(*map(len, values), needed=MEDIAN_FROM if claim.metric in _OF_ANY else _MEAN_FROM)


def _verdict(claim: OwnClaim, interval: Interval | None) -> Verdict:
    if interval is None:
        return "inconclusive"
    if claim.at_most is not None:  # the same with the other sign
        return verdict_of(-interval.high, -interval.low, -claim.limit)
    return verdict_of(interval.low, interval.high, claim.limit)


def own_table(checks: Sequence[OwnCheck]) -> Table[OwnCheck]:
    """A row a check, the rule and the sources below."""
    columns: tuple[Column[OwnCheck], ...] = (
        Column("claim", lambda check: (one_line(check.claim.text), f"[{check.claim.id}]"), numeric=False),
        Column("claimed", _claimed, numeric=False),
        Column("found", _shown, numeric=False),
        Column("n", lambda check: ", ".join(map(str, check.n))),
        Column("verdict", lambda check: check.verdict, numeric=False),
    )
    sources = dict.fromkeys(f"claimed by: {one_line(check.claim.source)}" for check in checks if check.claim.source)
    return Table(columns, checks, footnotes=(RULE, *sources), notes=lambda check: check.notes)


def _claimed(check: OwnCheck) -> str:
    claim = check.claim
    if claim.factor is not None:
        return f"{claim.metric}: B/A {claim.factor}"
    return one_line(f"{claim.metric} {'≤' if claim.at_most is not None else '≥'} {claim.claimed} {check.unit}".rstrip())


def _shown(check: OwnCheck) -> str | tuple[str, str]:
    if check.found is None:
        return NOT_APPLICABLE
    value = f"{significant(check.found)} {check.unit}".rstrip()
    return (value, check.interval.text()) if check.interval else value


def own_json(checks: Sequence[OwnCheck]) -> str:
    """Everything, numbers in full; unknown is null."""
    content = {"schema_version": SCHEMA_VERSION, "rule": RULE, "checks": [_plain(check) for check in checks]}
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _plain(check: OwnCheck) -> dict[str, Any]:
    return {
        **check.claim.model_dump(mode="json", by_alias=True),
        **plain_found(check.found, check.interval),
        "found_unit": check.unit,
        "n": list(check.n),
        "verdict": check.verdict,
        "notes": list(check.notes),
    }

"""Claims of one's own, from a TOML file, held against the runs of a store.

A claim is about one side, "gpt2 takes at most 3.04 h", or about two, "new needs 1.8 times less time than old". A side
is a recipe or a program, as NAME or NAME@MACHINE. The verdict is that of every claim: of an interval, all of it counts.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

import pandas as pd
from pydantic import Field, ValidationError, model_validator

from analysis.claims.claim import Claimed, Verdict, half_digit, plain_found, verdict_of
from analysis.comparison.machine_types import on_shared_types, several_types
from analysis.comparison.side import Side, about, by_run, mean, ratio_of, select, typical
from analysis.frames.runs import Clock, clock_of, train_costs
from analysis.stats.intervals import TAIL, Interval
from bench.errors import UsageError
from bench.record.documents import DEFAULT_POLICY, Part, Policy, first_mistake
from bench.text import NOT_APPLICABLE, Column, Table, one_line, significant

# Of the JSON. Raise it with any change of a key's name or meaning.
# 1  2026-11-26  first version.
SCHEMA_VERSION: Final = 1

_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0}
RULE = (
    "supported: the value found lies on the claimed side of the one claimed, taken with the digits that it has; of an "
    "interval, all of it. not supported: it lies on the other; of an interval, all of it. inconclusive: neither, "
    "or there is no interval."
)


class OwnClaim(Part):
    """A is `at_most` or `at_least` a value, or needs `factor` times less of `metric` than B.

    With `p` the verdict is that of a one-sided t-test: supported where its p-value is less.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str
    source: str = ""
    a: str = Field(alias="A", min_length=1)
    b: str | None = Field(None, alias="B", min_length=1)
    metric: str = Field("time", min_length=1, description="time, cost, or the metric of the targets")
    clock: Policy = DEFAULT_POLICY
    unit: Literal["s", "min", "h"] = Field("s", description="of time")
    factor: Claimed | None = Field(None, gt=0)
    at_most: Claimed | None = None
    at_least: Claimed | None = None
    p: float | None = Field(
        None, gt=0, lt=0.5, description="of a mean: the chance to call it supported where it is not"
    )

    @model_validator(mode="after")
    def _one_claim(self) -> OwnClaim:
        if [self.factor, self.at_most, self.at_least].count(None) != 2:
            raise ValueError("claims exactly one of factor, at_most and at_least")
        if (self.factor is None) != (self.b is None):
            raise ValueError("a factor, and nothing else, is claimed of A against B")
        if self.factor is not None and self.metric not in ("time", "cost"):
            raise ValueError("a factor is claimed of time or of cost")
        if self.p is not None and self.metric in ("time", "cost"):
            raise ValueError("p is of a mean, and of time and cost the median counts")
        return self

    @property
    def claimed(self) -> Decimal:
        """The value claimed, as written."""
        return next(value for value in (self.factor, self.at_most, self.at_least) if value is not None)

    @property
    def limit(self) -> float:
        """The farthest value that rounds to the claimed one."""
        half = half_digit(self.claimed)
        return float(self.claimed + half if self.at_most is not None else self.claimed - half)


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


def read_claims(path: Path) -> list[OwnClaim]:
    """The claims in the file `path`. Raises UsageError, saying where, for what is none."""

    class Book(Part):
        claims: tuple[OwnClaim, ...] = Field(alias="claim", min_length=1)

    try:
        return list(Book.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).claims)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from None
    except ValidationError as error:
        raise UsageError(f"{path}: {first_mistake(error)}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise UsageError(f"{path}: no TOML ({error})") from None


def check_own(claims: Sequence[OwnClaim], frame: pd.DataFrame, store: str) -> list[OwnCheck]:
    """Each of `claims` held against the runs in `frame` (of `runs_frame`), which is from `store`."""
    return [_check(claim, frame, store) for claim in claims]


def _check(claim: OwnClaim, frame: pd.DataFrame, store: str) -> OwnCheck:
    names = [name for name in (claim.a, claim.b) if name is not None]
    selected = [_selected(frame, name, store) for name in names]
    sides, left_out = [side for side, _ in selected], list[str]()
    if claim.b is not None:
        *sides, left_out = on_shared_types(*sides)
    both = pd.concat([side.runs for side in sides])
    clock = clock_of(both, claim.clock)  # one clock for both sides, as one currency
    currencies = sorted(both["currency"].dropna().unique()) if claim.metric == "cost" else []
    values = [_values(claim, side.runs, clock) for side in sides]
    under = f", under the {clock} clock" if claim.metric in ("time", "cost") else ""
    notes = [
        why or f"{side.label}: {len(known)} of {len(side.runs)} runs have the value{under}"
        for side, known, (_, why) in zip(sides, values, selected, strict=True)
    ]
    if claim.p is not None:
        notes.append(f"the interval misses the mean on either side with a chance of {100 * claim.p:g} %")
    unlike = _unlike(claim, values, currencies)
    if claim.metric in ("time", "cost"):
        unlike = unlike or next(filter(None, map(several_types, sides)), None)
    found, interval = (None, None) if unlike else _found(claim, values)
    # What an interval says something of, where that is not a type of machine.
    of = map(about, sides) if interval else [unlike]
    unit = claim.unit if claim.metric == "time" else currencies[0] if len(currencies) == 1 else ""
    return OwnCheck(
        claim=claim,
        unit="x" if claim.factor is not None else unit,
        n=tuple(map(len, values)),
        found=found,
        interval=interval,
        verdict=_verdict(claim, interval),
        notes=tuple(one_line(note) for note in [*notes, *left_out, *filter(None, of)]),
    )


def _selected(frame: pd.DataFrame, name: str, store: str) -> tuple[Side, str | None]:
    """A side by the name that the claim gives it, or one without runs and why there are none."""
    try:
        return Side(name, select(frame, name, store).runs), None
    except UsageError as error:
        return Side(name, frame.iloc[:0]), str(error)


def _unlike(claim: OwnClaim, sides: Sequence[pd.Series[float]], currencies: Sequence[str]) -> str | None:
    """Why the values cannot be put together, in words; None where they can."""
    if len(currencies) > 1:
        return f"prices in {' and '.join(currencies)}: nothing is compared"
    if claim.factor is not None and any(value <= 0 for side in sides for value in side):
        return f"a {claim.metric} of 0 has no ratio"
    return None


def _values(claim: OwnClaim, runs: pd.DataFrame, clock: Clock) -> pd.Series[float]:
    """What the claim is about, of each run that has it, in its unit."""
    if claim.metric == "time":
        return by_run(runs, runs[f"{clock}_s"] / _SECONDS[claim.unit])
    if claim.metric == "cost":
        return by_run(runs, (None if cost is None else float(cost) for cost in train_costs(runs, clock)))
    shown = runs[(runs["metric"] == claim.metric) & (runs["status"] == "completed")]
    return by_run(shown, shown["final"])


def _found(claim: OwnClaim, sides: Sequence[pd.Series[float]]) -> tuple[float | None, Interval | None]:
    if not all(map(len, sides)):
        return None, None
    if claim.factor is not None:
        return ratio_of(sides[0], sides[1], paired=False)
    return typical(sides[0]) if claim.metric in ("time", "cost") else mean(sides[0], claim.p or TAIL)


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
    if check.interval is None:
        return value
    return (value, f"[{significant(check.interval.low)}, {significant(check.interval.high)}]")


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

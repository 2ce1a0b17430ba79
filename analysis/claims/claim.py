"""Claims such as "A needs 2.5 times less time than B", and the rule of the verdict on each.

`claims.toml` beside this file names them. A claim is supported where the factor found, rounded to the digits
that were claimed, is at least the claimed one: "2.5x" takes 2.45. Where the factor has an interval, all of it
has to lie there; where the interval lies on both sides, or there is no factor, the claim is inconclusive.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from analysis.stats.intervals import Interval
from bench.errors import UsageError
from bench.record.documents import Part

Metric = Literal["time", "cost", "gpus", "cost-per-success"]
Verdict = Literal["supported", "not supported", "inconclusive"]
RULE = (
    "supported: the factor found, rounded to the digits of the claim, is at least the claimed one; for an interval, "
    "all of it. not supported: it is less; for an interval, all of it. inconclusive: neither, or an unknown factor."
)
_FILE = Path(__file__).with_name("claims.toml")


def _as_written(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text in quotes, since a number loses its digits: 2.50 claims more than 2.5")
    return value


# A number with the digits that were claimed.
Claimed = Annotated[Decimal, BeforeValidator(_as_written)]


class Claim(Part):
    """A needs `factor` times less of `metric` than B."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str
    source: str
    metric: Metric
    factor: Claimed = Field(gt=0)
    a: str = Field(alias="A", description="the entry's file")
    b: str = Field(alias="B", description="the entry's file")
    runs_a: str | None = Field(None, alias="runs_A", description="the recipe")
    runs_b: str | None = Field(None, alias="runs_B", description="the recipe")
    success_a: tuple[int, int] | None = Field(None, alias="success_A", description="hits, runs")
    note: str = ""

    @property
    def least(self) -> Decimal:
        """The lowest factor that rounds to the claimed one."""
        return self.factor - half_digit(self.factor)


class Clock(Part):
    """What the clock of a published entry counted."""

    entry: str
    counts_validation: bool
    seconds_with_validation: float | None = Field(None, gt=0)
    source: str


class Book(Part):
    """The claims, and what is known of the clocks of the entries they are about."""

    claims: tuple[Claim, ...] = Field(alias="claim")
    clocks: tuple[Clock, ...] = Field((), alias="clock")


@dataclass(frozen=True)
class Operand:
    """A or B: whose it is, and how much it takes, in `unit`; None is unknown."""

    name: str
    value: float | None
    unit: str


@dataclass(frozen=True, kw_only=True)
class Check:
    """A claim held against numbers: published ones, or those of our runs on one machine."""

    claim: Claim
    basis: str
    a: Operand
    b: Operand
    factor: float | None
    interval: Interval | None = None
    verdict: Verdict
    notes: tuple[str, ...] = ()


def load_claims() -> Book:
    """The claims that come with `bench`."""
    return Book.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))


def chosen(book: Book, ids: tuple[str, ...]) -> list[Claim]:
    """The claims called `ids`, or all. Raises UsageError for one that is not there."""
    known = {claim.id: claim for claim in book.claims}
    for name in ids:
        if name not in known:
            raise UsageError(f"{name!r} is not a claim; choose from {', '.join(known)}, or name a .toml file")
    return [known[name] for name in ids] if ids else list(book.claims)


def judge(claim: Claim, factor: float | None, interval: Interval | None = None, *, single: bool = False) -> Verdict:
    """The verdict on `claim` from the factor found and its interval; `single` numbers have none and need none."""
    if factor is None or (interval is None and not single):
        return "inconclusive"
    low, high = (interval.low, interval.high) if interval else (factor, factor)
    return verdict_of(low, high, float(claim.least))


def half_digit(claimed: Decimal) -> Decimal:
    """Half a unit of its last digit: what a number may lie off and still round to it."""
    exponent = claimed.as_tuple().exponent
    assert isinstance(exponent, int)
    return Decimal(5).scaleb(exponent - 1)


def verdict_of(low: float, high: float, least: float) -> Verdict:
    """The verdict on "at least `least`" where what was found lies from `low` to `high`."""
    if low >= least:
        return "supported"
    return "not supported" if high < least else "inconclusive"


def plain_found(found: float | None, interval: Interval | None) -> dict[str, Any]:
    """What was found with its interval as plain values, unrounded, for JSON; unknown is None."""
    return {
        "found": found,
        "found_low": interval.low if interval else None,
        "found_high": interval.high if interval else None,
        "found_method": interval.method if interval else None,
    }

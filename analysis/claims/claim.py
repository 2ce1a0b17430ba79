"""Claims such as "A needs 2.5 times less time than B", and the rule of the verdict on each.

`claims.toml` beside this file names those of the literature. A claim of the user's own, in a TOML file that can hold
several, is about one side, "gpt2 takes at most 3.04 h", or about two, "new needs 1.8 times less time than old"; a side
is a recipe or a program, as NAME or NAME@MACHINE. A claim is supported where the factor found, rounded to the digits
that were claimed, is at least the claimed one: "2.5x" takes 2.45. Where the factor has an interval, all of it
has to lie there; where the interval lies on both sides, or there is no factor, the claim is inconclusive.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from analysis.stats import Interval
from bench.errors import UsageError
from bench.record.documents import DEFAULT_POLICY, Part, Policy, first_mistake

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


# Below it Student's t of few runs is right to no digit, and at last no number.
_LEAST_P = 1e-15
_FORM = "each [[claim]] has id, text, A, and at_most or at_least, or B and factor"


class OwnClaim(Part):
    """A is `at_most` or `at_least` a value, or needs `factor` times less of `metric` than B.

    With `p` the verdict is that of a one-sided t-test: supported where its p-value is less.
    """

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    text: str = Field(min_length=1)
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
        None, gt=0, lt=0.5, description="for a mean: the probability of a false verdict `supported`"
    )

    @model_validator(mode="after")
    def _one_claim(self) -> OwnClaim:
        if [self.factor, self.at_most, self.at_least].count(None) != 2:
            raise ValueError("needs exactly one of factor, at_most and at_least")
        if (self.factor is None) != (self.b is None):
            raise ValueError("factor needs B, and B needs factor")
        if self.factor is not None and self.metric not in ("time", "cost"):
            raise ValueError("factor is for time or cost")
        if self.p is not None and self.metric in ("time", "cost"):
            raise ValueError("p is for means, and time and cost are compared by medians")
        if self.p is not None and self.p < _LEAST_P:
            raise ValueError(f"p must be at least {_LEAST_P:g}")
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


def read_claims(paths: Iterable[Path]) -> list[OwnClaim]:
    """The claims in the files `paths`. Raises UsageError, saying where, for what is none, and for an id used twice."""
    claims: list[OwnClaim] = []
    files: dict[str, Path] = {}
    for path in paths:
        for claim in _read(path):
            if claim.id in files:
                raise UsageError(f"{files[claim.id]} and {path} both have a claim with the id {claim.id}; rename one")
            files[claim.id] = path
            claims.append(claim)
    return claims


def _read(path: Path) -> tuple[OwnClaim, ...]:
    class Book(Part):
        claims: tuple[OwnClaim, ...] = Field(alias="claim", min_length=1)

        @model_validator(mode="after")
        def _one_id_each(self) -> Book:
            ids = [claim.id for claim in self.claims]
            if twice := next((name for name in ids if ids.count(name) > 1), None):
                raise ValueError(f"two claims have the id {twice}")
            return self

    try:
        return Book.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).claims
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}); name a TOML file of claims") from None
    except ValidationError as error:
        raise UsageError(f"{path}: {first_mistake(error)}; {_FORM}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise UsageError(f"{path}: not TOML ({error}); {_FORM}") from None

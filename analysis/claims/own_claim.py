"""A claim of the user's own, and the TOML file that holds several.

It is about one side, "gpt2 takes at most 3.04 h", or about two, "new needs 1.8 times less time than old". A side is a
recipe or a program, as NAME or NAME@MACHINE.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from analysis.claims.claim import Claimed, half_digit
from bench.errors import UsageError
from bench.record.documents import DEFAULT_POLICY, Part, Policy, first_mistake

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

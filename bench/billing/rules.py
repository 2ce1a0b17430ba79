"""Billing rules: how a provider turns the time of a machine into the time it charges. Data, in `rules.toml`."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from bench.record.documents import Part, PricingCategory


class Rule(Part):
    """What is charged of a machine's time. Seconds are exact."""

    provider: str = Field(pattern=r"^[a-z]+$")
    category: PricingCategory
    machines: str = Field("", description="the instance types that it is for, * for any text; empty: all")
    increment_s: Decimal = Field(gt=0, description="started increments are charged whole")
    minimum_s: Decimal = Field(ge=0, description="the least that is charged at each start")
    lower_minimum_s: Decimal | None = Field(
        None, ge=0, description="the same by another reading of the provider's words; null: it is not contested"
    )
    starts: Literal["created", "starting", "running"]
    stops: Literal["stopped", "deallocated", "off", "terminated"]
    interruption_free_s: Decimal | None = Field(
        None, gt=0, description="preempted sooner than this: no charge; null: no such rule known"
    )
    source: str | None = Field(None, pattern=r"^https://", description="null for a machine that nobody bills")
    read: date | None = None
    note: str = ""

    @property
    def lower(self) -> Rule | None:
        """The rule by the other reading; None: it is not contested."""
        if self.lower_minimum_s is None:
            return None
        return self.model_copy(update={"minimum_s": self.lower_minimum_s, "lower_minimum_s": None})

    @property
    def words(self) -> str:
        """The rule in one line, such as for a footnote."""
        contested = f" ({self.lower_minimum_s} s by another reading)" if self.lower_minimum_s is not None else ""
        minimum = f", at least {self.minimum_s} s{contested}" if self.minimum_s else ""
        free = ""
        if self.interruption_free_s is not None:
            free = f"; no charge if preempted in the first {self.interruption_free_s} s"
        return f"by {self.increment_s} s{minimum}, from {self.starts} to {self.stops}{free}"


class Unknown(Part):
    """A provider whose rule is not known, and why it is listed all the same."""

    provider: str = Field(pattern=r"^[a-z]+$")
    why: str = Field(min_length=1)


class RuleBook(Part):
    """Everything that `rules.toml` holds."""

    rules: tuple[Rule, ...] = Field(alias="rule")
    unknown: tuple[Unknown, ...] = ()


@cache
def rule_book() -> RuleBook:
    """The rules that come with `bench`. The file is read at the first call."""
    text = files("bench.billing").joinpath("rules.toml").read_text(encoding="utf-8")
    return RuleBook.model_validate(tomllib.loads(text))


def rule_for(provider: str, category: PricingCategory, instance_type: str | None = None) -> Rule | None:
    """The rule of `provider` for `category`. None: not known, and so neither is what it charges.

    Names are in any case. Where rules differ by instance type, that must be known too.
    """
    named, machine = provider.casefold(), (instance_type or "").casefold()
    rules = [r for r in rule_book().rules if r.provider == named and r.category == category]
    matches = [r for r in rules if not r.machines or fnmatchcase(machine, r.machines.casefold())]
    return matches[0] if matches else None


EndedBy = Literal["user", "provider"]


def exact_seconds(length: timedelta) -> Decimal:
    """`length` in seconds, exact to the microsecond."""
    return Decimal(length // timedelta(microseconds=1)).scaleb(-6)


def billed_seconds(seconds: Decimal, rule: Rule, ended_by: EndedBy = "user") -> Decimal:
    """The seconds charged for a machine that ran for `seconds`: whole increments, at least the minimum.

    0 if the provider took the machine back within the time that the rule leaves free. A machine that is stopped and
    started again is two machines to its rule.
    """
    free = rule.interruption_free_s
    if ended_by == "provider" and free is not None and seconds < free:
        return Decimal(0)
    increments, rest = divmod(seconds, rule.increment_s)
    return max((increments + (rest > 0)) * rule.increment_s, rule.minimum_s)

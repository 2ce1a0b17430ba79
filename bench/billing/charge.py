"""From the time that a machine ran to the seconds charged for it, under a billing rule. Pure and exact.

A lease is one interval, or several where the machine was stopped and started again: each start is charged by
itself, with its own minimum. All seconds are Decimal; a float is refused, as it is no exact number of seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Literal

from bench.billing.rules import Rule

EndedBy = Literal["user", "provider"]


@dataclass(frozen=True)
class Interval:
    """A stretch in which the machine was charged for: seconds after the lease began, and who ended it."""

    start: Decimal
    stop: Decimal
    ended_by: EndedBy = "user"

    def __post_init__(self) -> None:
        for edge in (self.start, self.stop):
            if not isinstance(edge, Decimal):
                raise TypeError(f"{edge!r} is not a Decimal")
            if not edge.is_finite():
                raise ValueError(f"{edge} s is no point in time")
        if self.stop < self.start:
            raise ValueError(f"an interval stops at {self.stop} s, before it starts at {self.start} s")

    @classmethod
    def between(cls, began: datetime, start: datetime, stop: datetime, ended_by: EndedBy = "user") -> Interval:
        """The interval from `start` to `stop` of a lease that began at `began`."""
        return cls(exact_seconds(start - began), exact_seconds(stop - began), ended_by)

    @property
    def length(self) -> Decimal:
        """Seconds from start to stop."""
        return self.stop - self.start


def exact_seconds(length: timedelta) -> Decimal:
    """Every microsecond of `length`, in seconds."""
    return Decimal(length // timedelta(microseconds=1)).scaleb(-6)


def billed_seconds(interval: Interval, rule: Rule) -> Decimal:
    """The seconds charged for one interval: whole increments, at least the minimum.

    None at all where the provider took the machine back within the time that the rule leaves free.
    """
    free = rule.interruption_free_s
    if interval.ended_by == "provider" and free is not None and interval.length < free:
        return Decimal(0)
    increments, rest = divmod(interval.length, rule.increment_s)
    return max((increments + (rest > 0)) * rule.increment_s, rule.minimum_s)


def billed_in_all(intervals: Sequence[Interval], rule: Rule) -> Decimal:
    """The seconds charged for a lease that was stopped and started again. Raises ValueError for an overlap."""
    if any(later.start < earlier.stop for earlier, later in pairwise(intervals)):
        raise ValueError("intervals of one machine overlap or are out of order")
    return sum((billed_seconds(interval, rule) for interval in intervals), Decimal(0))

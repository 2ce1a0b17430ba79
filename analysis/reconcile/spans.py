"""The charge periods of each kind of charge: they reveal two files with the same usage, by the hour and by the day.

An hourly and a daily export of one month have no row in common. Nor have the runs of an export whose rows grow, because
the provider writes when use began and how far it got.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime, timedelta
from decimal import Decimal

Period = tuple[datetime, datetime]


class Spans:
    """For each kind, when its charges begin, by how long they last."""

    def __init__(self) -> None:
        """Of no charge."""
        self._begins: dict[Hashable, dict[timedelta, list[datetime]]] = {}
        self._costs: set[tuple[Hashable, Period, Decimal]] = set()

    def add(self, kind: Hashable, period: Period, cost: Decimal) -> None:
        """Know a charge."""
        begin, end = period
        self._costs.add((kind, period, cost))
        self._begins.setdefault(kind, {}).setdefault(end - begin, []).append(begin)

    def alike(self, kind: Hashable, period: Period, cost: Decimal) -> bool:
        """Whether a charge is known that says the same, if not of the same account."""
        return (kind, period, cost) in self._costs

    def otherwise(self, kind: Hashable, period: Period) -> bool:
        """Whether a charge that is known shares time with this period, and lasts longer or shorter."""
        begin, end = period
        return any(
            known < end and known + length > begin
            for length, begins in self._begins.get(kind, {}).items()
            if length != end - begin
            for known in begins
        )

    def merge(self, other: Spans) -> None:
        """Know the charges of the other too."""
        for kind, lengths in other._begins.items():
            for length, begins in lengths.items():
                self._begins.setdefault(kind, {}).setdefault(length, []).extend(begins)
        self._costs |= other._costs

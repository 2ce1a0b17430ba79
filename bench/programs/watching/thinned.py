"""A few of many: what is kept of a stream whose length nobody knows beforehand."""

from __future__ import annotations

import random
from typing import Generic, TypeVar

T = TypeVar("T")


class Thinned(Generic[T]):
    """Of all items the first, the last, and evenly spaced ones between: at most `most`, at least half of that."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[T] = []
        self._stride = 1
        self._seen = 0
        self._last: T | None = None

    def add(self, item: T) -> None:
        """One more."""
        if self._seen % self._stride == 0:
            if len(self._kept) == self._most - 1:  # one place is the last item's
                self._kept = self._kept[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._kept.append(item)
        self._seen += 1
        self._last = item

    def items(self) -> list[T]:
        """What is kept, in order."""
        if self._last is None or self._kept[-1] is self._last:
            return list(self._kept)
        return [*self._kept, self._last]


class Sample:
    """At most `most` of all numbers, each as likely as any other, the same ones each time; and how many there were."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[float] = []
        self._random = random.Random(0)
        self.seen = 0

    def add(self, number: float) -> None:
        """One more."""
        self.seen += 1
        if len(self._kept) < self._most:
            self._kept.append(number)
        elif (place := self._random.randrange(self.seen)) < self._most:
            self._kept[place] = number

    def quantile(self, share: float) -> float | None:
        """The number below which `share` (0..1) of them lie, between two by line; None where there are none."""
        if not self._kept:
            return None
        ordered = sorted(self._kept)
        at = share * (len(ordered) - 1)
        below = int(at)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (at - below) * (ordered[above] - ordered[below])

"""A listener to works in hand, for `reporting_to`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Told:
    """Writes down what it is told: what there is to do and how much, each step, and the end."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    @contextmanager
    def task(self, what: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """A work, from its first item to its end."""
        self.lines.append((what, total))
        try:
            yield self.lines.append
        finally:
            self.lines.append("end")

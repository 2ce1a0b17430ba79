"""Progress: what a program shows of itself, and who reads it.

A point is one thing shown: when, at which step of how many, and the metrics by name. A source turns one form of
output into points; the runner asks all of them, and the best that delivers is named in the record.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

# What a step may count, the one that says most first. A program may show several.
UNITS = ("step", "sample", "epoch")


@dataclass(frozen=True)
class Point:
    """One thing that a program showed. `at`: seconds on the runner's monotonic clock."""

    at: float
    # Absolute: a program that resumes at step 500 shows 501 next.
    step: int | None = None
    total: int | None = None
    # What a step counts: one of UNITS.
    unit: str = "step"
    # As shown, nan and infinities too: what they mean is for the reader of the whole.
    metrics: dict[str, float] = field(default_factory=dict)
    # The name of the phase that begins here, where the program marks one.
    phase: str | None = None


class Source(Protocol):
    """Reads one form of progress. One instance watches one run of a program."""

    @property
    def name(self) -> str:
        """What the record calls it."""

    def line(self, text: str, at: float) -> Point | None:
        """What one complete line of output says, without its end; None: nothing, as of all lines where files are read.

        A carriage return ends a line too. Raises nothing, whatever the text.
        """

    def poll(self, at: float) -> Iterable[Point]:
        """What was added to the files that it reads since the last call; nothing, where lines are read.

        Raises nothing, whatever the files hold.
        """

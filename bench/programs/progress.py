"""What is watched, and what it shows: one run of a program, the points of its progress, and whoever reads them.

A point is one thing shown: when, at which step of how many, and the metrics by name. A source turns one form of
output into points; the runner asks all of them, and the best that delivers is named in the record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

# Clocks of one machine, read one after the other; and the times of files, which may be whole seconds.
SLACK_S, FILE_SLACK_S = 0.05, 1.0
# What a step may count, the one that says most first. A program may show several.
UNITS = ("step", "sample", "epoch")


@dataclass(frozen=True)
class Watched:
    """One run of a program.

    `started` and `started_wall` are one instant, in seconds of the runner's monotonic clock and since 1970. Where a
    log is read afterwards both are 0: its points carry the times that it states, in seconds since 1970.
    """

    started: float = 0.0
    started_wall: float = 0.0
    # $BENCH_EVENTS, which the runner names; the program may never write it.
    events: Path | None = None
    # Below these TensorBoard's event files and trainer_state.json are looked for.
    folders: tuple[Path, ...] = ()
    # Of --metric: the name of a metric, or `step` or `total`, and the regular expression whose group shows it.
    patterns: Mapping[str, str] = field(default_factory=dict)

    def at(self, wall: float, now: float, slack: float = SLACK_S) -> float | None:
        """The time `wall`, in seconds since 1970, on the runner's clock; None where it is not of this run.

        `now`: the runner's clock; not a number where a log is read afterwards, and any later time is believed.
        """
        at = self.started + (wall - self.started_wall)
        if not self.started - slack <= at or at > now + slack:
            return None
        return min(max(at, self.started), now) if now == now else at


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
    # A step that a run before this one has saved, and that this one may go on from; nothing else is then said.
    saved: int | None = None


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

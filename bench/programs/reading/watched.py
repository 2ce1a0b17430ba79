"""What is watched: one run of a program, when it began by both clocks, and where it may write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

# Clocks of one machine, read one after the other; and the times of files, which may be whole seconds.
SLACK_S, FILE_SLACK_S = 0.05, 1.0


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

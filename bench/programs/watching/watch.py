"""Asks all sources about what a program shows, and says which of them is believed.

For steps that is the best one that has shown a step, for the target the best one that has shown its metric: the two
can differ, as where a bar counts steps and a line says the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.programs.progress import Source
from bench.programs.target import Target
from bench.programs.watching.lines import Lines
from bench.programs.watching.track import Track


class Watch:
    """All `sources`, best first, each with what it has said."""

    def __init__(self, sources: Sequence[Source], target: Target | None) -> None:
        self._target = target
        self.tracks = [(source, Track(target)) for source in sources]
        self._lines: dict[int, Lines] = {}
        self._readers = [(source.line, track.add) for source, track in self.tracks]

    def feed(self, stream: int, data: bytes, at: float) -> None:
        """What was read from an output of the program, `stream`: any number that tells it from others."""
        for line in self._lines.setdefault(stream, Lines()).feed(data):
            self._read(line, at)

    def end(self, stream: int, at: float) -> None:
        """The output has ended."""
        for line in self._lines.setdefault(stream, Lines()).end():
            self._read(line, at)

    def poll(self, at: float) -> None:
        """Look into the files that sources read."""
        for source, track in self.tracks:
            for point in source.poll(at):
                track.add(point)

    def steps(self) -> tuple[str, Track] | None:
        """The source whose steps are believed, by name; None where none was shown."""
        return self._best(lambda track: track.last is not None)

    def target(self) -> tuple[str, Track] | None:
        """The source whose reading of the target's metric is believed; None where it was not shown."""
        return self._best(lambda track: track.target_value is not None)

    def phases(self) -> tuple[str, Track] | None:
        """The source whose phases are believed; None where none was marked."""
        return self._best(lambda track: bool(track.phases))

    def latest(self) -> dict[str, float]:
        """The last value of every metric, as shown; of a name in two sources, the better one's."""
        values: dict[str, float] = {}
        for _, track in reversed(self.tracks):
            values.update(track.latest)
        return values

    def latest_at(self) -> float | None:
        """When a metric was shown last."""
        return max((track.latest_at for _, track in self.tracks if track.latest_at is not None), default=None)

    def _read(self, line: str, at: float) -> None:
        for read, add in self._readers:
            point = read(line, at)
            if point is not None:
                add(point)

    def _best(self, delivers: Callable[[Track], bool]) -> tuple[str, Track] | None:
        return next(((source.name, track) for source, track in self.tracks if delivers(track)), None)

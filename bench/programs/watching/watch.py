"""Asks all sources about what a program shows, and says which of them is believed.

For steps that is the best one that has shown a step, for the target the best one that has shown its metric: the two
can differ, as where a bar counts steps and a line says the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bench.programs.progress import UNITS, Source
from bench.programs.reading.output import Chooser, split_rank, without_ansi
from bench.programs.target import Target
from bench.programs.watching.lines import Lines
from bench.programs.watching.track import Track


class Watch:
    """All `sources`, best first, each with what it has said.

    Where a launcher tells ranks apart, the lowest that shows anything is believed.
    """

    def __init__(self, sources: Sequence[Source], target: Target | None) -> None:
        self._target = target
        self.tracks = [(source, Track(target)) for source in sources]
        self._streams: dict[int, tuple[Lines, Chooser]] = {}
        self._readers = [(source.line, track.add) for source, track in self.tracks]
        self._rank: int | None = None

    def feed(self, stream: int, data: bytes, at: float) -> None:
        """What was read from an output of the program, `stream`: any number that tells it from others."""
        lines, chooser = self._stream(stream)
        for line in chooser.choose(lines.feed(data), at):
            self.line(line, at)

    def end(self, stream: int, at: float) -> None:
        """The output has ended."""
        lines, chooser = self._stream(stream)
        for line in (*chooser.last(), *lines.end()):
            self.line(line, at)

    def line(self, line: str, at: float) -> bool:
        """One complete line of output; whether a source made something of it."""
        rank, text = split_rank(without_ansi(line))
        if rank is not None and self._rank is not None and rank > self._rank:
            return False
        read = False
        for source, add in self._readers:
            point = source(text, at)
            if point is not None:
                add(point)
                read = True
        if read and rank is not None:
            self._rank = rank
        return read

    def poll(self, at: float) -> None:
        """Look into the files that sources read."""
        for source, track in self.tracks:
            for point in source.poll(at):
                track.add(point)

    def steps(self) -> tuple[str, Track] | None:
        """The source whose steps are believed, by name; None where none was shown.

        Steps in the word's own sense come before samples, and those before epochs.
        """
        known = {track.unit for _, track in self.tracks}
        best = next((unit for unit in UNITS if unit in known), None)
        return None if best is None else self._best(lambda track: track.unit == best)

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

    def _stream(self, stream: int) -> tuple[Lines, Chooser]:
        if stream not in self._streams:
            self._streams[stream] = Lines(), Chooser([self._target.metric] if self._target else [])
        return self._streams[stream]

    def _best(self, delivers: Callable[[Track], bool]) -> tuple[str, Track] | None:
        return next(((source.name, track) for source, track in self.tracks if delivers(track)), None)

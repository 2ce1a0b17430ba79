"""Which progress is read from a log or a folder of files, by which source, and what is not read.

Times are those that the program states, in seconds since 1970; of lines without one they are not known.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bench.programs.progress import Point, Source, Watched
from bench.programs.reading.line import is_result
from bench.programs.reading.output import Lines, lines_of, without_ansi
from bench.programs.sources import open_sources
from bench.programs.watching.track import Track, are_mixed
from bench.programs.watching.watch import ASKED_FOR, Watch, shows_enough

_PIECE = 1 << 20
_MOST_KINDS, _LONGEST_KIND = 5000, 160
_MOST_METRICS = 1000
_NUMBERS = re.compile(r"[0-9]+")
_FILLING = re.compile(r"[\u2580-\u259f\s]+")  # of bars and of tables


@dataclass
class Values:
    """The values of one metric, in order. `least` and `most` are of those that are numbers.

    `evaluated` of them are of an evaluation, of `other` it is not said what they are of.
    """

    count: int = 0
    first: float = math.nan
    last: float = math.nan
    least: float = math.nan
    most: float = math.nan
    evaluated: int = 0
    other: int = 0

    def add(self, value: float, part: str | None) -> None:
        """Add a value from a line of that part: training, evaluation or None."""
        self.evaluated += part == "evaluation"
        self.other += part is None
        self.first = value if not self.count else self.first
        self.count, self.last = self.count + 1, value
        if not math.isnan(value):
            self.least = value if math.isnan(self.least) else min(self.least, value)
            self.most = value if math.isnan(self.most) else max(self.most, value)

    def summary(self) -> tuple[float, float, float, float]:
        """First, last, least, most."""
        return self.first, self.last, self.least, self.most


@dataclass
class Reading:
    """What one source made of a log."""

    source: str
    track: Track
    points: int
    metrics: dict[str, Values]
    # Seconds in each phase, and from the first `train` to the last mark.
    phases: dict[str, float]
    trained_s: float | None


@dataclass
class LogReading:
    """What was read in a log, best source first, and what was not.

    `unread` counts lines by kind: lines that differ in their numbers only are of one. Nothing was read in them, or no
    more than a step where they name a result.
    """

    lines: int
    unread_lines: int
    steps: str | None
    readings: list[Reading]
    unread: list[tuple[str, int]] = field(default_factory=list)

    def mixed(self) -> list[str]:
        """Results that are shown both as of an evaluation and by lines that may be of training."""
        found = {name: values for each in reversed(self.readings) for name, values in each.metrics.items()}
        return sorted(n for n, v in found.items() if is_result(n) and are_mixed(v.evaluated, v.other))

    def best(self, metric: str) -> Reading | None:
        """The source whose values of `metric` would be believed if it were the target; None where none shows it."""
        shown = [(each, each.metrics[metric].count) for each in self.readings if metric in each.metrics]
        most = max((count for _, count in shown), default=0)
        asked_for = next((each for each, _ in shown if each.source in ASKED_FOR), None)
        return asked_for or next((each for each, count in shown if shows_enough(count, most)), None)


class _Tally(Source):
    """A source, with every metric that it showed."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._source = source
        self.points = 0
        self.metrics: dict[str, Values] = {}

    def line(self, text: str, at: float) -> Point | None:
        point = self._source.line(text, at)
        if point is not None:
            self._add(point)
        return point

    def poll(self, at: float) -> Iterable[Point]:
        for point in self._source.poll(at):
            self._add(point)
            yield point

    def _add(self, point: Point) -> None:
        self.points += 1
        for name, value in point.metrics.items():
            if name in self.metrics or len(self.metrics) < _MOST_METRICS:
                self.metrics.setdefault(name, Values()).add(value, point.part)


def read_log(path: Path, patterns: Mapping[str, str] | None = None) -> LogReading:
    """Read a log; or a file that TensorBoard or a Trainer wrote, or a folder of them.

    Raises OSError where it cannot be read, and BadPattern.
    """
    tallies = [_Tally(source) for source in open_sources(Watched(folders=(path,), patterns=patterns or {}))]
    watch = Watch(tallies, None)
    lines = unread = 0
    kinds: Counter[str] = Counter()
    # What a framework wrote for TensorBoard is no text, and a folder has no lines.
    watch.poll_all(math.inf)
    for line in () if any(tally.points for tally in tallies) or path.is_dir() else _lines(path):
        lines += 1
        points = watch.line(line, math.nan)
        unread += not points
        if not points or (not any(point.metrics or point.phase for point in points) and is_result(line)):
            kind = _kind(line)
            if kind and (kind in kinds or len(kinds) < _MOST_KINDS):
                kinds[kind] += 1
    steps = watch.steps()
    readings = [_reading(tally, track) for tally, track in zip(tallies, watch.tracks) if tally.points]
    return LogReading(lines, unread, steps.source if steps else None, readings, kinds.most_common())


def _lines(path: Path) -> Iterable[str]:
    cut = Lines()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield from lines_of(cut.feed(piece))
    yield from cut.end()


def _kind(line: str) -> str:
    """A line with its numbers left open; empty for one without any."""
    text = _FILLING.sub(" ", without_ansi(line)).strip()[:_LONGEST_KIND]
    return _NUMBERS.sub("#", text) if _NUMBERS.search(text) else ""


def _reading(tally: _Tally, track: Track) -> Reading:
    phases: dict[str, float] = {}
    marks = track.phases
    for (at, name), (until, _) in zip(marks, marks[1:]):
        phases[name] = phases.get(name, 0.0) + until - at
    trained = next((at for at, name in marks if name == "train"), None)
    return Reading(
        tally.name, track, tally.points, tally.metrics, phases, None if trained is None else marks[-1][0] - trained
    )

"""JSON lines in the file that $BENCH_EVENTS names: what a program writes for `bench`, in so many words.

`{"step": 120, "total_steps": 400, "loss": 1.25, "time": 1764115200.5}`, `{"phase": "evaluate"}`: any part of it.
"""

from __future__ import annotations

from collections.abc import Iterable

from bench.programs.progress import Point, Watched
from bench.programs.reading.finder import Tail
from bench.programs.sources.json_lines import JsonPoints, as_object

_LONGEST_LINE = 65_536


class Events:
    """Reads the file of $BENCH_EVENTS."""

    name = "bench-events"

    def __init__(self, watched: Watched) -> None:
        self._tail = Tail(watched.events) if watched.events else None
        self._rest = b""  # the beginning of a line whose end is still to come
        self._points = JsonPoints(watched)

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        return None

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        if self._tail is None:
            return
        data, anew = self._tail.read()
        *lines, rest = ((b"" if anew else self._rest) + data).split(b"\n")
        self._rest = rest if len(rest) <= _LONGEST_LINE else b""  # the end of a longer one is no object
        for line in lines:
            values = as_object(line.decode("utf-8", "replace"))
            point = None if values is None else self._points.point(values, at)
            if point is not None:
                yield point

"""JSON objects, one a line, on stdout: `{"step": 120, "loss": 1.25}`, behind a prefix such as `[tune-metric]:` too."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from bench.programs.progress import TIMES, Fields, Point, Watched, as_number, flat

# What stands before an object: a logger's words.
_LONGEST_PREFIX = 200


def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is or ends with; None where there is none."""
    start = text.find('{"')
    if not 0 <= start <= _LONGEST_PREFIX or not text.rstrip().endswith("}"):
        return None
    try:
        value = json.loads(text[start:])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class JsonPoints:
    """Makes points of JSON objects, at the time that they state, in seconds since 1970, where it is of this run."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._fields = Fields()

    def point(self, values: dict[str, Any], at: float) -> Point | None:
        """The point that an object is; None where nothing in it is progress."""
        fields = list(flat(values))
        for name, value in fields:
            wall = as_number(value) if name in TIMES else None
            stated = None if wall is None else self._watched.at(wall, at)
            if stated is not None:
                return self._fields.point([field for field in fields if field[0] not in TIMES], stated)
        return self._fields.point(fields, at)


class JsonLines:
    """Reads JSON lines on stdout."""

    name = "json-lines"

    def __init__(self, watched: Watched) -> None:
        self._points = JsonPoints(watched)

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        if '{"' not in text or ":::" in text:  # an MLLOG line's object is its own source's
            return None
        values = as_object(text)
        return None if values is None else self._points.point(values, at)

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        return ()

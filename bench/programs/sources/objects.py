"""Objects, one per line: of JSON, and dicts as Python prints them.

JSON is on stdout, also after a prefix such as `[tune-metric]:`, and in the file $BENCH_EVENTS:

`{"step": 120, "total_steps": 400, "loss": 1.25, "time": 1764115200.5}`, `{"phase": "evaluate"}`: any part of it. The
file is what a program writes for `bench`, in so many words.

Dicts are as Hugging Face's Trainer prints them, `{'loss': 1.25, 'epoch': 0.3}`, texts or numbers. Of an object
within, of either kind, the names are `outer/inner`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from bench.programs.progress import NUMBER, TIMES, Fields, Point, Source, Watched, as_number, flat
from bench.programs.reading.finder import Tail
from bench.programs.reading.line import counts_before, part_before, part_of_object, within

_BEGINNING = re.compile(r'\{\s*"')
# What stands before an object: a logger's words.
_LONGEST_PREFIX = 200
_LONGEST_LINE = 65_536


def as_object(text: str) -> dict[str, Any] | None:
    """The JSON object that `text` is or ends with; None where there is none."""
    found = _BEGINNING.search(text)
    if found is None or found.start() > _LONGEST_PREFIX or not text.rstrip().endswith("}"):
        return None
    try:
        value = json.loads(text[found.start() :])
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


class JsonPoints:
    """Makes points of JSON objects, at the time that they state, in seconds since 1970, where it is of this run."""

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._fields = Fields()

    def point(self, values: dict[str, Any], at: float, part: str | None = None, before: str = "") -> Point | None:
        """The point that an object is; None where nothing in it is progress.

        `part`: of training, or an evaluation. `before`: what stands before it in its line.
        """
        fields = within(part, [*flat(values), *counts_before(before, part)])
        for name, value in fields:
            wall = as_number(value) if name in TIMES else None
            stated = None if wall is None else self._watched.at(wall, at)
            if stated is not None:
                return self._fields.point([field for field in fields if field[0] not in TIMES], stated, part)
        return self._fields.point(fields, at, part)


class JsonLines(Source):
    """Reads JSON lines on stdout."""

    name = "json-lines"

    def __init__(self, watched: Watched) -> None:
        self._points = JsonPoints(watched)

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        if "{" not in text or ":::" in text:  # an MLLOG line's object is its own source's
            return None
        values = as_object(text)
        if values is None:
            return None
        before = text.partition("{")[0]
        part = part_of_object(values) or part_before(before)
        return self._points.point(values, at, part, before)


class Events(Source):
    """Reads the file of $BENCH_EVENTS."""

    name = "bench-events"

    def __init__(self, watched: Watched) -> None:
        self._tail = Tail(watched.events) if watched.events else None
        self._rest = b""  # the beginning of a line whose end is still to come
        self._points = JsonPoints(watched)

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        if self._tail is None:
            return
        data, restarted = self._tail.read()
        *lines, rest = ((b"" if restarted else self._rest) + data).split(b"\n")
        if as_object(rest.decode("utf-8", "replace")) is not None:  # it is whole; its end of line may never come
            lines, rest = [*lines, rest], b""
        self._rest = rest if len(rest) <= _LONGEST_LINE else b""  # the end of a longer one is no object
        for line in lines:
            values = as_object(line.decode("utf-8", "replace"))
            point = None if values is None else self._points.point(values, at)
            if point is not None:
                yield point


_LONGEST_DICT = 8192
# Also as numpy and torch show their numbers: np.float64(1.25), tensor(1.25), tensor(1.25, device='cuda:0').
_PAIR = re.compile(
    rf"""(?P<end>}})|(?P<quote>['"])(?P<name>[^'"{{}}]{{1,100}})(?P=quote): (?:(?P<begin>{{)|"""
    rf"""(?:(?P<string>['"])|(?:np\.|numpy\.|torch\.)?\w+\()?(?P<value>{NUMBER})(?(string)(?P=string))(?=[,)}}]|\.,))"""
)
# May say what the dict is of.
_WORD = re.compile(r"""['"](\w{1,20})['"]: ['"](\w{1,20})['"]""")


class PythonDict(Source):
    """Reads Python dicts on stdout."""

    name = "python-dict"

    def __init__(self, watched: Watched) -> None:
        self._fields = Fields()

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        start = text.find("{'")
        if start < 0:
            return None
        before, text = text[:start], text[start : start + _LONGEST_DICT].rstrip()
        if not text.endswith("}"):
            return None
        part = part_of_object(dict(_WORD.findall(text))) or part_before(before[:_LONGEST_PREFIX])
        return self._fields.point(
            within(part, [*_pairs(text), *counts_before(before[:_LONGEST_PREFIX], part)]), at, part
        )


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values, those of a dict within as `outer/inner`."""
    outer: list[str] = []
    for found in _PAIR.finditer(text):
        if found["begin"]:
            outer.append(found["name"])
        elif found["end"]:
            outer = outer[:-1]
        else:
            yield "/".join([*outer, found["name"]]), found["value"]

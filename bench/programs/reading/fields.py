"""From names and values to a point: numbers as programs print them; which name counts steps, is a total or a metric."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from bench.programs.progress import Point
from bench.programs.reading.steps import Steps

# 888 is never 8, 1.2e+32 never 1.2. [0-9], not \d: that takes the digits of all scripts.
NUMBER = (
    r"[-+]?(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]*)?|[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|(?i:nan|inf(?:inity)?)(?![A-Za-z0-9_]))"
)
_WHOLE = re.compile(NUMBER)
_LONGEST_NUMBER = 64
# Beyond it a double no longer holds every integer; no program counts so far.
_MOST = 2**53
# What a name counts, by its group; `of` is a total behind a stroke, as in 12/400.
_KIND = re.compile(
    r"(?P<step>_?(?:global_|train_|training_|optimizer_)?(?:step|iter|iteration|update)|num_updates)"
    r"|(?P<sample>samples|samples_seen|samples_count|consumed_samples)"
    r"|(?P<total>total|(?:max|total|num|n|train)_(?:train_|training_)?(?:steps?|iters|iterations))"
    r"|(?P<epochs>epochs|(?:max|total|num|n)_(?:train_)?epochs)"
    r"|(?P<epoch>epoch)|(?P<of>of)|(?P<phase>phase)"
)
TIMES = frozenset({"time", "timestamp", "_timestamp"})
_PHASE = re.compile(r"[A-Za-z][\w .-]{0,40}")
_SPACES = re.compile(r"[\s-]+")
_LONGEST_NAME = 100
_MOST_METRICS = 200


def as_number(value: object) -> float | None:
    """The number that a value is or spells; None for anything else, truth values too."""
    if isinstance(value, str):
        return _spelt(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer that no double holds
        return math.inf if value > 0 else -math.inf


def _spelt(text: str) -> float | None:
    if (
        len(text) >= _LONGEST_NUMBER or not text.isascii() or "_" in text
    ):  # float takes digits of all scripts, and 1_000
        return None
    try:
        return float(text)
    except ValueError:
        return float(text.replace(",", "")) if "," in text and _WHOLE.fullmatch(text.strip()) else None


def as_count(value: object) -> int | None:
    """A count from 0: 120, 120.0, "1,200"; None for anything else."""
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < _MOST and number == int(number) else None


@lru_cache(maxsize=1024)
def kind_of(name: str) -> str | None:
    """What a name counts: step, sample, epoch, total, epochs, of or phase; None for a metric.

    What says where it was logged, as in `trainer/global_step`, does not count.
    """
    plain = _SPACES.sub("_", name.rpartition("/")[2].strip().lower())
    found = _KIND.fullmatch(plain)
    return found.lastgroup if found else None


class Fields:
    """Makes points of one source's names and values, and remembers what they said of epochs."""

    def __init__(self) -> None:
        self._steps = Steps()
        self._fractions = False  # epochs are shown as fractions, and so count nothing

    def point(self, values: Iterable[tuple[str, object]], at: float) -> Point | None:
        """The point that the values are; None where nothing in them is progress."""
        counts: dict[str, int] = {}
        metrics: dict[str, float] = {}
        phase = None
        for name, value in values:
            kind = kind_of(name)
            if kind == "phase":
                phase = value if isinstance(value, str) and _PHASE.fullmatch(value) else phase
            elif kind and (count := as_count(value)) is not None:
                if kind != "epoch" or not self._fractions:
                    counts.setdefault(kind, count)
            elif kind == "epoch":
                self._fractions |= as_number(value) is not None
            if kind in (None, "epoch") and (number := as_number(value)) is not None and len(metrics) < _MOST_METRICS:
                metrics["_".join(name[:_LONGEST_NAME].split())] = number
        if not (counts or metrics or phase):
            return None
        step, total, unit = self._steps.absolute(counts)
        return Point(at, step, total, unit, metrics, phase)


def flat(values: Mapping[Any, object], depth: int = 2) -> Iterable[tuple[str, object]]:
    """Names and values, those of a mapping within as `outer/inner`; what lies deeper than `depth` is left out."""
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield str(name), value
        elif depth:
            yield from ((f"{name}/{inner}", more) for inner, more in flat(value, depth - 1))

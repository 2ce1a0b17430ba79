"""Lines with a Python dict, as Hugging Face's Trainer prints them: `{'loss': 1.25, 'epoch': 0.3}`, texts or numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.programs.progress import NUMBER, Fields, Point, Watched
from bench.programs.reading.counts import counts_before
from bench.programs.reading.scope import part_before, within

_LONGEST, _LONGEST_PREFIX = 8192, 200
# Also as numpy and torch show their numbers: np.float64(1.25), tensor(1.25), tensor(1.25, device='cuda:0').
_PAIR = re.compile(
    rf"""(?P<quote>['"])(?P<name>[^'"{{}}]{{1,100}})(?P=quote): """
    rf"""(?:(?P<string>['"])|(?:np\.|numpy\.|torch\.)?\w+\()?(?P<value>{NUMBER})(?(string)(?P=string))(?=[,)}}]|\.,)"""
)


class PythonDict:
    """Reads Python dicts on stdout."""

    name = "python-dict"

    def __init__(self, watched: Watched) -> None:
        self._fields = Fields()

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        start = text.find("{'")
        if start < 0:
            return None
        before, text = text[:start], text[start : start + _LONGEST].rstrip()
        if not text.endswith("}"):
            return None
        pairs = ((pair["name"], pair["value"]) for pair in _PAIR.finditer(text))
        part = part_before(before[:_LONGEST_PREFIX])
        return self._fields.point(within(part, [*pairs, *counts_before(before[:_LONGEST_PREFIX], part)]), at, part)

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        return ()

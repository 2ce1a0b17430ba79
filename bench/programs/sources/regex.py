"""The user's own regular expressions: `--metric NAME=REGEX`, whose group is the number.

NAME may be `step` or `total`, too. With several groups the one called `value` is the number, else the first.
"""

from __future__ import annotations

from bench.programs.job import compiled
from bench.programs.progress import Fields, Point, Source, Watched

# A user's expression may take long for a long line.
_LONGEST = 4096


class Regex(Source):
    """Reads by regular expressions."""

    name = "regex"

    def __init__(self, watched: Watched) -> None:
        """Raises BadPattern."""
        self._patterns = [(name, *compiled(name, text)) for name, text in watched.patterns.items()]
        self._fields = Fields()

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        if not self._patterns:
            return None
        text = text[:_LONGEST]
        found = ((name, pattern.search(text), group) for name, pattern, group in self._patterns)
        return self._fields.point(((name, match[group] or "") for name, match, group in found if match), at)

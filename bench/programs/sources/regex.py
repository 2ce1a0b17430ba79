"""The user's own regular expressions: `--metric NAME=REGEX`, whose group is the number.

NAME may be `step` or `total`, too. With several groups the one called `value` is the number, else the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bench.programs.progress import Fields, Point, Source, Watched

# A user's expression may take long for a long line.
_LONGEST = 4096


class BadPattern(ValueError):  # noqa: N818 -- a mistake of the user's, told in a line
    """An expression that finds no number: it has no name, no group, or is none."""


def patterns_of(words: Iterable[str]) -> dict[str, str]:
    """The expressions by name that `words` give, each NAME=REGEX. Raises BadPattern for one that is not."""
    patterns = {}
    for word in words:
        name, _, expression = word.partition("=")
        if not name.strip() or not expression:
            raise BadPattern(f"{word!r} is not NAME=REGEX, such as loss='loss is (\\S+)'")
        patterns[name.strip()] = expression
    return patterns


def compiled(name: str, expression: str) -> tuple[re.Pattern[str], str | int]:
    """The expression of the metric `name`, and which of its groups is the number. Raises BadPattern."""
    try:
        pattern = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPattern(f"--metric {name}: {expression!r} is not a regular expression ({error})") from None
    if not pattern.groups:
        raise BadPattern(
            f"--metric {name}: {expression!r} has no group; put parentheses around the number, "
            rf"as in {name}='{name} is (\S+)'"
        )
    return pattern, "value" if "value" in pattern.groupindex else 1


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

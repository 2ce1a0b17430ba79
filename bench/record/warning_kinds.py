"""What a run's warnings are about: their kinds, by which those of many runs can be counted."""

from __future__ import annotations

import re
from collections.abc import Iterable

# In the words of those who write them: bench.measure. What a program's reader says is of the last kind.
_KINDS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"GPU slowed down in .*: (?P<why>.+)"), "GPU slowed down by its {why}"),
    (re.compile(r"\d+ other processes on the GPU"), "other processes on the GPU"),
    (re.compile(r"load average "), "load of others on the machine"),
    (re.compile(r"the path \S+ fails here"), "a path that fails here"),
    (re.compile(r"the wall clock moved "), "a wall clock that moved"),
)
_OTHER = "other warnings"


def warning_kinds(warnings: Iterable[str]) -> list[str]:
    """The kinds of the warnings, each once, in their order."""
    return list(dict.fromkeys(map(_kind, warnings)))


def _kind(warning: str) -> str:
    for pattern, words in _KINDS:
        if found := pattern.match(warning):
            return words.format(**found.groupdict())
    return _OTHER

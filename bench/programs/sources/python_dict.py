"""Lines with a Python dict, as Hugging Face's Trainer prints them: `{'loss': 1.25, 'epoch': 0.3}`, texts or numbers.

Of a dict within the names are `outer/inner`, as of a JSON object.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bench.programs.progress import NUMBER, Fields, Point, Source, Watched
from bench.programs.reading.line import counts_before, part_before, part_of_object, within

_LONGEST, _LONGEST_PREFIX = 8192, 200
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
        before, text = text[:start], text[start : start + _LONGEST].rstrip()
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

"""Lines of `key: value` and `key=value`, the step before or behind: `iter 120: loss 1.25, lr 3e-4`.

A value that is no plain number is left alone: a time of day, a share such as 9800/10000, a version, 7B. A name of
several words gets underscores: `val loss: 3.28` is `val_loss`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from bench.programs.progress import NUMBER, Fields, Point, Watched, kind_of

# Lines of progress are short; the rest of a longer one is not worth its time.
_LONGEST = 2048
# Behind a number: a unit, but none that scales it and no torn exponent; then the end of the value.
_AFTER = r"(?:(?![kKMBGTeE](?![A-Za-z]))[a-zA-Zµ%]{1,6}(?:/[a-zA-Z]{1,8})?)?(?=[\s,;|()\]}]|\.?$)"
_VALUE = re.compile(rf"\s*[:=]\s*(?P<value>{NUMBER})(?:\s*/\s*(?P<of>[0-9]+))?{_AFTER}")
_COUNT = re.compile(
    r"(?:^|(?<=[\s(\[|,;:]))"
    r"(?P<name>(?:global[ _])?step|iter(?:ation)?|update|epoch|train(?=: [0-9]+ \[))(?:\(train\))?"
    r"\s*[:=#]?\s*\[?\s*(?P<count>[0-9]+(?:,[0-9]{3})*)(?![0-9])\]?"
    r"(?:\s*(?:/|of)\s*(?P<of>[0-9]+(?:,[0-9]{3})*))?(?!\w|\.[0-9]|\s*[/%])",
    re.IGNORECASE,
)
_GAUGE = re.compile(r":?\s*[0-9.]{1,6}%\s*\|[^|]*\|?")  # no value of what stands before it
_COUNTED = ("step", "iter", "epoch", "update", "train")
# In front of a step: it is none of training, or no step at all.
_OTHER = re.compile(r"(?:val|eval|test|warm|sanity)\w*[\s:]*$|\b(?:per|max|total|best|num|every|each|next)\s*$", re.I)
# Batches of an epoch: `Epoch: [0]  [  10/1251]`, `Train Epoch: 1 [640/60000 (1%)]`.
_BATCH = re.compile(r"\[\s*(?P<count>[0-9]+)\s*/\s*(?P<of>[0-9]+)\s*(?:\(\s*[0-9.]+%\)\s*)?\]")
_BAR = re.compile(r"[0-9] \[[0-9]+:[0-9]")  # its counts are the bar's own source's
_FIELD = re.compile(r"[|;\t]|,\s|:\s")
_IN_WORDS = re.compile(rf"(?P<name>[A-Za-z][\w/-]*(?:\s[A-Za-z][\w/-]*){{0,3}})\s+(?P<value>{NUMBER}){_AFTER}")
_BEFORE_A_NAME = re.compile(r"[|,;\t()\[\]{}>]|\s-\s|\s\s|[:=](?=\s)")
_LEVEL = re.compile(r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL):?", re.I)
_WORD = re.compile(r"[A-Za-z_][\w./@%-]*")
_MOST_WORDS = 5
_SOURCE_FILE = re.compile(r"\.(?:py|pyx|cc?|cpp|cu|hp?p?|rs|go)$")


class KeyValue:
    """Reads `key: value` and `key=value` on stdout."""

    name = "key-value"

    def __init__(self, watched: Watched) -> None:
        self._fields = Fields()

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        if text.find("{'") >= 0 or text.find('{"') >= 0:  # read better by others
            return None
        return self._fields.point(_pairs(text[:_LONGEST]), at)

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        return ()


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Names and values; counts by `step`, `of`, `epoch` and `epochs`."""
    bar = _BAR.search(text) if " [" in text else None
    text = _GAUGE.sub(" | ", text, count=1) if bar else text
    lower = text.lower()
    counts = dict(_counts(text)) if not bar and any(word in lower for word in _COUNTED) else {}
    yield from counts.items()
    if counts:
        text = _COUNT.sub("|", text)
        for field in _FIELD.split(text):
            yield from _in_words(field) if ":" not in field and "=" not in field else ()
    end = 0
    for found in _VALUE.finditer(text) if ":" in text or "=" in text else ():
        name = _name(text[end : found.start()], bare=text[found.start()] == "=")
        end = found.end()
        if name and (found["of"] is None or kind_of(name) is not None):
            yield name, found["value"]
            if found["of"]:
                yield ("epochs" if kind_of(name) == "epoch" else "of"), found["of"]


def _in_words(field: str) -> list[tuple[str, str]]:
    """The pairs of a field that is nothing but names and numbers: `train loss 1.9`; none of any other."""
    found = list(_IN_WORDS.finditer(field))
    ends = [0, *(each.end() for each in found)]
    between = [field[end : each.start()] for end, each in zip(ends, found)]
    if "".join((*between, field[ends[-1] :])).strip(" \t()-"):
        return []
    return [("_".join(each["name"].split()), each["value"]) for each in found]


def _counts(text: str) -> Iterator[tuple[str, str]]:
    for found in _COUNT.finditer(text):
        if not _OTHER.search(text[max(found.start() - 24, 0) : found.start()]):
            is_epoch = found["name"].lower() in ("epoch", "train")
            yield ("epoch" if is_epoch else "step"), found["count"]
            if found["of"]:
                yield ("epochs" if is_epoch else "of"), found["of"]
            batch = _BATCH.search(text, found.end()) if is_epoch else None
            if batch:
                yield "step", batch["count"]
                yield "of", batch["of"]


@lru_cache(maxsize=4096)  # what stands between the values is much the same in every line
def _name(before: str, *, bare: bool) -> str:
    """The name that ends where a value's sign stands, of one word before a `bare` equals sign; empty: there is none."""
    words: list[str] = []
    for word in reversed(_BEFORE_A_NAME.split(before)[-1].split()):
        if not _WORD.fullmatch(word) or _LEVEL.fullmatch(word):
            break
        words.insert(0, word)
        if bare:
            break
    return "_".join(words) if 0 < len(words) <= _MOST_WORDS and not _SOURCE_FILE.search(words[-1]) else ""

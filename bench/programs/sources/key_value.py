"""Lines of `key: value` and `key=value`, the step before or behind: `iter 120: loss 1.25, lr 3e-4`.

A value that is no plain number is left alone: a time of day, a version, 7B; of 9800/10000 (98%) the per cent are read.
A name of several words gets underscores: `val loss: 3.28` is `val_loss`. A number in brackets behind a value is its
mean so far, as PyTorch's examples show it; while a program tests, the last of these means alone is a value, since those
before it are of a part of the images.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from bench.programs.progress import NUMBER, Fields, Point, Watched, as_number, kind_of

# Lines of progress are short; the rest of a longer one is not worth its time.
_LONGEST = 2048
# Behind a number: a unit, but none that scales it and no torn exponent; then the end of the value.
_AFTER = r"(?P<unit>(?![kKMBGTeE](?![A-Za-z]))[a-zA-Zµ%]{1,6}(?:/[a-zA-Z]{1,8})?)?(?=[\s,;|()\]}]|\.?$)"
_VALUE = re.compile(
    rf"\s*[:=]\s*(?P<value>{NUMBER})(?:\s*/\s*(?P<of>[0-9]+))?{_AFTER}"
    rf"(?:\s*\(\s*(?:(?P<percent>[0-9.]{{1,9}})\s?%|(?P<mean>{NUMBER}))\s*\))?"
)
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
# Batches of an epoch: `Epoch: [0]  [  10/1251]`, `Train Epoch: 1 [640/60000 (1%)]`, `[epoch=1][batch=10/196]`.
_BATCHES = (
    re.compile(r"\[\s*(?P<count>[0-9]+)\s*/\s*(?P<of>[0-9]+)\s*(?:\(\s*[0-9.]+%\)\s*)?\]"),
    re.compile(r"\bbatch[\s:=#\[]{1,3}(?P<count>[0-9]+)\b(?:\s*/\s*(?P<of>[0-9]+)\b)?", re.IGNORECASE),
    re.compile(r"\b(?P<count>[0-9]+)\s*/\s*(?P<of>[0-9]+)\s+batches\b", re.IGNORECASE),
)
# Of a test, batches: `Test:  [ 10/98]`, the last of which may be 97; and a bar, which ends with 98/98.
_TEST = r"\W*(?:test|val|valid|validat|eval|evaluat)(?:ion|ing|e)?"
_TESTED = re.compile(_TEST + r"\W{0,4}\[\s*([0-9]+)\s*/\s*([0-9]+)\s*\]", re.I)
_TESTED_BAR = re.compile(_TEST + r"\b[^|\[]*\|[^|\[]*\|\s*([0-9]+)/([0-9]+) \[", re.I)
# XGBoost's rounds and CatBoost's, `[10]\ttrain-rmse:0.5`, `10:\tlearn: 0.5`; epoch and batch of PyTorch's tutorial,
# `[1,  2000] loss: 2.2`.
_NUMBERED = re.compile(
    r"\s*(?:(?:\[(?P<round>[0-9]+)\]|(?P<index>[0-9]+):)\t|\[(?P<epoch>[0-9]+),\s+(?P<step>[0-9]+)\]\s)"
)
# Python's own form of a log.
_LOGGED = re.compile(r"(?:DEBUG|INFO|WARNING|ERROR|CRITICAL):[\w.]+:")
_BAR = re.compile(r"[0-9] \[[0-9]+:[0-9]")  # its counts are the bar's own source's
_FIELD = re.compile(r"[|;\t]|,\s|:\s")
_IN_WORDS = re.compile(
    rf"(?P<name>[A-Za-z][\w/@-]*(?:\s[A-Za-z][\w/@-]*){{0,3}})\s+(?P<value>{NUMBER}){_AFTER}"
    rf"(?:\s*\((?:\s*(?P<mean>{NUMBER})\s*|[^()]{{0,20}})\))?"
)
# What a line of nothing but words and numbers must speak of: `* Acc@1 71.5 Acc@5 90.3`, `val loss 3.28`.
_RESULT = re.compile(
    r"acc|loss|prec|recall|err|top|auc|\bm?ap|iou|bleu|rouge|ppl|perplexity|f1|score|reward|mse|mae", re.IGNORECASE
)
_BEFORE_A_NAME = re.compile(r"[|,;\t()\[\]{}>]|\s-\s|\s\s|[:=](?=\s)")
_LEVEL = re.compile(r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL):?", re.I)
_WORD = re.compile(r"[A-Za-z_][\w./@%-]*(?:'s)?")  # LightGBM has `training's auc`
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


def _pairs(text: str) -> list[tuple[str, object]]:
    """Names and values; counts by `step`, `of`, `epoch` and `epochs`."""
    tested, bar = _TESTED.match(text), _BAR.search(text) if " [" in text else None
    test_bar = _TESTED_BAR.match(text) if bar else None
    if (tested and int(tested[1]) < int(tested[2]) - 1) or (test_bar and int(test_bar[1]) < int(test_bar[2])):
        return []
    numbered = _NUMBERED.match(text) or _LOGGED.match(text)
    text = text[numbered.end() :] if numbered else text
    text = _GAUGE.sub(" | ", text, count=1) if bar else text
    lower = text.lower()
    counts = dict(_counts(text)) if not bar and any(word in lower for word in _COUNTED) else {}
    pairs: list[tuple[str, object]] = list(counts.items())
    if counts:
        text = _COUNT.sub("|", text)
        for field in _FIELD.split(text):
            pairs += _in_words(field) if ":" not in field and "=" not in field else ()
    pairs += _values(text, tested=tested is not None) if ":" in text or "=" in text else ()
    if not pairs and not bar and _RESULT.search(text):
        pairs += [pair for field in _FIELD.split(text) if _RESULT.search(field) for pair in _in_words(field)]
    return [*_numbers(numbered.groupdict()), *pairs] if numbered and pairs else pairs


def _numbers(groups: Mapping[str, str | None]) -> Iterator[tuple[str, object]]:
    """The counts that stand before a line's values."""
    for name in ("round", "index", "step", "epoch"):
        if groups.get(name):
            yield ("epoch" if name == "epoch" else "step"), groups[name]


def _values(text: str, *, tested: bool) -> Iterator[tuple[str, object]]:
    """What signs tell apart: `name: value` and `name=value`. `tested`: means are the values."""
    end = 0
    for found in _VALUE.finditer(text):
        name = _name(text[end : found.start()], bare=text[found.start()] == "=")
        end = found.end()
        kind, of = kind_of(name), found["of"]
        if not name or (kind is not None and found["unit"]):  # `total: 58ms` counts nothing
            continue
        if of and kind is None:
            yield from _share(name, found)
            continue
        yield name, found["mean"] if tested and found["mean"] else found["value"]
        if of:
            yield ("epochs" if kind == "epoch" else "of"), of


def _share(name: str, found: re.Match[str]) -> Iterator[tuple[str, object]]:
    """9800/10000 (98%) in per cent; nothing where no per cent stand there, or others."""
    hits, of = as_number(found["value"]), as_number(found["of"])
    percent = as_number(found["percent"])
    if hits is not None and of and percent is not None and abs(100 * hits / of - percent) <= 1:
        yield name, 100 * hits / of


def _in_words(field: str) -> list[tuple[str, object]]:
    """The pairs of a field that is nothing but names and numbers: `train loss 1.9`; none of any other.

    A value with its mean so far is that of a batch, and none of an evaluation.
    """
    found = list(_IN_WORDS.finditer(field))
    ends = [0, *(each.end() for each in found)]
    between = [field[end : each.start()] for end, each in zip(ends, found)]
    if "".join((*between, field[ends[-1] :])).strip(" \t()-*%"):
        return []
    return [("_".join([*(["train"] if each["mean"] else []), *each["name"].split()]), each["value"]) for each in found]


def _counts(text: str) -> Iterator[tuple[str, str]]:
    for found in _COUNT.finditer(text):
        if not _OTHER.search(text[max(found.start() - 24, 0) : found.start()]):
            is_epoch = found["name"].lower() in ("epoch", "train")
            yield ("epoch" if is_epoch else "step"), found["count"]
            if found["of"]:
                yield ("epochs" if is_epoch else "of"), found["of"]
            batches = (pattern.search(text, found.end()) for pattern in _BATCHES if is_epoch)
            for batch in filter(None, batches):
                yield "step", batch["count"]
                if batch["of"]:
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
    fits = 0 < len(words) <= _MOST_WORDS and not _SOURCE_FILE.search(words[-1])
    return "_".join(words).replace("'s", "") if fits else ""

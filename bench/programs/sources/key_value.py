"""Lines of `key: value` and `key=value`, the step before or behind: `iter 120: loss 1.25, lr 3e-4`.

A value that is no plain number is left alone: a time of day, a version, 7B; of 9800/10000 (98%) the per cent are read.
A name of several words gets underscores: `val loss: 3.28` is `val_loss`. A number in brackets behind a value is its
mean so far, as PyTorch's examples show it; while a program tests, the last of these means alone is a value, since those
before it are of a part of the images.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial

from bench.programs.progress import NUMBER, Fields, Pairs, Point, Source, Watched, as_number, kind_of
from bench.programs.reading.keras import Bar, Bars, bar_of, begins_epoch
from bench.programs.reading.line import (
    counts_of,
    is_result,
    likely_counts,
    message,
    numbered,
    part_of,
    sections,
    within,
    without_counts,
)

# Lines of progress are short; the rest of a longer one is not worth its time.
_LONGEST, _FIRST_WORD = 2048, 40
# As numpy and torch print what holds one number: [1.25], tensor(1.25, device='cuda:0').
_OPEN = r"(?P<open>\[\s*)?(?:(?:np\.float[0-9]+|torch\.tensor|tensor)\()?"
# Behind a number: a unit, but none that scales it and no torn exponent; then its end, not the comma of 0,5.
_AFTER = r"(?P<unit>(?![kKMBGTeE](?![A-Za-z]))[a-zA-Zµ%]{1,6}(?:/[a-zA-Z]{1,8})?)?(?=[\s;|()\]}]|,(?![0-9])|\.?$)"
_VALUE = re.compile(
    rf"[:=]\s*{_OPEN}(?P<value>{NUMBER})"
    r"(?:\s*/\s*(?P<of>[0-9]+)(?:\s*=\s*(?P<share>[0-9]*\.?[0-9]+)(?P<hundred>%)?)?)?"
    rf"{_AFTER}(?(open)\s*\])"
    rf"(?:\s*\(\s*(?:(?P<percent>[0-9.]{{1,9}})\s?%|(?P<mean>{NUMBER}))\s*\))?"
    r"(?P<time>\s(?:m?secs?|seconds|m?s|min|minutes|hours)\b)?"
)
_MIXED = re.compile(r"\s?(?:d(?:ays?)?|h(?:ours?)?|m(?:in)?)[\s,]{1,3}[0-9]")  # 1 day, 2:03:04 is no 1
_GAUGE = re.compile(r"(?::|(?<!\s))\s*[0-9.]{1,6}%\s*\|(?:[^|,=]*\|)?")  # no value of what stands before it
# Of a test, batches: `Test:  [ 10/98]`, the last of which may be 97; and a bar, which ends with 98/98.
_TEST = r"\W*(?:test|val|valid|validat|eval|evaluat)(?:ion|ing|e)?"
_TESTED = re.compile(_TEST + r"\W{0,4}\[\s*([0-9]+)\s*/\s*([0-9]+)\s*\]", re.I)
_AT = re.compile(r"\|\s*([0-9]+)/([0-9]+) \[")
_TESTED_BAR = re.compile(_TEST + r"\b[^|\[]*\|[^|\[]*\|\s*([0-9]+)/([0-9]+) \[", re.I)
# What stands before what it was measured on, `Accuracy of the network on the 10000 test images: 55 %`, or the step at
# which it was: `Training loss (for one batch) at step 0: 4.0`.
_ON = re.compile(
    rf"(?P<name>\w+(?:\s\w+){{0,2}}) of the (?:network|model) on [^:]{{1,60}}:\s*(?P<value>{NUMBER})\s?%?",
    re.IGNORECASE,
)
_AT_STEP = re.compile(
    r"(?P<name>[A-Za-z][\w@ -]{0,40}?)\s*(?:\([^()]{0,40}\)\s*)?\b(?:at|for|after|on)\s+"
    rf"(?:step|iter(?:ation)?|epoch|batch)\s+[0-9]+\s*[:=]\s*(?P<value>{NUMBER})\s*$",
    re.IGNORECASE,
)
_BAR = re.compile(r"/[0-9.]+[kMGT]? \[[0-9]+:[0-9]")  # its counts are the bar's own source's
_FIELD = re.compile(r"[|;\t]|,\s|:\s|\s[-=]+>?\s")
_FILLING = " \t()*%-"
_IN_WORDS = re.compile(
    rf"[{_FILLING}]*(?P<name>[A-Za-z][\w/@-]*(?:\s[A-Za-z][\w/@-]*){{0,3}})(?:\s\([^()]{{1,20}}\))?\s+(?:tensor\()?"
    rf"(?P<value>{NUMBER}){_AFTER}(?:\s*\((?:\s*(?P<mean>{NUMBER})\s*|[^()]{{0,20}})\))?(?:\s\([^()]{{0,20}}\))?"
)
_BEFORE_A_NAME = re.compile(r"[|,;\t()\[\]{}>]|\s-\s|\s\s|[:=](?=\s)")
_LEVEL = re.compile(r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL):?", re.I)
_WORD = re.compile(r"[A-Za-z_][\w./@%-]*(?:'s)?")  # LightGBM has `training's auc`
_MOST_WORDS = 5
_SOURCE_FILE = re.compile(r"\.(?:py|pyx|cc?|cpp|cu|hp?p?|rs|go)$")


class KeyValue(Source):
    """Reads `key: value` and `key=value` on stdout."""

    name = "key-value"

    def __init__(self, watched: Watched) -> None:
        self._fields = Fields()
        self._bars = Bars()
        self._at: tuple[float, float] | None = None  # the last step of training, of how many
        self._named = False  # steps are counted by name
        self._anew = False  # the steps so far were none of training

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        if text.find("{'") >= 0 or text.find('{"') >= 0 or "@[" in text:  # read better by others
            return None
        bar = bar_of(text[:_LONGEST]) if "/" in text[:_FIRST_WORD] else None
        if bar is not None and (self._bars.begun or not bar.named):
            return self._barred(bar, at)
        part, pairs = _pairs(text[:_LONGEST])
        if not self._named:
            kinds = {kind_of(name) for name, _ in pairs}
            self._named = not kinds.isdisjoint(("step", "sample"))
            if not self._named and "epoch" not in kinds and part != "evaluation":
                pairs = _with_likely(text[:_LONGEST], pairs)
        begins = begins_epoch(text) or {"epoch", "epochs"} <= {name for name, _ in pairs}
        if begins and self._bars.begin_epoch():
            self._fields, self._anew = Fields(), True
        counted = _step_of(dict(pairs))
        if part == "evaluation" and counted and self._in_part(*counted):
            return None
        if part != "evaluation":
            self._at = counted or self._at
        return self._fields.point(within(part, pairs), at, part)

    def _barred(self, bar: Bar, at: float) -> Point | None:
        """What Keras shows behind a bar: in an evaluation nothing before its end."""
        results = _pairs(bar.text)[1]
        if self._bars.is_training(bar):
            before = self._bars.before
            counts: Pairs = [("step", before + bar.step), *([("of", bar.of)] if bar.of and not before else [])]
            point = self._fields.point([*counts, *results], at)
            anew, self._anew = self._anew, False
            return replace(point, anew=True) if point and anew else point
        if bar.step != bar.of:
            return None
        return self._fields.point(within("evaluation", results), at, "evaluation")

    def _in_part(self, step: float, of: float) -> bool:
        """Whether an evaluation is not at its end: what it has so far is of a part of the images.

        One that tells the step of training at which it is made is whole.
        """
        is_of_training = self._at is not None and of == self._at[1] and step >= self._at[0]
        return step < of - 1 and not is_of_training


def _pairs(text: str) -> tuple[str | None, Pairs]:
    """The scope of a line, and its names and values; counts as `step`, `of`, `epoch` and `epochs`."""
    text = message(text)
    part = part_of(text)
    tested, bar = _TESTED.match(text), _BAR.search(text) if " [" in text else None
    test_bar = _TESTED_BAR.match(text) or (_AT.search(text) if part == "evaluation" else None) if bar else None
    if (tested and int(tested[1]) < int(tested[2]) - 1) or (test_bar and int(test_bar[1]) < int(test_bar[2])):
        return None, []
    numbers, text = numbered(text)
    text = _GAUGE.sub(" | ", text, count=1) if "%|" in text else text
    pairs = _of_something(text)
    if not pairs:
        part, pairs = _read(text, part, bar=bar is not None, tested=tested is not None)
    return part, [*numbers, *pairs] if pairs else []


def _with_likely(text: str, pairs: Pairs) -> Pairs:
    """The `pairs` of a line, or what it says beside a step that it shows without a name, where that is a result."""
    counts, rest = likely_counts(message(text))
    more = _pairs(rest)[1] if counts else []
    return [*counts, *more] if any(is_result(name) for name, _ in more) else pairs


def _read(text: str, part: str | None, *, bar: bool, tested: bool) -> tuple[str | None, Pairs]:
    """The scope of what a line shows, None where it tells results of several apart, and that."""
    counts = counts_of(text, part) if not bar else []
    text = without_counts(text, counts, part) if counts else text
    read = partial(_results, in_words=bool(counts), if_need_be=not (bar or counts), tested=tested)
    pairs = read(text)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        shown = [(word, read(section)) for word, section in sections(text)]
        pairs = _told_apart([(word, within(part, each) if word in (None, "train") else each) for word, each in shown])
        part = part if len(shown) == 1 else None
    return part, [*counts, *pairs]


def _results(text: str, *, in_words: bool, if_need_be: bool, tested: bool) -> Pairs:
    """What a line shows that has no counts left; `in_words`, too, or only if it shows a result in no other way."""
    pairs: Pairs = []
    for field in _FIELD.split(text) if in_words else ():
        pairs += _in_words(field) if ":" not in field and "=" not in field else ()
    pairs += _values(text, tested=tested) if ":" in text or "=" in text else ()
    if if_need_be and not pairs and is_result(text):
        pairs = [pair for field in _FIELD.split(text) if is_result(field) for pair in _in_words(field)]
    return pairs


def _told_apart(shown: list[tuple[str | None, Pairs]]) -> Pairs:
    """Results of one name in several sections: `train_loss`, and `loss` of the evaluation; of two, `val_loss` too."""
    names = [(word == "train", name) for word, pairs in shown for name in {name for name, _ in pairs}]
    times, of_evaluations = Counter(name for _, name in names), Counter(names)

    def name_in(word: str | None, name: str) -> str:
        is_named = of_evaluations[False, name] > 1 or word == "train"
        return f"{word}_{name}" if word and is_named and times[name] > 1 and is_result(name) else name

    return [(name_in(word, name), value) for word, pairs in shown for name, value in pairs]


def _of_something(text: str) -> Pairs:
    """The result in a sentence, with the step at which it was measured, if given."""
    found = _ON.match(text.strip()) or _AT_STEP.match(text.strip())
    if not found or not is_result(found["name"]):
        return []
    return [*counts_of(text, None), ("_".join(found["name"].split()), found["value"])]


def _step_of(counts: Mapping[str, object]) -> tuple[float, float] | None:
    """Which step of how many a line says."""
    step, of = as_number(counts.get("step")), as_number(counts.get("of"))
    return None if step is None or of is None else (step, of)


def _values(text: str, *, tested: bool) -> Iterator[tuple[str, object]]:
    """What signs tell apart: `name: value` and `name=value`. `tested`: means are the values."""
    end = 0
    for found in _VALUE.finditer(text):
        before = text[end : found.start()]
        name = _name(before.rstrip(), bare=text[found.start()] == "=" and not before[-1:].isspace())
        end = found.end()
        kind, of = kind_of(name), found["of"]
        if not name or _MIXED.match(text, found.end("value")):
            continue
        if kind is not None and (found["unit"] or found["time"]):  # `total: 58ms` counts nothing
            continue
        if of and kind is None:
            yield from _share(name, found)
            continue
        yield name, found["mean"] if tested and found["mean"] else found["value"]
        if of:
            yield ("epochs" if kind == "epoch" else "of"), of


def _share(name: str, found: re.Match[str]) -> Iterator[tuple[str, object]]:
    """9800/10000 (98%) in per cent, 9800/10000=0.98 as a share; nothing where neither stands there, or another."""
    hits, of = as_number(found["value"]), as_number(found["of"])
    shares = (as_number(found["share"]), 100 if found["hundred"] else 1)
    for said, whole in ((as_number(found["percent"]), 100), shares):
        if hits is not None and of and said is not None and abs(whole * hits / of - said) <= whole / 100:
            yield name, whole * hits / of


def _in_words(field: str) -> Pairs:
    """The pairs of a field that is nothing but names and numbers: `train loss 1.9`; none of any other.

    A value with its mean so far is that of a batch, and none of an evaluation.
    """
    pairs: Pairs = []
    end = 0
    while found := _IN_WORDS.match(field, end):
        pairs.append(("_".join([*(["train"] if found["mean"] else []), *found["name"].split()]), found["value"]))
        end = found.end()
    return [] if field[end:].strip(_FILLING) else pairs


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

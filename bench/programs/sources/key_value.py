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
from itertools import islice

from bench.programs.progress import NUMBER, Fields, Pairs, Point, Watched, as_number, kind_of
from bench.programs.reading.keras import Bar, Bars, bar_of, begins_epoch
from bench.programs.reading.numbered import numbered
from bench.programs.reading.scope import is_result, message, part_of, within

# Lines of progress are short; the rest of a longer one is not worth its time.
_LONGEST, _FIRST_WORD = 2048, 40
# As numpy and torch print what holds one number: [1.25], tensor(1.25, device='cuda:0').
_OPEN = r"(?P<open>\[\s*)?(?:(?:np\.float[0-9]+|torch\.tensor|tensor)\()?"
# Behind a number: a unit, but none that scales it and no torn exponent; then its end, not the comma of 0,5.
_AFTER = r"(?P<unit>(?![kKMBGTeE](?![A-Za-z]))[a-zA-Zµ%]{1,6}(?:/[a-zA-Z]{1,8})?)?(?=[\s;|()\]}]|,(?![0-9])|\.?$)"
_VALUE = re.compile(
    rf"(?<!\s)\s*[:=]\s*{_OPEN}(?P<value>{NUMBER})(?:\s*/\s*(?P<of>[0-9]+))?{_AFTER}(?(open)\s*\])"
    rf"(?:\s*\(\s*(?:(?P<percent>[0-9.]{{1,9}})\s?%|(?P<mean>{NUMBER}))\s*\))?"
    r"(?P<time>\s(?:m?secs?|seconds|m?s|min|minutes|hours)\b)?"
)
_MIXED = re.compile(r"\s?(?:d(?:ays?)?|h(?:ours?)?|m(?:in)?)[\s,]{1,3}[0-9]")  # 1 day, 2:03:04 is no 1
_COUNT = re.compile(
    r"(?:^|(?<=[\s(\[|,;:]))"
    r"(?P<name>(?:global[ _])?step|batch(?==[0-9]+/[0-9]+\])"
    r"|steps(?=\s*(?:[:=]\s*)?[0-9,]+\s*/)|iter(?:ation)?|update|epoch|train(?=: [0-9]+ \[))"
    r"(?:\(train\))?\s*(?:[:=#]\s*)?(?:\[\s*)?(?P<count>[0-9]+(?:,[0-9]{3})*)(?![0-9])\]?"
    r"(?:\s*(?:/|of)\s*(?P<of>[0-9]+(?:,[0-9]{3})*))?(?!\w|\.[0-9]|\s*[/%])",
    re.IGNORECASE,
)
_GAUGE = re.compile(r"(?::|(?<!\s))\s*[0-9.]{1,6}%\s*\|[^|]*\|?")  # no value of what stands before it
_COUNTED = ("step", "iter", "epoch", "update", "train", "batch=")
# In front of a step: it is none of training, or that of a checkpoint from which it goes on, or no step at all.
_OTHER = re.compile(
    r"(?:val|eval|test|warm|sanity)\w*[\s:\]\[|,(/-]*$|\b(?:per|max|total|best|num|every|each|next|from)\s*$"
    r"|\b(?:start|begin|resum|continu)\w*[^.,:;|]{0,24}\bat\s*$",
    re.IGNORECASE,
)
# Batches of an epoch: `Epoch: [0]  [  10/1251]`, `Train Epoch: 1 [640/60000 (1%)]`, `[epoch=1][batch=10/196]`.
_BATCHES = (
    re.compile(r"\[\s*(?P<count>[0-9]+)\s*/\s*(?P<of>[0-9]+)\s*(?:\(\s*[0-9.]+%\)\s*)?\]"),
    re.compile(r"(?<=\])\((?P<count>[0-9]+)/(?P<of>[0-9]+)\)"),  # Epoch:[1/2](100/11040)
    re.compile(r"\bbatch[\s:=#\[]{1,3}(?P<count>[0-9]+)\b(?:\s*/\s*(?P<of>[0-9]+)\b)?", re.IGNORECASE),
    re.compile(r"\b(?P<count>[0-9]+)\s*/\s*(?P<of>[0-9]+)\s+batches\b", re.IGNORECASE),
)
# Of a test, batches: `Test:  [ 10/98]`, the last of which may be 97; and a bar, which ends with 98/98.
_TEST = r"\W*(?:test|val|valid|validat|eval|evaluat)(?:ion|ing|e)?"
_TESTED = re.compile(_TEST + r"\W{0,4}\[\s*([0-9]+)\s*/\s*([0-9]+)\s*\]", re.I)
_AT = re.compile(r"\|\s*([0-9]+)/([0-9]+) \[")
_TESTED_BAR = re.compile(_TEST + r"\b[^|\[]*\|[^|\[]*\|\s*([0-9]+)/([0-9]+) \[", re.I)
# What stands before what it was measured on, `Accuracy of the network on the 10000 test images: 55 %`, or the step at
# which it was: `Training loss (for one batch) at step 0: 4.0`.
_ON = re.compile(rf"(?P<name>\w+) of the (?:network|model) on [^:]{{1,60}}:\s*(?P<value>{NUMBER})\s?%?", re.IGNORECASE)
_AT_STEP = re.compile(
    r"(?P<name>[A-Za-z][\w@ -]{0,40}?)\s*(?:\([^()]{0,40}\)\s*)?\b(?:at|for|after|on)\s+"
    rf"(?:step|iter(?:ation)?|epoch|batch)\s+[0-9]+\s*[:=]\s*(?P<value>{NUMBER})\s*$",
    re.IGNORECASE,
)
_BAR = re.compile(r"[0-9][kMGT]? \[[0-9]+:[0-9]")  # its counts are the bar's own source's
_FIELD = re.compile(r"[|;\t]|,\s|:\s|\s-\s")
_FILLING = " \t()*%-"
_IN_WORDS = re.compile(
    rf"[{_FILLING}]*(?P<name>[A-Za-z][\w/@-]*(?:\s[A-Za-z][\w/@-]*){{0,3}})(?:\s\([^()]{{1,20}}\))?\s+(?:tensor\()?"
    rf"(?P<value>{NUMBER}){_AFTER}(?:\s*\((?:\s*(?P<mean>{NUMBER})\s*|[^()]{{0,20}})\))?"
)
_BEFORE_A_NAME = re.compile(r"[|,;\t()\[\]{}>]|\s-\s|\s\s|[:=](?=\s)")
_LEVEL = re.compile(r"(?:TRACE|DEBUG|INFO|NOTICE|WARN|WARNING|ERROR|CRITICAL):?", re.I)
_WORD = re.compile(r"[A-Za-z_][\w./@%-]*(?:'s)?")  # LightGBM has `training's auc`
_MOST_WORDS = 5
_BEFORE = 40  # what is looked at in front of a count
_MOST_COUNTS = 10  # of a line: more are prose, and batches are looked for behind each
_SOURCE_FILE = re.compile(r"\.(?:py|pyx|cc?|cpp|cu|hp?p?|rs|go)$")


class KeyValue:
    """Reads `key: value` and `key=value` on stdout."""

    name = "key-value"

    def __init__(self, watched: Watched) -> None:
        self._fields = Fields()
        self._bars = Bars()
        self._at: tuple[float, float] | None = None  # the last step of training, of how many

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        if text.find("{'") >= 0 or text.find('{"') >= 0 or "@[" in text:  # read better by others
            return None
        bar = bar_of(text[:_LONGEST]) if "/" in text[:_FIRST_WORD] else None
        if bar is not None and (self._bars.begun or not bar.named):
            return self._barred(bar, at)
        part, pairs = _pairs(text[:_LONGEST])
        if begins_epoch(text) or {"epoch", "epochs"} <= {name for name, _ in pairs}:
            self._bars.begin_epoch()
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
            counts: Pairs = [("step", bar.step), *([("of", bar.of)] if bar.of else [])]
            return self._fields.point([*counts, *results], at)
        if bar.step != bar.of:
            return None
        return self._fields.point(within("evaluation", results), at, "evaluation")

    def _in_part(self, step: float, of: float) -> bool:
        """Whether an evaluation is not at its end: what it has so far is of a part of the images.

        One that tells the step of training at which it is made is whole.
        """
        is_of_training = self._at is not None and of == self._at[1] and step >= self._at[0]
        return step < of - 1 and not is_of_training

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        return ()


def _pairs(text: str) -> tuple[str | None, Pairs]:
    """The scope of a line, and its names and values; counts as `step`, `of`, `epoch` and `epochs`."""
    text = message(text)
    part = part_of(text)
    tested, bar = _TESTED.match(text), _BAR.search(text) if " [" in text else None
    test_bar = _TESTED_BAR.match(text) or (_AT.search(text) if part == "evaluation" else None) if bar else None
    if (tested and int(tested[1]) < int(tested[2]) - 1) or (test_bar and int(test_bar[1]) < int(test_bar[2])):
        return None, []
    numbers, text = numbered(text)
    text = _GAUGE.sub(" | ", text, count=1) if bar else text
    pairs = _of_something(text) or _read(text, part, bar=bar is not None, tested=tested is not None)
    return part, [*numbers, *pairs] if pairs else []


def _read(text: str, part: str | None, *, bar: bool, tested: bool) -> Pairs:
    lower = text.lower()
    counts = dict(_counts(text, part)) if not bar and any(word in lower for word in _COUNTED) else {}
    pairs: Pairs = list(counts.items())
    if counts:
        text = _COUNT.sub("|", text)
        for pattern in _BATCHES if "step" in counts and ("epoch" in counts or part == "evaluation") else ():
            text = pattern.sub("|", text, count=1)
        for field in _FIELD.split(text):
            pairs += _in_words(field) if ":" not in field and "=" not in field else ()
    pairs += _values(text, tested=tested) if ":" in text or "=" in text else ()
    if not pairs and not bar and is_result(text):
        pairs += [pair for field in _FIELD.split(text) if is_result(field) for pair in _in_words(field)]
    return pairs


def _of_something(text: str) -> Pairs:
    """The result in a sentence, with the step at which it was measured, if given."""
    found = _ON.match(text.strip()) or _AT_STEP.match(text.strip())
    if not found or not is_result(found["name"]):
        return []
    return [*_counts(text, None), ("_".join(found["name"].split()), found["value"])]


def _step_of(counts: Mapping[str, object]) -> tuple[float, float] | None:
    """Which step of how many a line says."""
    step, of = as_number(counts.get("step")), as_number(counts.get("of"))
    return None if step is None or of is None else (step, of)


def _values(text: str, *, tested: bool) -> Iterator[tuple[str, object]]:
    """What signs tell apart: `name: value` and `name=value`. `tested`: means are the values."""
    end = 0
    for found in _VALUE.finditer(text):
        name = _name(text[end : found.start()], bare=text[found.start()] == "=")
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
    """9800/10000 (98%) in per cent; nothing where no per cent stand there, or others."""
    hits, of = as_number(found["value"]), as_number(found["of"])
    percent = as_number(found["percent"])
    if hits is not None and of and percent is not None and abs(100 * hits / of - percent) <= 1:
        yield name, 100 * hits / of


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


def _counts(text: str, part: str | None) -> Iterator[tuple[str, str]]:
    finer: re.Match[str] | None = None  # in `iter 10 step 2` some iterations make a step; others tell them alone
    for found in islice(_COUNT.finditer(text), _MOST_COUNTS):
        if finer and found["name"].lower() == "step" and _is_coarser(found, finer):
            continue
        finer = found if found["name"].lower().startswith("iter") else None
        is_epoch = found["name"].lower() in ("epoch", "train")
        other = _OTHER.search(text[max(found.start() - _BEFORE, 0) : found.start()])
        if not other:
            yield ("epoch" if is_epoch else "step"), found["count"]
            if found["of"]:
                yield ("epochs" if is_epoch else "of"), found["of"]
        if is_epoch and (not other or part == "evaluation"):  # `Eval Epoch: 1 [1024 / 50000]` is a part of one
            for batch in filter(None, (pattern.search(text, found.end()) for pattern in _BATCHES)):
                yield "step", batch["count"]
                if batch["of"]:
                    yield "of", batch["of"]


def _is_coarser(step: re.Match[str], finer: re.Match[str]) -> bool:
    """Whether a count of steps next to one of iterations is of several of them; `iteration 5 step 1000` is not."""
    between = step.string[finer.end() : step.start()]
    return not between.strip() and (as_number(step["count"]) or 0) <= (as_number(finer["count"]) or 0)


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

"""The scope of a line: training, or an evaluation, whose steps and batches are its own.

A logger's words stand before what a program says: `2026-11-26 10:00:00 main INFO: Test: [10/98]`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from bench.programs.progress import Pairs, kind_of

# `ERROR: 0.25` is a result.
_LEVEL = r"(?:TRACE|DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR(?!\s*[:=]\s*[0-9.])|CRITICAL)(?![A-Za-z_])"
_CLOCK = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_LOGGER = re.compile(
    # Of Google's logging: I1126 10:00:00.123456 139 train.py:33]
    r"(?:[0-9T:. Z+-]{8,35}\[(?:debug|info|warning|error|critical)\s*\]\s"  # structlog's
    r"|[IWEF][0-9]{4,8} [0-9:.]+\s+[0-9]+ [^\]]{1,80}\]\s"
    # To the level, behind a time or one name: `… main - INFO - `, `INFO:root:`, `… | INFO | main:run:12 - `; a value
    # before it, as in `10:00:00 loss: 0.5 WARNING: …`, is what the program says.
    rf"|(?:[^=]{{0,80}}?[0-9]{{2}}:[0-9]{{2}}(?:(?!:\s+[-+.0-9])[^=]){{0,80}}?|[\[(<]?(?:[\w.]{{1,60}}[\]\s:|-]{{1,4}})?)\b{_LEVEL}"
    r"(?::[\w.]+:|[\]\s)|:>-]*(?:\([\w.]+ [0-9]+\):\s*)?(?:[\w.<>]+(?::[\w.<>]+)+\s-\s)?)"
    # A time alone.
    rf"|\W{{0,2}}(?:[0-9]{{4}}[-/.][0-9]{{2}}[-/.][0-9]{{2}}[T ])?{_CLOCK}(?:\s\w+\])?[\]\s)|:>-]+"
    r"(?:\([\w.]+ [0-9]+\):\s*(?:[A-Z]+\s)?)?)"
)
_LOGGED_BY = re.compile(r"\s{2,}[\w./-]+\.py:[0-9]+\s*$")  # of rich, at the right
_TRAINING = r"(?P<training>train(?:ing|_inner)?)"  # fairseq has the latter
_EVALUATION = r"(?P<evaluation>val(?:id(?:at(?:ion|ing|e))?)?|eval(?:uat(?:ion|ing|e))?|test(?:ing)?|dev|sanity)"
# The first word of a line, alone or as in `mode=val`; none that is part of a name, as of `test/acc`.
_FIRST = re.compile(
    r"\W{0,6}(?:[0-9]+/[0-9]+ \* epoch \()?(?:(?:mode|phase|split|stage)=)?"
    rf"(?:{_TRAINING}|{_EVALUATION})(?![\w/.@-]|\s*=|\s*:\s*[0-9.]+\s*$)"
    r"(?P<gap>\W*)(?P<next>[A-Za-z]*)",
    re.IGNORECASE,
)
# What may stand before that word where it is set apart: `Epoch 1/3 [val]: `, `step 200 | eval | loss 1.9`. A step of
# how many is left alone, as it would be taken for one of the evaluation's own.
_COUNTS = re.compile(
    r"\W{0,3}(?:epoch\W{0,3}[0-9]{1,9}(?:\s*(?:/|of)\s*[0-9]{1,9})?\]?|(?:step|iter(?:ation)?)\W{0,3}[0-9]{1,12})"
    r"\s*(?:[:|,-]\s*)?(?=[\[(<]\s?[a-z]{1,12}\s?[\])>]|(?<=\|)\s*[a-z]{1,12}\s*\||(?<=\|\s)[a-z]{1,12}\s*\|"
    r"|(?<=-\s)[a-z]{1,12}\s+-\s)",
    re.IGNORECASE,
)
# `Training finished: accuracy 0.9` tells of the whole.
_OVER = frozenset({"complete", "completed", "done", "ended", "finished", "over", "took", "time"})
_PART = re.compile(rf"(?:{_TRAINING}|{_EVALUATION})(?:_(?:step|epoch|metrics|end))?", re.IGNORECASE)
# What names the part that a JSON object is of.
_PARTS = ("mode", "split", "phase", "stage", "subset", "type", "kind", "event")
# Names that say themselves what they are of.
_NAMED = re.compile(r"train|val|eval|test|dev", re.IGNORECASE)
_EVALUATED = re.compile(r"(?:val|valid|validation|eval|test|dev)[_/]", re.IGNORECASE)
# Such words in a line that tells of both: `Train: loss=0.5 | Val: loss=0.6`, `train loss 0.5 acc 0.8, val loss 0.6`.
_SECTION = re.compile(rf"(?<![\w/.@-])(?:{_TRAINING}|{_EVALUATION})(?![\w/@-])", re.IGNORECASE)
_SHORT = ("train", "val", "eval", "test", "dev")
# What is worth telling apart: not the learning rate.
_RESULT = re.compile(
    r"acc|loss|prec|recall|err|top|auc|\bm?ap|iou|bleu|rouge|ppl|perplexity|f1|score|reward|mse|mae", re.IGNORECASE
)
_OWN_COUNTS = frozenset({"step", "sample", "of", "total"})


def is_result(name: str) -> bool:
    """Whether a metric is one by which a model is judged, such as a loss or an accuracy."""
    return _RESULT.search(name) is not None


@lru_cache(maxsize=1)  # several sources ask for each line
def message(text: str) -> str:
    """A line without the words of a logger before it, or behind it."""
    logged = _LOGGER.match(text)
    text = text[logged.end() :] if logged else text
    return _LOGGED_BY.sub("", text) if ".py:" in text else text


def sections(text: str) -> list[tuple[str | None, str]]:
    """A line cut where it begins to tell of training, of a validation or of a test, each behind that word in short."""
    marks = list(_SECTION.finditer(text))
    starts = [0, *(mark.start() for mark in marks), len(text)]
    words = [None, *(next((s for s in _SHORT if mark[0].lower().startswith(s)), None) for mark in marks)]
    return [(word, text[start:end]) for word, start, end in zip(words, starts, starts[1:])]


def part_of(text: str) -> str | None:
    """What a line, or the value of one of an object's _PARTS, begins by saying: training, evaluation or None."""
    counts = _COUNTS.match(text)
    found = _FIRST.match(text, counts.end() if counts else 0)
    if found is None or (found["training"] and found["next"].lower() in _OVER):
        return None
    # `val loss: 1.5 (step 120)` was measured at a step of training; in `eval     loss=1.5`, `Eval: loss: 1.5` and
    # `[val] loss: 1.5` the word stands alone.
    is_name = is_result(found["next"]) and not counts and found["gap"] in ("", " ")
    return None if found["evaluation"] and is_name else _part(found)


def part_of_object(values: Mapping[str, object]) -> str | None:
    """The scope that an object states, as in `{"mode": "val"}`."""
    said = (_PART.fullmatch(value) for name in _PARTS if isinstance(value := values.get(name), str))
    return next((_part(found) for found in said if found), None)


def part_before(text: str) -> str | None:
    """The scope stated in front of an object in its line; none after a bar, which was there before."""
    return None if "%|" in text else part_of(message(text))


def _part(found: re.Match[str]) -> str:
    return "training" if found["training"] else "evaluation"


def within(part: str | None, pairs: Iterable[tuple[str, object]]) -> Pairs:
    """The `pairs` of a line of that part: an evaluation counts no steps of training, and training's results say so.

    Behind `val loss` a line of training goes on with the evaluation.
    """
    if part == "evaluation":
        return [pair for pair in pairs if kind_of(pair[0]) not in _OWN_COUNTS]
    if part != "training":
        return list(pairs)
    of_training: Pairs = []
    for name, value in pairs:
        if _EVALUATED.match(name):
            part = None
        own = part is not None and is_result(name) and not _NAMED.search(name)
        of_training.append((f"train_{name}" if own else name, value))
    return of_training

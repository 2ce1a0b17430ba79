"""What a line of output is of, training or an evaluation, whose steps and batches are its own; and what it counts.

A logger's words stand before what a program says: `2026-11-26 10:00:00 main INFO: Test: [10/98]`.

Steps, epochs and batches are counted as in `iter 120`, `Step [100/600]`, `Epoch: [0]  [  10/1251]`. Some programs name
what they count, or begin a line with `[10/1000]` or `batch 10`. Without a name it may be anything: it is a step in a
line that shows a result, as long as the program names no steps. Some begin a line in a form that tells what is counted
without a name (see `numbered`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice

from bench.programs.progress import Pairs, as_number, kind_of

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
_LEADING_COUNT = re.compile(
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
    counts = _LEADING_COUNT.match(text)
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


_COUNT = re.compile(
    r"(?:^|(?<=[\s(\[|,;:]))"
    r"(?P<name>(?:global[ _])?step|batch(?==[0-9]+/[0-9]+\])"
    r"|steps(?=\s*(?:[:=]\s*)?[0-9,]+\s*/)|iter(?:ation)?|update|epoch|train(?=: [0-9]+ \[))"
    r"(?:\(train\))?\s*(?:[:=#]\s*)?(?:\[\s*)?(?P<count>[0-9]+(?:,[0-9]{3})*)(?![0-9])\]?"
    r"(?:\s*(?:/|of)\s*(?P<of>[0-9]+(?:,[0-9]{3})*))?(?!\w|\.[0-9]|\s*[/%])",
    re.IGNORECASE,
)
_COUNTED = ("step", "iter", "epoch", "update", "train", "batch=")
# In front of a step: it is none of training, or that of a checkpoint from which it goes on, or no step at all.
_OTHER = re.compile(
    r"(?:val|eval|test|warm|sanity)\w*[\s:\]\[|,(/-]*$|\b(?:per|max|total|best|num|every|each|next|from|fps)\s*$"
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
# At the beginning of a line, or of samples at its end: `loss: 2.3  [   64/60000]`. `11/26 10:00:00` is a day.
_LIKELY = re.compile(
    r"\s*(?:(?P<open>\[\s*)?(?P<step>[0-9]{1,12})\s*/\s*(?P<of>[0-9]{1,12})(?(open)\s*\])"
    r"(?=[\s:|,-])(?!\s+\[?[0-9]+:[0-9])"
    r"|(?:batch|steps)(?:\s*[:=#]\s*|\s+)(?P<batch>[0-9]{1,12})(?=[\s:|,]))",
    re.IGNORECASE,
)
_AT_THE_END = re.compile(r"(?<=\s)\[\s*(?P<step>[0-9]{1,12})\s*/\s*(?P<of>[0-9]{1,12})\s*\]\s*$")
# At the beginning of a line, in a form that tells what is counted: XGBoost's rounds and CatBoost's,
# `[10]\ttrain-rmse:0.5`, `10:\tlearn: 0.5`; JAX's steps, `[100] loss=0.5`; epoch and batch of PyTorch's tutorial,
# `[1,  2000] loss: 2.2`, and of many programs, `Train: [0/300][10/1251]`; DINO's step, `Training  [  100/125000]`;
# ESPnet's, `1epoch:train:1-50batch:`; Catalyst's epochs, `1/10 * Epoch (train):`.
_NUMBERED = re.compile(
    r"\s*(?:(?:\[(?P<round>[0-9]+)\]|(?P<index>[0-9]+):)\t|\[(?P<step>[0-9]+)\]\s+(?=[\w./]+=)"
    r"|\[(?P<epoch>[0-9]+),\s+(?P<batch>[0-9]+)\]\s"
    r"|(?:train(?:ing)?:?\s*)?\[\s*(?P<part>[0-9]+)/(?P<parts>[0-9]+)\]\s*\[\s*(?P<at>[0-9]+)/(?P<of>[0-9]+)\]"
    r"|train(?:ing)?:?\s*\[\s*(?P<count>[0-9]+)/(?P<total>[0-9]+)\]"
    r"|(?P<whole>[0-9]+)epoch:train:[0-9]+-(?P<ends>[0-9]+)batch:"
    r"|(?P<nth>[0-9]+)/(?P<all>[0-9]+) \* epoch \(\w{1,20}\):)",
    re.IGNORECASE,
)
_KIND_OF_GROUP = {
    **dict.fromkeys(("round", "index", "step", "batch", "at", "count", "ends"), "step"),
    **dict.fromkeys(("epoch", "part", "whole", "nth"), "epoch"),
    **dict.fromkeys(("parts", "all"), "epochs"),
    **dict.fromkeys(("of", "total"), "of"),
}
_BEFORE = 40  # what is looked at in front of a count
_MOST_COUNTS = 10  # of a line: more are prose, and batches are looked for behind each


def counts_of(text: str, part: str | None) -> Pairs:
    """What a line of that part counts by name: `step`, `epoch`, `epochs` and `of`, each once."""
    lower = text.lower()
    return list(dict(_counts(text, part)).items()) if any(word in lower for word in _COUNTED) else []


def counts_before(text: str, part: str | None) -> Pairs:
    """What is counted in front of an object in its line, `step 120: {…}`; nothing of a bar."""
    return [] if "%|" in text else counts_of(message(text), part)


def without_counts(text: str, counts: Pairs, part: str | None) -> str:
    """The line without these counts of it."""
    names = {name for name, _ in counts}
    text = _COUNT.sub("|", text)
    for pattern in _BATCHES if "step" in names and ("epoch" in names or part == "evaluation") else ():
        text = pattern.sub("|", text, count=1)
    return text


def likely_counts(text: str) -> tuple[Pairs, str]:
    """What a line counts without a name, at its beginning or its end, and the rest of it."""
    found = _LIKELY.match(text) or _AT_THE_END.search(text, max(len(text) - _BEFORE, 0))
    if found is None:
        return [], text
    step, of = found["step"] or found["batch"], found["of"]
    if of and int(step) > int(of):
        return [], text
    return [("step", step), *([("of", of)] if of else [])], text[: found.start()] + text[found.end() :]


def numbered(text: str) -> tuple[Pairs, str]:
    """The counts that a line begins with, and the line behind them; of any other none, and the whole line."""
    found = _NUMBERED.match(text)
    if found is None:
        return [], text
    return [(kind, found[group]) for group, kind in _KIND_OF_GROUP.items() if found[group]], text[found.end() :]


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

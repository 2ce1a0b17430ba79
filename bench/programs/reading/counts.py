"""Steps, epochs and batches in a line: `iter 120`, `Step [100/600]`, `Epoch: [0]  [  10/1251]`.

Some programs name what they count, or begin a line with `[10/1000]` or `batch 10`. Without a name it may be anything:
it is a step in a line that shows a result, as long as the program names no steps. Some begin a line in a form that
tells what is counted without a name (see `numbered`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from bench.programs.progress import Pairs, as_number
from bench.programs.reading.scope import message

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

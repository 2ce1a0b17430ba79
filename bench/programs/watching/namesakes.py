"""A target's metric that a program shows only under another name: `train_loss` instead of `loss`.

Else that would be said when the program is over, and a run that somebody pays for has failed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache

# So many results are a few: enough for a line of an evaluation to stand between lines of training.
FEW = 5
_MOST_NAMES = 1000
_BETWEEN = re.compile(r"[\W_]+")
_TRAINING = frozenset({"train", "training"})
_EVALUATION = frozenset({"val", "valid", "validation", "validate", "eval", "evaluation", "test", "dev"})
_SHORT = {"acc": "accuracy", "ppl": "perplexity", "prec": "precision", "err": "error"}


@lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, frozenset[str]]:
    """What a metric is, and what of: `loss` and `evaluation` of `eval/loss`."""
    words = [word for word in _BETWEEN.split(name.lower()) if word]
    of = {part for part, known in (("training", _TRAINING), ("evaluation", _EVALUATION)) if not known.isdisjoint(words)}
    plain = [_SHORT.get(word, word) for word in words if word not in _TRAINING and word not in _EVALUATION]
    return "_".join(plain), frozenset(of)


def are_namesakes(metric: str, other: str) -> bool:
    """Whether two names are of the same but for what of, as `val_loss` and `loss` are."""
    return _parts(metric)[0] == _parts(other)[0] != ""


class Namesakes:
    """Counts the results whose name is the target's `metric` but for what they are of, until that is shown."""

    def __init__(self, metric: str) -> None:
        self._metric = metric
        self._seen: Counter[str] = Counter()
        self._over = False

    def add(self, names: Iterable[str]) -> None:
        """These were shown at once."""
        if self._over:
            return
        if self._metric in names:
            self._over = True
            return
        for name in names:
            if are_namesakes(self._metric, name) and (name in self._seen or len(self._seen) < _MOST_NAMES):
                self._seen[name] += 1

    def notice(self) -> str | None:
        """What to say as soon as a few results were shown, none of them the target's: once, and None before."""
        if self._over or max(self._seen.values(), default=0) < FEW:
            return None
        names = self._likely()
        if not names:
            return None
        self._over = True
        return (
            f"{self._metric}, the target, has not been shown so far, but {', '.join(names)}; "
            "if that is what you mean, name it in --target"
        )

    def _likely(self) -> list[str]:
        """The names shown that may be meant by the target.

        An evaluation may be yet to come where training alone was shown. Beside results of training a plain name is
        that of an evaluation.
        """
        of = _parts(self._metric)[1]
        seen = {name: _parts(name)[1] for name in self._seen}
        likely = [name for name, part in seen.items() if not of or part == of]
        if "evaluation" not in of or any("training" in part for part in seen.values()):
            likely += [name for name, part in seen.items() if of and not part]
        return sorted(likely)

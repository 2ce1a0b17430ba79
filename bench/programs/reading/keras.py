"""Keras' bars: `45/391 ━━━━ 0:12 35ms/step - accuracy: 0.42 - loss: 1.6`, below `Epoch 1/10`; and Paddle's.

So they look while training and while evaluating. A bar is of training from the line of its epoch on until it is full:
what is drawn then, or is of another length, is an evaluation or a prediction. A program that trains for one epoch at
a time shows no such line: its bars of training are those as long as the first one that shows results.
"""

from __future__ import annotations

import re
from typing import NamedTuple

# Of Paddle, of Keras 3, of Keras 2 and tf.keras, of verbose=2; and while the length of the first epoch is not known.
_BAR = re.compile(
    r"\s*(?P<named>step\s+)?(?P<step>[0-9]{1,15})/(?P<of>[0-9]{1,15}|Unknown)"
    r"(?(named)(?:\s\[[=>.]+\])?(?=\s-\s.{0,1000}[0-9][num]?s/step\s*$)|\s+"
    r"(?:(?:[\u2501\u2578\u257a]+\s+)*(?:[0-9:]+|[0-9.]+[mu\u00b5]?s)\s+[0-9.]+(?:[num\u00b5]?s|min|h)/(?:step|epoch)"
    r"|\[[=>.]+\](?:\s-\s(?:ETA:\s[0-9:hms]+|[0-9.]+[mu\u00b5]?s(?:\s[0-9.]+[num\u00b5]?s/(?:step|epoch|sample))?))?"
    r"|-\s[0-9.]+[mu\u00b5]?s(?:\s(?:-\s)?[0-9.]+[num\u00b5]?s/(?:step|epoch|sample))?)"
    r"(?=\s-\s|\s*$))"
)
# As programs of one's own that draw such bars begin an epoch; `Epoch 3: early stopping` tells of one that is over.
_EPOCH = re.compile(r"\W*(?:start of )?epoch\W{0,3}[0-9]{1,9}\W{0,6}", re.IGNORECASE)


class Bar(NamedTuple):
    """The position of a bar, `of` how many if known; `text` is the rest of the line.

    `named`: it begins with `step`, as lines of many programs do that draw no bars.
    """

    step: int
    of: int | None
    text: str
    named: bool


def bar_of(text: str) -> Bar | None:
    """The bar that a line begins with; None where it begins with none."""
    found = _BAR.match(text)
    if found is None:
        return None
    of = None if found["of"] == "Unknown" else int(found["of"])
    return Bar(int(found["step"]), of, text[found.end() :], found["named"] is not None)


def begins_epoch(text: str) -> bool:
    """Whether a line says nothing but which epoch begins."""
    return "poch" in text and _EPOCH.fullmatch(text) is not None


class Bars:
    """Tells the bars of training from others."""

    def __init__(self) -> None:
        self.begun = False  # the line of an epoch was shown
        self.before = 0  # steps of earlier bars of training, where no line of an epoch was shown
        self._alone: Bar | None = None  # the last bar of training without such a line
        self._training = False  # an epoch has begun, and its bar is not full
        self._of: int | None = None  # of the bar of this epoch

    def begin_epoch(self) -> bool:
        """The line of an epoch was shown; whether bars before it were wrongly taken for training."""
        wrong = self._alone is not None
        self.begun, self._training, self._of, self._alone, self.before = True, True, None, None, 0
        return wrong

    def is_training(self, bar: Bar) -> bool:
        """Whether the bar is of training at the moment."""
        if not self.begun:
            return self._is_training_alone(bar)
        again = self._of is not None and bar.step == bar.of == self._of  # with the results of its validation
        if not again and (not self._training or (self._of is not None and bar.of != self._of)):
            # One of the same length is an evaluation, if it is drawn from its beginning; others come between.
            self._of = self._of if self._training or bar.of != self._of else None
            return False
        self._of = bar.of
        self._training = bar.step != bar.of
        return True

    def _is_training_alone(self, bar: Bar) -> bool:
        last = self._alone
        if last is None and not bar.text.strip():  # a prediction
            return False
        if last is not None:
            if bar.of != last.of:
                return False
            self.before += last.step if bar.step < last.step else 0
        self._alone = bar
        return True

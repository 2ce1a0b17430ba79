"""Absolute steps: many programs count their steps anew in each epoch."""

from __future__ import annotations

from collections.abc import Mapping


class Steps:
    """Turns the counts of one line after another into absolute steps and their total.

    Steps that do not rise though the epoch does are counted anew in each epoch; those of the epochs before are added.
    Steps that fall within an epoch are a program that went back, and stay as they are.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._epochs: int | None = None
        self._risen = 0  # epochs begun since the last step
        self._last: int | None = None  # as shown
        self._length = 0  # of an epoch, in steps: as said, or as far as seen
        self._base = 0  # steps of the epochs before
        self._anew: bool | None = None  # whether each epoch counts anew; None: not seen yet

    def absolute(self, counts: Mapping[str, int]) -> tuple[int | None, int | None, str]:
        """Step, total, and what is counted: the best of step, sample and epoch that was shown so far.

        `counts`: by `step`, `sample`, `epoch`, `epochs`, `total` (named as one) and `of` (behind a stroke: 12/400).
        """
        self._epochs = counts.get("epochs", self._epochs)
        if "epoch" in counts:
            self._enter(counts["epoch"])
        for unit in ("step", "sample"):
            if unit in counts:
                return self._step(counts[unit], counts), self._total(counts), unit
        if self._last is None and "total" not in counts and ("epoch" in counts or "epochs" in counts):
            return counts.get("epoch"), self._epochs, "epoch"
        return None, counts.get("total"), "step"

    def _enter(self, epoch: int) -> None:
        if self._epoch is None:
            self._risen = 0 if self._last is None else 1
        elif epoch > self._epoch:
            self._risen += epoch - self._epoch
        self._epoch = epoch

    def _step(self, step: int, counts: Mapping[str, int]) -> int:
        if self._last is not None and self._risen:
            self._anew = bool(self._anew) or step <= self._last
            if self._anew:
                self._base += self._length * self._risen
                self._length = 0
        self._risen, self._last = 0, step
        self._length = max(self._length, counts.get("of", 0), step)
        return self._base + step

    def _total(self, counts: Mapping[str, int]) -> int | None:
        """What was said, unless it may be that of an epoch out of several."""
        if self._anew:
            return self._length * self._epochs if self._epochs and "of" in counts else counts.get("total")
        alone = self._epoch is None or self._anew is False or self._epochs == 1
        return counts.get("total", counts.get("of") if alone else None)

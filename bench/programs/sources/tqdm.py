"""Progress bars of tqdm: ` 12%|█▏   | 12/400 [00:03<01:30, 4.2it/s]`.

A program may draw several: one that loads, one that validates, one for each epoch. The bar of training is told by its
name, by what it counts and by how long it lasts; bars of epochs follow each other, and their steps are added up. The
epoch stands in a bar's title, or in a line before it: `Epoch 1/10`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.programs.progress import Point, Steps, Watched

_LONGEST = 2048
_BAR = re.compile(
    r"(?:^|[\s|])(?P<count>[0-9]{1,15})(?:/(?P<of>[0-9]{1,15})|[a-z]{1,12})? "
    r"\[(?P<elapsed>[0-9]+(?::[0-9]{2}){1,2})(?:<[^,\]]*)?,\s*[0-9.?]+\s?(?:s/)?(?P<unit>[A-Za-z]{1,12})"
)
_GAUGE = re.compile(r":?\s*(?:[0-9.]+%\s*\|[^|]*\|?\s*)?$")
_DIGITS = re.compile(r"[0-9]+")
_EPOCH = re.compile(r"\bepoch\W{0,3}(?P<epoch>[0-9]{1,9})(?:\s*/\s*(?P<epochs>[0-9]{1,9}))?", re.IGNORECASE)
_EPOCH_FIRST = re.compile(r"(?P<epoch>[0-9]{1,9})/(?P<epochs>[0-9]{1,9})\s")  # as Ultralytics begins a title
_TRAINING = re.compile(r"\b(?:epoch\W{0,3}[0-9]|train|fit)", re.IGNORECASE)
_NOT_TRAINING = re.compile(
    r"\b(?:val|eval|test|pred|sanity|infer|generat|sampl|download|load|fetch|read|map|filter|token|conver|sav|cach|cop)",
    re.IGNORECASE,
)
# What bars of training count, as their rate says it; bars of bytes, files and the like are others.
_UNITS = {
    **dict.fromkeys(("it", "iter", "iters", "step", "steps", "batch", "batches", "ba", "update", "updates"), "step"),
    **dict.fromkeys(("img", "imgs", "image", "images", "sample", "samples"), "sample"),
    **dict.fromkeys(("epoch", "epochs"), "epoch"),
}


@dataclass
class _Bar:
    """A bar of training, and those of the epochs before that look like it. `elapsed`: seconds, as the bar says."""

    name: str
    of: int | None
    rank: int
    count: int = -1
    epoch: str | None = None  # in its title
    elapsed: int = 0
    base: int = 0
    steps: Steps = field(default_factory=Steps)

    @property
    def complete(self) -> bool:
        """Whether it has come to its end, as far as it says where that is."""
        return self.of is None or self.count >= self.of


class Tqdm:
    """Reads tqdm's bars."""

    name = "tqdm"

    def __init__(self, watched: Watched) -> None:
        self._bar: _Bar | None = None
        self._epoch: re.Match[str] | None = None  # of how many, in a line of its own

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        text = text[:_LONGEST]
        found = _BAR.search(text) if " [" in text else None
        if found is None:
            epoch = _EPOCH.search(text) if "poch" in text else None
            self._epoch = epoch if epoch and epoch["epochs"] else self._epoch
            return None
        unit = _UNITS.get(found["unit"].lower())
        if unit is None:
            return None
        title = _GAUGE.sub("", text[: found.start("count")]).strip()
        if _NOT_TRAINING.search(title):
            return None
        count, of = int(found["count"]), int(found["of"]) if found["of"] else None
        bar = self._choose(title, of, _seconds(found["elapsed"]), outer=unit == "epoch")
        epoch = _EPOCH.search(title) or _EPOCH_FIRST.match(title) or self._epoch
        shown = count, epoch and epoch["epoch"]
        if bar is None or (bar.count, bar.epoch) == shown:
            return None
        restarted = count < bar.count and bar.complete
        bar.count, bar.epoch = shown
        if unit == "epoch":
            return Point(at, count, of, unit)
        if epoch:
            counts = {"epoch": epoch["epoch"], "epochs": epoch["epochs"], unit: count, "of": of}
            step, total, _ = bar.steps.absolute(
                {name: int(value) for name, value in counts.items() if value is not None}
            )
            return Point(at, step, total, unit)
        bar.base += (of or 0) if restarted else 0
        return Point(at, bar.base + count, None if bar.base else of, unit)

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        return ()

    def _choose(self, title: str, of: int | None, elapsed: int, *, outer: bool) -> _Bar | None:
        """The bar that a line shows, where it is the one of training; None for another."""
        name, current = _DIGITS.sub("#", title), self._bar
        if current is not None and (current.name, current.of) == (name, of):
            current.elapsed = max(elapsed, current.elapsed)
            return current
        rank = 0 if outer else 2 if _TRAINING.search(title) else 1
        if current is not None:
            longer = (elapsed, of or 0) > (current.elapsed, current.of or 0)
            if rank < current.rank or (rank == current.rank and not (current.complete and longer)):
                return None
        self._bar = _Bar(name, of, rank, elapsed=elapsed)
        return self._bar


def _seconds(elapsed: str) -> int:
    """Seconds of 1:02:03 or 02:03."""
    seconds = 0
    for part in elapsed.split(":"):
        seconds = seconds * 60 + int(part)
    return seconds

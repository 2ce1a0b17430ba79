"""Progress bars of tqdm: ` 12%|█▏   | 12/400 [00:03<01:30, 4.2it/s]`; and those of Ultralytics.

A program may draw several: one that loads, one that validates, one for each epoch, one within another. The bar of
training is told by its name, by what it counts and by how long it lasts; bars of epochs follow each other, and their
steps are added up. The epoch stands in a bar's title, or in a line before it: `Epoch 1/10`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from bench.programs.progress import Point, Source, Steps, Watched

_LONGEST = 2048
_COUNT = r"[0-9]{1,15}|[0-9]{1,4}(?:\.[0-9]{1,3})?[kMGT]"  # as `unit_scale` shortens it
_BAR = re.compile(
    rf"(?:^|[\s|])(?P<count>{_COUNT})(?:/(?P<of>{_COUNT})|[a-z]{{1,12}})? "
    r"\[(?P<elapsed>[0-9]+(?::[0-9]{2}){1,2})(?:<[^,\]]*)?,\s*(?P<rate>[0-9.?]+)\s?(?:s/)?(?P<unit>[A-Za-z]{1,12})"
)
# As Ultralytics draws it: `640: 25% ━━━───────── 2/8 4.1it/s 0.5s<1.5s`.
_PLAIN_BAR = re.compile(
    rf"(?<=[\u2500\u2501\u2578] )(?P<count>{_COUNT})(?:/(?P<of>{_COUNT}))?"
    r" (?:(?P<rate>[0-9.]+)(?P<unit>[A-Za-z]{1,12})/s)? (?P<elapsed>[0-9]+(?::[0-9]{2}){1,2}|[0-9]+\.[0-9]s)"
)
_SCALE = {"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_GAUGE = re.compile(r":?\s*(?:[0-9.]+%\s*(?:\|[^|]*\|?\s*|[\u2500\u2501\u2578]+\s))?$")
_DIGITS = re.compile(r"[0-9]+")
_EPOCH = re.compile(r"\bepoch\W{0,3}(?P<epoch>[0-9]{1,9})(?:\s*/\s*(?P<epochs>[0-9]{1,9}))?", re.IGNORECASE)
_EPOCH_FIRST = re.compile(r"(?P<epoch>[0-9]{1,9})/(?P<epochs>[0-9]{1,9})\s")  # as Ultralytics begins a title
_EPOCHS = re.compile(r"epochs?", re.IGNORECASE)  # the title of a bar that counts them
_TRAINING = re.compile(r"\b(?:epoch\W{0,3}[0-9]|train|fit)", re.IGNORECASE)
_NOT_TRAINING = re.compile(
    r"\b(?:val|eval|test|pred|sanity|infer|generat|sampl|download|load|fetch|read|map|filter|token|conver|sav|cach|cop"
    r"|captur|compil|warm|process|prepar|extract|pack|encod|render)",
    re.IGNORECASE,
)
# What bars of training count, as their rate says it; bars of bytes, files and the like are others.
_UNITS = {
    **dict.fromkeys(("it", "iter", "iters", "step", "steps", "batch", "batches", "ba", "update", "updates"), "step"),
    **dict.fromkeys(("img", "imgs", "image", "images", "sample", "samples"), "sample"),
    **dict.fromkeys(("epoch", "epochs"), "epoch"),
}
_MOST_BARS = 50
# A bar that has come so far while another stands at 0 is drawn within that.
_WITHIN = 2


@dataclass
class _Bar:
    """A bar, and those of the epochs before that look like it. `elapsed`: seconds, as the bar says.

    `form`: its title, with numbers left open. `rounds`: how often it restarted after its end. `outer`: the bar of
    epochs around it.
    """

    form: str
    of: int | None
    rank: int
    unit: str
    first: tuple[float, int, bool]  # when it was seen first, its count, and whether it stood there
    count: int = -1
    epoch: str | None = None  # in its title
    elapsed: int = 0
    longest: int = 0
    rounds: int = 0
    outer: _Bar | None = None
    passed: int | None = None  # where it stood, not full, as the bar of epochs around it went on
    steps: Steps = field(default_factory=Steps)

    @property
    def complete(self) -> bool:
        """Whether it has come to its end, as far as it says where that is."""
        return self.of is None or self.count >= self.of

    def draw(self, count: int, of: int | None, elapsed: int) -> bool:
        """Set it to `count` of `of`; False for a late line of another rank, which is not as far."""
        if self.of is not None and self.of <= self.count > count:
            if of == self.of and elapsed >= self.elapsed and 2 * count > self.of:
                return False
            self.rounds += 1
        self.count, self.of, self.elapsed, self.longest = count, of, elapsed, max(self.longest, elapsed)
        return True

    def point(self, at: float, count: int, standing: bool, epoch: re.Match[str] | None) -> Point:
        """Where it is as a point, in the epoch that is said, if any. `standing`: it has counted nothing so far."""
        if self.unit == "epoch":
            return Point(at, count, self.of, self.unit, standing=standing)
        if epoch:
            counts = {"epoch": epoch["epoch"], "epochs": epoch["epochs"], self.unit: count, "of": self.of}
            step, total, _ = self.steps.absolute(
                {name: int(value) for name, value in counts.items() if value is not None}
            )
            return Point(at, step, total, self.unit, standing=standing and step == count)
        total = None if self.rounds else self.of
        if self.passed is not None and count > self.passed:
            self.outer, self.passed = None, None  # it goes on over epochs
        if self.outer and self.outer.of and self.of:
            total = self.of * self.outer.of
        return Point(at, self.rounds * (self.of or 0) + count, total, self.unit, standing=standing and not self.rounds)


class Tqdm(Source):
    """Reads tqdm's bars."""

    name = "tqdm"

    def __init__(self, watched: Watched) -> None:
        self._bars: dict[tuple[str, int | None], _Bar] = {}  # by title and length
        self._bar: _Bar | None = None  # the one of training
        self._epoch: re.Match[str] | None = None  # of how many, in a line of its own

    def line(self, text: str, at: float) -> Point | None:
        """See Source."""
        text = text[:_LONGEST]
        found = _BAR.search(text) if " [" in text else _PLAIN_BAR.search(text) if "% " in text else None
        if found is None:
            epoch = _EPOCH.search(text) if "poch" in text else None
            self._epoch = epoch if epoch and epoch["epochs"] else self._epoch
            return None
        title = _GAUGE.sub("", text[: found.start("count")]).strip()
        counted = found["unit"] or "it"
        unit = _UNITS.get(counted.lower()) or _UNITS.get(counted.lstrip("kKMGT").lower())
        if unit is None or _NOT_TRAINING.search(title):
            return None
        epoch = _EPOCH.search(title) or _EPOCH_FIRST.match(title) or self._epoch
        count, of = _count(found["count"]), _count(found["of"]) if found["of"] else None
        shown = count, epoch and epoch["epoch"]
        # A bar has no rate where it began, at 0 or at its `initial`.
        now = at, count, found["rate"] in ("?", None)
        bar = self._drawn(title, of, "epoch" if _EPOCHS.fullmatch(title) else unit, now, shown[1])
        if bar is None or (bar.count, bar.epoch) == shown or not bar.draw(count, of, _seconds(found["elapsed"])):
            return None
        bar.epoch = shown[1]
        if self._bar and bar is self._bar.outer and count and not self._bar.complete:
            self._bar.passed = self._bar.count
        if bar is not self._bar:
            if not self._takes_over(bar):
                return None
            self._bar = bar
            if bar.first[1] < count and not bar.rounds:  # where it began: else it would seem to go on from here
                return bar.point(*bar.first, epoch)
        return bar.point(*now, epoch)

    def _drawn(
        self, title: str, of: int | None, unit: str, first: tuple[float, int, bool], epoch: str | None
    ) -> _Bar | None:
        """The bar that a line shows; None where there are too many. That of the next epoch may have another length."""
        form = _DIGITS.sub("#", title)
        current = self._bar
        if (form, of) not in self._bars and len(self._bars) < _MOST_BARS:
            if current and current.form == form and current.complete and epoch and current.epoch not in (None, epoch):
                self._bars[form, of] = current
            else:
                rank = 0 if unit == "epoch" else 2 if _TRAINING.search(title) else 1
                self._bars[form, of] = _Bar(form, of, rank, unit, first)
        return self._bars.get((form, of))

    def _takes_over(self, bar: _Bar) -> bool:
        """Whether `bar` is the one of training rather than the one that was taken for it."""
        current = self._bar
        if current is None:
            return True
        if bar.rank != current.rank:
            if bar.rank > current.rank == 0:
                bar.outer = current
            return bar.rank > current.rank
        if bar is current.outer:  # it was no bar of epochs: it counts on while the one within stands still
            return bar.count > current.rounds + 1
        if _is_within(bar, current):
            bar.outer = current
            return True
        return current.complete and (bar.elapsed, bar.of or 0) > (current.longest, current.of or 0)


def _is_within(bar: _Bar, outer: _Bar) -> bool:
    """Whether `bar` restarts for each step of `outer`, as one within an epoch does.

    A shorter one may be an evaluation before training. It is known by its second time, after the first step of `outer`.
    """
    if outer.count == 0:
        return bar.count >= _WITHIN and (bar.of is None or outer.of is None or bar.of >= outer.of)
    return 0 < bar.rounds == outer.count


def _count(text: str) -> int:
    """The number of 5000 or 5.00k."""
    scale = _SCALE.get(text[-1])
    return round(float(text[:-1]) * scale) if scale else int(text)


def _seconds(elapsed: str) -> int:
    """Seconds of 1:02:03, 02:03 or 3.1s."""
    seconds = 0
    for part in elapsed.rstrip("s").split(":"):
        seconds = seconds * 60 + int(float(part))
    return seconds

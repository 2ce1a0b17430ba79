"""What one source has read so far, in bounded memory: steps, the target's metric, the last of each metric, phases.

Keeps a few items of a stream of unknown length.
"""

from __future__ import annotations

import math
import random
from typing import Generic, NamedTuple, TypeVar

from bench.programs.job import Target
from bench.programs.progress import UNITS, Point

T = TypeVar("T")


class Subsampled(Generic[T]):
    """A subsample of all items: the first, the last, and evenly spaced ones between; from half of `most` to `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[T] = []
        self._stride = 1
        self._seen = 0
        self._last: T | None = None

    def add(self, item: T) -> None:
        """One more."""
        if self._seen % self._stride == 0:
            if len(self._kept) == self._most - 1:  # one place is the last item's
                self._kept = self._kept[::2]
                self._stride *= 2
            if self._seen % self._stride == 0:
                self._kept.append(item)
        self._seen += 1
        self._last = item

    def items(self) -> list[T]:
        """What is kept, in order."""
        if self._last is None or self._kept[-1] is self._last:
            return list(self._kept)
        return [*self._kept, self._last]


class Sample:
    """At most `most` of all numbers, each as likely as any other, the same ones each time; and how many there were."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: list[float] = []
        self._random = random.Random(0)
        self.seen = 0

    def add(self, number: float) -> None:
        """One more."""
        self.seen += 1
        if len(self._kept) < self._most:
            self._kept.append(number)
        elif (place := self._random.randrange(self.seen)) < self._most:
            self._kept[place] = number

    def quantile(self, share: float) -> float | None:
        """The number below which `share` (0..1) of them lie, between two by line; None where there are none."""
        if not self._kept:
            return None
        ordered = sorted(self._kept)
        at = share * (len(ordered) - 1)
        below = int(at)
        above = min(below + 1, len(ordered) - 1)
        return ordered[below] + (at - below) * (ordered[above] - ordered[below])


MOST_POINTS = 500
MOST_METRICS = 100  # as many as an evaluation of a record holds
_MOST_PHASES = 1000
_LONGEST_NAME = 100
# A shorter stretch would measure the clock, and how a pipe hands lines on.
_SHORTEST_STRETCH_S = 0.1
_SAMPLE = 2000
# A program that begins to show steps this many gaps from 0 did not begin at 0.
_GAPS_OF_A_RESUMED_ONE = 3
# A bar whose first move is longer than this many of the second one began elsewhere than at 0, where it stood.
_JUMP = 10


def are_mixed(evaluated: int, other: int) -> bool:
    """Whether so many values of an evaluation and so many others are none of one kind; one may sum up a run."""
    return evaluated > 0 and other > 1


class StepAt(NamedTuple):
    """A step, and when it was shown."""

    at: float
    step: int


class ValueAt(NamedTuple):
    """A value of the target's metric, and when it was shown; `step`, in `unit`, is None where none was known yet."""

    at: float
    step: int | None
    value: float
    unit: str | None = None


class Track:
    """What the points of one source amount to. `source`: its name. `target`: what is waited for, if anything."""

    def __init__(self, source: str, target: Target | None) -> None:
        self.source, self._target = source, target
        self.unit: str | None = None  # what its steps count
        self.first: StepAt | None = None
        self.last: StepAt | None = None
        self.total: int | None = None
        self.totals_differ = False
        self.went_back: tuple[int, int] | None = None
        self.shown = 0  # steps since the count began, each once
        self.steps: Subsampled[StepAt] = Subsampled(MOST_POINTS)
        self.stretches = Sample(_SAMPLE)
        self._stretch: StepAt | None = None
        self._gap: int | None = None
        self._standing = False  # whether the first step was shown before one was taken
        self._began: int | None = None  # the step that it began after, before it went back
        self._fell: StepAt | None = None  # a step below the last one, which may be a late line
        self.evaluations: Subsampled[ValueAt] = Subsampled(MOST_POINTS - 1)
        self.evaluated = self.other = 0  # values of the target's metric: of an evaluation, or of who knows what
        self.values = 0  # of the target's metric, that are numbers
        self.first_hit: ValueAt | None = None
        self.target_value: float | None = None  # as shown last; may be NaN
        self.latest: dict[str, float] = {}
        self.shown_again: set[str] = set()  # of these, what was shown more than once
        self.latest_at: float | None = None
        self.phases: list[tuple[float, str]] = []
        self.saved: set[int] = set()  # steps that a run before this one has left

    def add(self, point: Point, elsewhere: tuple[int, str] | None = None) -> None:
        """One more point. `elsewhere`: the step, and its unit, of another source, where that one is believed."""
        counted = self.unit is None or UNITS.index(point.unit) <= UNITS.index(self.unit)
        if point.step is not None and counted:
            self._stepped(StepAt(point.at, point.step), point)
        reached = self.last.step if self.last else 0
        if point.total is not None and point.total >= max(reached, 1) and counted:
            self.totals_differ |= self.total not in (None, point.total)
            self.total = point.total
        elif self.total is not None and self.last is not None and self.last.step > self.total:
            self.total = None  # it was of something else
        if point.metrics:
            self._measured(point, elsewhere)
        if point.phase is not None and len(self.phases) < _MOST_PHASES:
            self.phases.append((point.at, point.phase[:_LONGEST_NAME]))

    def _stepped(self, now: StepAt, point: Point) -> None:
        last, stretch, fell = self.last, self._stretch, self._fell
        if last is None or stretch is None:
            self.unit = point.unit
            self._begin(now, standing=point.standing)
            return
        lower = now.step < last.step or last.step == 0
        another = point.anew or (lower and self.total != point.total and None not in (self.total, point.total))
        if self.unit != point.unit or another:  # a count of something else, such as a bar after that of a download
            self.unit, self.total, self.totals_differ, self._began = point.unit, None, False, None
            self._begin(now, standing=point.standing)
            return
        if now.step < last.step:
            # Ranks that print to one stream are not in step: one late line is no program that went back.
            if fell is None or now.step <= fell.step:
                self._fell = now
            else:
                self.went_back = (last.step, fell.step)
                self._began = self._origin if self._began is None else self._began
                self._begin(fell)
                self._stepped(now, point)
            return
        self._fell = None
        if now.step == last.step:
            return
        if self._gap is None:
            before = max((step for step in self.saved if step < now.step), default=0) if last.step == 0 else 0
            if before:  # a bar at 0 jumps to where the program resumes
                self._begin(now)
                self._gap = now.step - before
                return
            self._gap = now.step - last.step
        elif self._jumped and self._gap > _JUMP * (now.step - last.step):  # it did, as it goes on in small steps
            self._begin(last)
            self._gap = now.step - last.step
        self.last = now
        self.shown += 1
        self.steps.add(now)
        if now.at - stretch.at >= _SHORTEST_STRETCH_S:
            self.stretches.add((now.at - stretch.at) / (now.step - stretch.step))
            self._stretch = now

    def _begin(self, now: StepAt, *, standing: bool = False) -> None:
        """A count starts or restarts: a rate across the restart would be meaningless."""
        self._standing = standing
        self.first = self.last = self._stretch = now
        self.steps, self.stretches, self._gap, self._fell = Subsampled(MOST_POINTS), Sample(_SAMPLE), None, None
        self.shown = 1
        self.steps.add(now)

    def _measured(self, point: Point, elsewhere: tuple[int, str] | None) -> None:
        for name, value in point.metrics.items():
            self._keep(name[:_LONGEST_NAME], value)
        self.latest_at = point.at
        if self._target is None or self._target.metric not in point.metrics:
            return
        self.target_value = point.metrics[self._target.metric]
        if not math.isfinite(self.target_value):
            return
        self.evaluated += point.part == "evaluation"
        self.other += point.part is None
        shown = self._shown(point, self.target_value, elsewhere)
        self.evaluations.add(shown)
        self.values += 1
        if self.first_hit is None and self._target.reached(self.target_value):
            self.first_hit = shown

    def _shown(self, point: Point, value: float, elsewhere: tuple[int, str] | None) -> ValueAt:
        """A value of the target's metric, at the step at which it was measured."""
        if point.measured_at is not None:
            return ValueAt(point.at, point.measured_at, value, "step")
        if elsewhere is not None:
            return ValueAt(point.at, elsewhere[0], value, elsewhere[1])
        step = point.step if point.step is not None else self.last.step if self.last else None
        return ValueAt(point.at, step, value, self.unit)

    def _keep(self, name: str, value: float) -> None:
        """The last value of a metric; where there are too many of them, those that were shown once only go."""
        if name in self.latest:
            self.shown_again.add(name)
        elif len(self.latest) >= MOST_METRICS:
            once = next((each for each in self.latest if each not in self.shown_again), None)
            if once is None:
                return
            del self.latest[once]
        self.latest[name] = value

    @property
    def mixed(self) -> bool:
        """Whether the target's metric is shown both as of an evaluation and by lines that may be of training."""
        return are_mixed(self.evaluated, self.other)

    @property
    def resumed_from(self) -> int | None:
        """The step that the program resumed from; None if it began at 0, or if its steps do not show it."""
        return (self._origin if self._began is None else self._began) or None

    @property
    def _jumped(self) -> bool:
        """Whether a bar stood at 0 and has moved once, and far: it may have gone to where the program resumed."""
        is_far = self._gap is not None and self._gap > _JUMP
        return is_far and self._standing and self.shown == 2 and self.first is not None and self.first.step == 0

    @property
    def _origin(self) -> int | None:
        """The step that the present count began after; None where that is not known yet."""
        if self.first is None or not self._gap:
            return None
        if self._standing:
            return self.first.step
        return self.first.step - self._gap if self.first.step > _GAPS_OF_A_RESUMED_ONE * self._gap else 0

    @property
    def done(self) -> int:
        """Steps that are known to have been taken since the program began: none before two of them were shown.

        One alone gives no rate, and may come from a program that resumed from the step before it.
        """
        return self.last.step - (self.resumed_from or 0) if self.last and self._gap and not self._jumped else 0

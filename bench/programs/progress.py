"""Progress of one run of a program: what to watch, and the points made of names and values.

A point is one thing shown: when, at which step of how many, and the metrics by name. A source turns one form of output
into points; the runner asks all of them, and the best that delivers is named in the record.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

# Clocks of one machine, read one after the other; the times of files, which may be whole seconds, or else are of the
# kernel's last tick.
SLACK_S, FILE_SLACK_S, _TICK_S = 0.05, 1.0, 0.01
_SECOND = 1_000_000_000  # nanoseconds
# What a step may count, the one that says most first. A program may show several.
UNITS = ("step", "sample", "epoch")


@dataclass(frozen=True)
class Watched:
    """One run of a program.

    `started` and `started_wall` are one instant, in seconds of the runner's monotonic clock and since 1970. Where a
    log is read afterwards both are 0: its points carry the times that it states, in seconds since 1970.
    """

    started: float = 0.0
    started_wall: float = 0.0
    # $BENCH_EVENTS, which the runner names; the program may never write it.
    events: Path | None = None
    # Below these TensorBoard's event files, trainer_state.json and CSV files are looked for.
    folders: tuple[Path, ...] = ()
    # Of --metric: the name of a metric, or `step` or `total`, and the regular expression whose group shows it.
    patterns: Mapping[str, str] = field(default_factory=dict)

    def at(self, wall: float, now: float, slack: float = SLACK_S) -> float | None:
        """The time `wall`, in seconds since 1970, on the runner's clock; None where it is not of this run.

        `now`: the runner's clock; not a number where a log is read afterwards, and any later time is believed.
        """
        at = self.started + (wall - self.started_wall)
        if not self.started - slack <= at or at > now + slack:
            return None
        return at if math.isnan(now) else min(max(at, self.started), now)

    def at_change(self, changed: int, now: float) -> float | None:
        """The time of a file's last change, `changed`, in nanoseconds since 1970, on the runner's clock; see `at`."""
        return self.at(changed / _SECOND, now, _TICK_S if changed % _SECOND else FILE_SLACK_S)


@dataclass(frozen=True)
class Point:
    """One thing that a program showed. `at`: seconds on the runner's monotonic clock."""

    at: float
    # Absolute: a program that resumes at step 500 shows 501 next.
    step: int | None = None
    total: int | None = None
    # What a step counts: one of UNITS.
    unit: str = "step"
    # As shown, nan and infinities too: what they mean is for the reader of the whole.
    metrics: dict[str, float] = field(default_factory=dict)
    # The name of the phase that begins here, where the program marks one.
    phase: str | None = None
    # A step that a run before this one has saved, and that this one may go on from; nothing else is then said.
    saved: int | None = None
    # The step that the metrics are of, where it is told afterwards and so is no sign of progress at `at`.
    measured_at: int | None = None
    # Whether the step was shown before the program took one: it is 0, or the one from which it resumed.
    standing: bool = False
    # Whether the count begins here, since what was counted before was of something else.
    anew: bool = False
    # What the line that showed it says it is of: training, evaluation, or nothing.
    part: str | None = field(default=None, compare=False)


class Source:
    """Reads one form of progress. One instance watches one run of a program.

    `name` is what the record calls it. A source of lines overrides `line`, one of files `poll`.
    """

    name: str

    def __init__(self, watched: Watched) -> None:
        """`watched`: the run whose progress is read."""

    def line(self, text: str, at: float) -> Point | None:
        """What one complete line of output says, without its end; None: no progress.

        A carriage return ends a line too. Raises nothing, whatever the text.
        """
        return None

    def poll(self, at: float) -> Iterable[Point]:
        """What was added to the files that it reads since the last call. Raises nothing, whatever they hold."""
        return ()


class Steps:
    """Turns the counts of one line after another into absolute steps and their total.

    If the epoch rises but the step does not, steps restart in each epoch, and those of earlier epochs are added.
    Steps that fall within an epoch are a program that went back, and stay as they are.
    """

    def __init__(self) -> None:
        self._epoch: int | None = None
        self._epochs: int | None = None
        self._from_zero = False  # the first epoch is 0
        self._risen = 0  # epochs begun since the last step
        self._told = False  # whether the last step was shown with its epoch
        self._last: int | None = None  # as shown
        self._length = 0  # of an epoch, in steps: as said, or as far as seen
        self._base = 0  # steps of the epochs before
        self._restarts: bool | None = None  # whether steps restart in each epoch; None: not known yet

    def absolute(self, counts: Mapping[str, int]) -> tuple[int | None, int | None, str]:
        """Step, total, and what is counted: the best of step, sample and epoch that was shown so far.

        `counts`: by `step`, `sample`, `epoch`, `epochs`, `total` (named as one) and `of` (behind a stroke: 12/400).
        """
        self._epochs = max(counts.get("epochs", 0), self._epochs or 0) or None
        if "epoch" in counts:
            self._enter(counts["epoch"])
        for unit in ("step", "sample"):
            if unit in counts:
                return self._step(counts[unit], counts), self._total(counts), unit
        if self._last is None and "total" not in counts and ("epoch" in counts or "epochs" in counts):
            return counts.get("epoch"), self._epochs, "epoch"
        return None, counts.get("total"), "step"

    def _enter(self, epoch: int) -> None:
        if self._epochs and epoch == self._epochs and self._from_zero:
            self._epochs += 1  # 2/2 is the last of three, as YOLOv5 and AllenNLP count
        if self._epoch is None:
            self._from_zero = epoch == 0
            self._risen = 0 if self._last is None else 1
        elif epoch > self._epoch:
            self._risen += epoch - self._epoch
        self._epoch = epoch

    def _step(self, step: int, counts: Mapping[str, int]) -> int:
        if self._last is not None and self._risen:
            # `step 80`, then `epoch 2, step 80`: the end of an epoch whose steps were shown without it.
            again = step == self._last and "epoch" in counts and not self._told
            self._restarts = bool(self._restarts) or (step <= self._last and not again)
            if self._restarts:
                self._base += self._length * self._risen
                self._length = 0
        self._risen, self._last, self._told = 0, step, "epoch" in counts
        self._length = max(self._length, counts.get("of", 0), step)
        return self._base + step

    def _total(self, counts: Mapping[str, int]) -> int | None:
        """What was said, unless it may be that of an epoch out of several."""
        if self._restarts:
            return self._length * self._epochs if self._epochs and "of" in counts else counts.get("total")
        alone = self._epoch is None or self._restarts is False or self._epochs == 1
        return counts.get("total", counts.get("of") if alone else None)


# 0,123 is no thousands, 888 is never 8, 1.2e+32 never 1.2. [0-9], not \d: that takes the digits of all scripts.
NUMBER = (
    r"[-+]?(?:(?:[1-9][0-9]{0,2}(?:,[0-9]{3})+(?![0-9])(?:\.[0-9]*)?|[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    r"|(?i:nan|inf(?:inity)?)(?![A-Za-z0-9_]))"
)
_WHOLE = re.compile(NUMBER)
_LONGEST_NUMBER = 64
# Beyond it a double no longer holds every integer; no program counts so far.
_MOST = 2**53
# Names and values, in the order in which they stand.
Pairs = list[tuple[str, object]]
# What a name counts, by its group; `of` is a total behind a stroke, as in 12/400.
_KIND = re.compile(
    r"(?P<step>cur(?:rent)?_steps?|_?(?:global_|train_|training_|optimizer_)?(?:step|iter|iteration|update)|it|num_updates"
    r"|(?:total_|num_)?timesteps(?:_total)?)"
    r"|(?P<sample>samples|samples_seen|samples_count|consumed_samples)"
    r"|(?P<total>total|(?:max|total|num|n|train)_(?:train_|training_)?(?:steps?|iters|iterations))"
    r"|(?P<epochs>epochs|(?:max|total|num|n)_(?:train_)?epochs)"
    r"|(?P<epoch>epoch)|(?P<of>of)|(?P<phase>phase)"
)
# `tokens/step` is a rate; of `trainer/global_step` what stands in front says where it was logged.
_RATE = re.compile(
    r"(?:.*[/_ ])?(?:tok(?:en)?s|samples|images|imgs|examples|seqs|sequences|words|frames|bytes|[kmgt]b|t?flops?|usd"
    r"|cost|time|[mnuµ]?s|secs?|seconds|min(?:ute)?s?|h(?:ou)?rs?)/(?:step|iter|iteration|it|update|epoch|sample)",
    re.IGNORECASE,
)
TIMES = frozenset({"time", "timestamp", "_timestamp"})
_PHASE = re.compile(r"[A-Za-z][\w .-]{0,40}")
_SPACES = re.compile(r"[\s-]+")
_LONGEST_NAME = 100
_MOST_METRICS = 200


def as_number(value: object) -> float | None:
    """The number that a value is or spells; None for anything else, truth values too."""
    if isinstance(value, str):
        return _parsed_number(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        return float(value)
    except OverflowError:  # an integer that no double holds
        return math.inf if value > 0 else -math.inf


def _parsed_number(text: str) -> float | None:
    # float takes digits of all scripts, and 1_000.
    if len(text) >= _LONGEST_NUMBER or not text.isascii() or "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return float(text.replace(",", "")) if "," in text and _WHOLE.fullmatch(text.strip()) else None


def as_count(value: object) -> int | None:
    """A count from 0: 120, 120.0, "1,200"; None for anything else."""
    number = as_number(value)
    return int(number) if number is not None and 0 <= number < _MOST and number == int(number) else None


@lru_cache(maxsize=1024)
def kind_of(name: str) -> str | None:
    """What a name counts: step, sample, epoch, total, epochs, of or phase; None for a metric.

    What says where it was logged, as in `trainer/global_step`, does not count.
    """
    if "loss" in name.lower() or _RATE.fullmatch(name):  # `loss/train/total` is one
        return None
    plain = _SPACES.sub("_", name.rpartition("/")[2].strip().lower())
    found = _KIND.fullmatch(plain)
    return found.lastgroup if found else None


class Fields:
    """Makes points of one source's names and values, and remembers what they said of epochs."""

    def __init__(self) -> None:
        self._steps = Steps()
        self._fractions = False  # epochs are shown as fractions, and so count nothing

    def point(self, values: Iterable[tuple[str, object]], at: float, part: str | None = None) -> Point | None:
        """The point that the values of a line of that part are; None where nothing in them is progress."""
        counts: dict[str, int] = {}
        metrics: dict[str, float] = {}
        phase = None
        for name, value in values:
            kind = kind_of(name)
            if kind == "phase":
                phase = value if isinstance(value, str) and _PHASE.fullmatch(value) else phase
            elif kind and (count := as_count(value)) is not None:
                if kind != "epoch" or not self._fractions:
                    counts.setdefault(kind, count)
            elif kind == "epoch":
                self._fractions |= as_number(value) is not None
            if kind in (None, "epoch") and (number := as_number(value)) is not None and len(metrics) < _MOST_METRICS:
                metrics["_".join(name[:_LONGEST_NAME].split())] = number
        if not (counts or metrics or phase):
            return None
        step, total, unit = self._steps.absolute(counts)
        return Point(at, step, total, unit, metrics, phase, part=part)


def flat(values: Mapping[Any, object], depth: int = 2) -> Iterable[tuple[str, object]]:
    """Names and values, those of a mapping within as `outer/inner`; what lies deeper than `depth` is left out."""
    for name, value in values.items():
        if not isinstance(value, Mapping):
            yield str(name), value
        elif depth:
            yield from ((f"{name}/{inner}", more) for inner, more in flat(value, depth - 1))

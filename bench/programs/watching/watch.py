"""Feeds a program's output to all sources and decides which of them counts.

For steps that is the best one that has shown a step, for the target the best one that has shown its metric: the two
can differ, as where a bar counts steps and a line says the loss. A metric that is shown only under another name,
`train_loss` instead of the target's `loss`, is told at once: when the program is over, a run that somebody pays for has
failed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from bench.programs.job import Target
from bench.programs.progress import UNITS, Point, Source, kind_of
from bench.programs.reading.output import Chooser, Lines, Ranks, without_ansi
from bench.programs.watching.track import MOST_METRICS, Track

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


def spelled_otherwise(metric: str, names: Iterable[str]) -> list[str]:
    """Those of `names` that differ from `metric` in capitals alone, as `val_loss` does from `Val_Loss`."""
    return sorted(name for name in names if name != metric and name.casefold() == metric.casefold())


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
        """What to say as soon as a few results were shown, none of them the target's: once, and None before.

        Of a name that differs in capitals alone the first result is enough.
        """
        if self._over:
            return None
        names = spelled_otherwise(self._metric, self._seen)
        if not names and max(self._seen.values(), default=0) >= FEW:
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


# Steps that make a source believed before one that shows more of them but is not as good.
ENOUGH = 5
# Two sources count the same steps where they differ by less than this share of the total: each shows some of them only.
NEAR = 0.1
_LAST_LOOKS, _IDLE_LOOKS = 1000, 20
_MOST_FORMS, _FORM = 1000, 200
_WORDS = re.compile(r"\b(?!nan\b|inf\b)[A-Za-z]{2,}", re.IGNORECASE)
# Sources in which a metric is named for bench.
ASKED_FOR = ("regex", "bench-events")


class Watch:
    """All `sources`, best first, each with what it has said.

    Where a launcher tells ranks apart, of lines of one form those of the lowest rank are believed: the first rank may
    show its settings, and the last one, as of Megatron, the steps.
    """

    def __init__(
        self, sources: Sequence[Source], target: Target | None, patterns: Mapping[str, str] | None = None
    ) -> None:
        """`patterns`: the regular expressions of metrics, by name; lines at which they match are always read."""
        self._wanted = [target.metric] if target else []
        self._patterns = [text for name, text in (patterns or {}).items() if kind_of(name) is None]
        self._namesakes = Namesakes(target.metric) if target else None
        self._sources = sources
        self.tracks = [Track(source.name, target) for source in sources]
        self._streams: dict[int, tuple[Lines, Chooser]] = {}
        self._ranks = Ranks()
        self._believed: dict[str, int] = {}  # ranks, by the form of what they show

    def feed(self, stream: int, data: bytes, at: float) -> None:
        """What was read from an output of the program, `stream`: any number that tells it from others."""
        lines, chooser = self._stream(stream)
        for line in chooser.choose(lines.feed(data), at):
            self.line(line, at)

    def end(self, stream: int, at: float) -> None:
        """The output has ended."""
        lines, chooser = self._stream(stream)
        for line in (*chooser.last(), *lines.end()):
            self.line(line, at)

    def line(self, line: str, at: float) -> list[Point]:
        """One complete line of output; what the sources made of it."""
        rank, text = self._ranks.split(without_ansi(line))
        form = "" if rank is None else _form(text)
        if rank is not None and rank > self._believed.get(form, rank):
            return []
        said = ((track, source.line(text, at)) for source, track in zip(self._sources, self.tracks))
        read = [(track, point) for track, point in said if point is not None]
        # The step first: what another source makes of the same line was measured at it.
        for track, point in sorted(read, key=lambda each: each[1].step is None):
            self._add(track, point)
        if read and rank is not None and (form in self._believed or len(self._believed) < _MOST_FORMS):
            self._believed[form] = rank
        return [point for _, point in read]

    def poll(self, at: float) -> int:
        """Look into the files that sources read; how many points came of it."""
        came = 0
        for source, track in zip(self._sources, self.tracks):
            for point in source.poll(at):
                self._add(track, point)
                came += 1
        return came

    def poll_all(self, at: float) -> None:
        """Look into files until nothing more comes, as a program has ended: folders are walked a little at a time."""
        idle = 0
        for _ in range(_LAST_LOOKS):
            idle = 0 if self.poll(at) else idle + 1
            if idle == _IDLE_LOOKS:
                return

    def steps(self) -> Track | None:
        """What the source says whose steps are believed; None where none was shown.

        Steps in the word's own sense come before samples, and those before epochs. A source that shows a few only, as
        with each checkpoint, gives way to one that shows more.
        """
        known = {track.unit for track in self.tracks}
        unit = next((unit for unit in UNITS if unit in known), None)
        if unit is None:
            return None
        return self._best(lambda track: track.unit == unit and track.shown >= ENOUGH) or self._best(
            lambda track: track.unit == unit
        )

    def total(self) -> int | None:
        """How many steps a whole run has, as the source says whose steps are believed, or one that has seen as many."""
        believed = self.steps()
        if believed is None:
            return None
        last = believed.last
        assert last is not None
        if believed.total is not None:
            return believed.total
        others = ((track.last, track.total) for track in self.tracks if track.unit == believed.unit)
        near = (total for other, total in others if other and total and abs(other.step - last.step) <= NEAR * total)
        return next(near, None)

    def target(self) -> Track | None:
        """What the source says whose reading of the target's metric is believed; None where it was not shown.

        What the user's own expression finds, or a program says by events. Of the others the best one, unless another
        shows twice as many values: it may show the last only, or those of checkpoints.
        """
        if asked_for := self._best(lambda track: track.target_value is not None, ASKED_FOR):
            return asked_for
        most = max((track.values for track in self.tracks), default=0)
        return self._best(lambda track: track.target_value is not None and shows_enough(track.values, most))

    def notice(self) -> str | None:
        """What the user should know while the program runs, said once; None: nothing."""
        return self._namesakes.notice() if self._namesakes else None

    def phases(self) -> list[tuple[float, str]]:
        """When each phase began, and its name, by the source that is believed; empty where none was marked."""
        best = self._best(lambda track: bool(track.phases))
        return best.phases if best else []

    def latest(self) -> dict[str, float]:
        """The last values of at most MOST_METRICS metrics, as shown, each of the best source that shows it.

        Those that were shown again come first: what is shown once is mostly a setting.
        """
        values: dict[str, float] = {}
        for track in self.tracks:
            for name, value in track.latest.items():
                values.setdefault(name, value)
        again = {name for track in self.tracks for name in track.shown_again}
        return dict(sorted(values.items(), key=lambda item: item[0] not in again)[:MOST_METRICS])

    def latest_at(self) -> float | None:
        """When a metric was shown last."""
        return max((track.latest_at for track in self.tracks if track.latest_at is not None), default=None)

    def _stream(self, stream: int) -> tuple[Lines, Chooser]:
        if stream not in self._streams:
            self._streams[stream] = Lines(), Chooser(self._wanted, self._patterns)
        return self._streams[stream]

    def _add(self, track: Track, point: Point) -> None:
        """A point of a source; what was measured without a step was so at the step that is believed."""
        if point.saved is not None:
            for each in self.tracks:
                each.saved.add(point.saved)
            return
        if point.metrics and self._namesakes:
            self._namesakes.add(point.metrics)
        track.add(point, self._elsewhere(track, point) if point.metrics else None)

    def _elsewhere(self, track: Track, point: Point) -> tuple[int, str] | None:
        """The step that is believed, and its unit, where `track` shows none, or counts something coarser."""
        believed = self.steps()
        if believed is None or believed is track or believed.last is None or believed.unit is None:
            return None
        own = point.unit if point.step is not None else track.unit
        return (believed.last.step, believed.unit) if own != believed.unit else None

    def _best(self, delivers: Callable[[Track], bool], names: Collection[str] = ()) -> Track | None:
        """The first track that delivers, of the sources called `names` where some are given."""
        tracks = (track for track in self.tracks if not names or track.source in names)
        return next(filter(delivers, tracks), None)


def shows_enough(values: int, most: int) -> bool:
    """Whether so many values of a metric are enough to be believed before a source that shows `most`."""
    return values == most or 2 * values > most


def _form(text: str) -> str:
    """What lines of one kind have in common, whatever their numbers: the words that they begin with."""
    return " ".join(_WORDS.findall(text[:_FORM])[:3])

"""The same charges in several files: runs of one month-to-date export, copies, files whose days overlap.

Files whose rows are mostly the same, but for their cost, in the days that both hold, are runs of one export, whatever
they are called: for the time that a newer run holds it counts, and before that the older one. Of other files that share
rows each row counts once. Parts of one run are added up, except a part that stands in the others: it was left over from
an earlier run.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cached_property

from analysis.reconcile.export_file import ExportFile
from analysis.reconcile.exports import newest_run_note
from analysis.reconcile.formats.identity import begins, place_of
from bench.text import plural

_MOST = 2048  # digests that are kept of the rows of a file
_SAME = 0.5  # of the older file's rows: this much in both, and they are runs of one export
_LEFT_OVER = 2  # rows of a part that stand in other parts: one alone can be chance
_NEVER = datetime.min.replace(tzinfo=UTC)


class Sketch:
    """The smallest digests of rows, each with its time: two tell how many rows are in both, from little memory."""

    def __init__(self) -> None:
        """Of no row."""
        self.digests: dict[int, datetime | None] = {}
        self.limit: int | None = None  # above it, digests were left out

    def takes(self, coarse: int) -> bool:
        """Whether it can keep a digest that begins so: of most rows of a big file it need not be known."""
        return self.limit is None or coarse <= begins(self.limit)

    def add(self, digest: int, since: datetime | None = None) -> None:
        """Count a row."""
        if self.limit is None or digest <= self.limit:
            self.digests[digest] = since
            if len(self.digests) > 2 * _MOST:
                self.digests = {kept: self.digests[kept] for kept in sorted(self.digests)[:_MOST]}
                self.limit = max(self.digests)

    def merge(self, other: Sketch) -> None:
        """Count the rows of the other too."""
        if other.limit is not None and (self.limit is None or other.limit < self.limit):
            self.limit = other.limit
            self.digests = {digest: since for digest, since in self.digests.items() if digest <= other.limit}
        for digest, since in other.digests.items():
            self.add(digest, since)

    def shared(self, other: Sketch, since: datetime | None = None) -> tuple[int, float]:
        """How many of the compared rows, which begin at `since` or later, are in both, and their share of these."""
        own = self._compared(other, since)
        both = sum(digest in other.digests for digest in own)
        return both, both / (len(own) or 1)

    def same_places(self, other: Sketch, since: datetime | None = None) -> tuple[int, float]:
        """As `shared`, also where a cost was corrected."""
        own, places = self._compared(other, since), {place_of(digest) for digest in other.digests}
        both = sum(place_of(digest) in places for digest in own)
        return both, both / (len(own) or 1)

    def _compared(self, other: Sketch, since: datetime | None) -> list[int]:
        limits = [limit for limit in (self.limit, other.limit) if limit is not None]
        return [
            digest
            for digest, begins in self.digests.items()
            if (not limits or digest <= min(limits)) and (since is None or (begins is not None and begins >= since))
        ]


@dataclass
class Covered:
    """What one file holds of one billing period."""

    file: ExportFile
    period: str
    sketch: Sketch = field(default_factory=Sketch)
    since: datetime | None = None
    until: datetime | None = None


@dataclass
class Run:
    """The files of one run, for one billing period, and up to when its rows count."""

    parts: Sequence[Covered]
    before: datetime | None = None  # rows from here on are those of a newer run; None: all count

    @property
    def name(self) -> str:
        """The file that it is, or its first one."""
        first = self.parts[0].file
        if len(self.parts) == 1:
            return first.name
        return f"{first.name} and {plural(len(self.parts) - 1, 'more file')}"

    @property
    def age(self) -> tuple[datetime, float, str]:
        """Greater for a newer run: by how far its charges go."""
        return self.until or _NEVER, max(part.file.modified for part in self.parts), self.parts[0].file.name

    @property
    def series(self) -> str | None:
        """The export that it is a run of, if known from its folder."""
        return self.parts[0].file.series

    @property
    def since(self) -> datetime | None:
        """From where on it holds usage."""
        return min((part.since for part in self.parts if part.since is not None), default=None)

    @property
    def until(self) -> datetime | None:
        """Up to where it does."""
        return max((part.until for part in self.parts if part.until is not None), default=None)

    @cached_property
    def sketch(self) -> Sketch:
        """Of the rows of all parts."""
        union = Sketch()
        for part in self.parts:
            union.merge(part.sketch)
        return union

    def again(self, newer: Run) -> bool:
        """Whether they are runs of one export, by their folder or by the time that both hold."""
        if self.parts[0].file.run == newer.parts[0].file.run:
            return False
        _, share = self.sketch.same_places(newer.sketch, newer.since)
        return share >= _SAME or (self.series is not None and self.series == newer.series)


def runs_that_count(covered: Iterable[Covered]) -> tuple[list[Run], list[str]]:
    """The runs whose rows count, newest first, and a note for each choice among them."""
    periods: dict[str, dict[str, list[Covered]]] = {}
    for part in covered:
        periods.setdefault(part.period, {}).setdefault(part.file.run, []).append(part)
    counting: list[Run] = []
    notes: dict[str, None] = {}
    for period, by_run in sorted(periods.items()):
        newest = _Newest()
        runs = [run for parts in by_run.values() for run in _without_left_over(parts)]
        for run in sorted(runs, key=lambda run: run.age, reverse=True):
            newest.add(run, notes)
        counting += newest.runs
        for kept, times in zip(newest.runs, newest.times, strict=True):
            if times > 1:
                notes[newest_run_note(times, kept.name, f" for the period from {period}")] = None
    return counting, list(notes)


def _by_file(run: Run, newer: Run) -> str:
    """That only the files tell which run is newer, where the charges of both go as far: a copy may have a new time."""
    if run.age[0] != newer.age[0]:
        return ""
    return f"; both reach equally far, so the {'names' if run.age[1] == newer.age[1] else 'times'} of the files decide"


def _without_left_over(parts: list[Covered]) -> list[Run]:
    """The parts of one run; a part that is mostly contained in the others is separate."""
    own: list[Covered] = []
    left_over: list[Run] = []
    rows = Sketch()
    for part in sorted(parts, key=lambda part: (-len(part.sketch.digests), part.file.name)):
        both, share = part.sketch.shared(rows)
        if both >= _LEFT_OVER and share >= _SAME:
            left_over.append(Run([part]))
        else:
            own.append(part)
            rows.merge(part.sketch)
    return [Run(sorted(own, key=lambda part: part.file.name)), *left_over]


class _Newest:
    """The runs that count so far, newest first."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.times: list[int] = []
        self._by_place: dict[int, list[int]] = {}  # so that a thousand files are not compared each with each
        self._by_series: dict[str, list[int]] = {}

    def add(self, run: Run, notes: dict[str, None]) -> None:
        """Keep `run`, which is older than all that are there, or what they do not hold of it."""
        charged = {place_of(digest) for digest in run.sketch.digests}
        near = {index for place in charged for index in self._by_place.get(place, ())}
        said: dict[str, None] = {}
        for index in sorted(near.union(self._by_series.get(run.series or "", ()))):
            newer = self.runs[index]
            both, share = run.sketch.shared(newer.sketch)
            same = run.again(newer)
            if same and (newer.since is None or run.since is None or newer.since <= run.since):
                self.times[index] += 1
                if share < 1:
                    differs = f"{run.name} has rows that {newer.name} has not, or otherwise"
                    notes[f"{differs}: they do not count{_by_file(run, newer)}"] = None
                return
            if same and newer.since is not None:
                run.before = min(run.before or newer.since, newer.since)
                said[f"{run.name} counts up to {newer.since:%Y-%m-%d %H:%M} UTC, where {newer.name} begins"] = None
                continue
            if both:
                said[f"{plural(both, 'row')} of {run.name} stand in {newer.name} too, and count once"] = None
            if otherwise := run.sketch.same_places(newer.sketch)[0] - both:
                rows = plural(otherwise, "row")
                said[f"{rows} of {run.name} stand in {newer.name} with another cost: both count"] = None
        notes.update(said)
        for place in charged:
            self._by_place.setdefault(place, []).append(len(self.runs))
        if run.series is not None:
            self._by_series.setdefault(run.series, []).append(len(self.runs))
        self.runs.append(run)
        self.times.append(1)


Period = tuple[datetime, datetime]


class Spans:
    """The charge periods of each kind of charge: when its charges begin, by how long they last.

    They reveal two files with the same usage, by the hour and by the day: an hourly and a daily export of one month
    have no row in common. Nor have the runs of an export whose rows grow, because the provider writes when use began
    and how far it got.
    """

    def __init__(self) -> None:
        """Of no charge."""
        self._begins: dict[Hashable, dict[timedelta, list[datetime]]] = {}
        self._costs: set[tuple[Hashable, Period, Decimal]] = set()

    def add(self, kind: Hashable, period: Period, cost: Decimal) -> None:
        """Know a charge."""
        begin, end = period
        self._costs.add((kind, period, cost))
        self._begins.setdefault(kind, {}).setdefault(end - begin, []).append(begin)

    def alike(self, kind: Hashable, period: Period, cost: Decimal) -> bool:
        """Whether a charge is known that says the same, if not of the same account."""
        return (kind, period, cost) in self._costs

    def otherwise(self, kind: Hashable, period: Period) -> bool:
        """Whether a charge that is known shares time with this period, and lasts longer or shorter."""
        begin, end = period
        return any(
            known < end and known + length > begin
            for length, starts in self._begins.get(kind, {}).items()
            if length != end - begin
            for known in starts
        )

    def merge(self, other: Spans) -> None:
        """Know the charges of the other too."""
        for kind, lengths in other._begins.items():
            for length, starts in lengths.items():
                self._begins.setdefault(kind, {}).setdefault(length, []).extend(starts)
        self._costs |= other._costs

"""The same charges in several files: runs of one month-to-date export, copies, files that share some rows.

Files whose rows are mostly the same are the same bill again, whatever they are called: of those that cover a billing
period the newest counts. Parts of one run are never compared with each other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from analysis.reconcile.exports import ExportFile, newest_run_note
from bench.text import plural

_MOST = 2048  # digests that are kept of the rows of a file
_SAME = 0.5  # of the rows of the smaller file: this much in both, and they are one bill
_NEVER = datetime.min.replace(tzinfo=UTC)


class Sketch:
    """The smallest digests of rows: two of them tell how many rows are in both, from bounded memory."""

    def __init__(self) -> None:
        """Of no row."""
        self.digests: set[int] = set()
        self.limit: int | None = None  # above it, digests were left out

    def add(self, digest: int) -> None:
        """Count a row."""
        if self.limit is None or digest <= self.limit:
            self.digests.add(digest)
            if len(self.digests) > 2 * _MOST:
                self.digests = set(sorted(self.digests)[:_MOST])
                self.limit = max(self.digests)

    def shared(self, other: Sketch) -> tuple[int, float]:
        """How many of the compared rows are in both, and their share of the smaller side."""
        limits = [limit for limit in (self.limit, other.limit) if limit is not None]
        a, b = ({digest for digest in side.digests if not limits or digest <= min(limits)} for side in (self, other))
        both = len(a & b)
        return both, both / (min(len(a), len(b)) or 1)


@dataclass
class Covered:
    """What one file holds of one billing period."""

    file: ExportFile
    period: str
    sketch: Sketch = field(default_factory=Sketch)
    until: datetime | None = None


@dataclass
class _Run:
    """The files of one run, for one billing period."""

    parts: list[Covered]

    @property
    def name(self) -> str:
        first = self.parts[0].file
        if len(self.parts) == 1:
            return first.name
        return f"{first.name} and {plural(len(self.parts) - 1, 'more file')}"

    @property
    def age(self) -> tuple[datetime, float, str]:
        until = max((part.until or _NEVER for part in self.parts), default=_NEVER)
        return until, max(part.file.modified for part in self.parts), self.parts[0].file.name

    @property
    def series(self) -> str | None:
        return self.parts[0].file.series

    @cached_property
    def sketch(self) -> Sketch:
        """Of the rows of all parts."""
        union = Sketch()
        limits = [part.sketch.limit for part in self.parts if part.sketch.limit is not None]
        union.limit = min(limits) if limits else None
        for part in self.parts:
            for digest in part.sketch.digests:
                union.add(digest)
        return union

    def shared(self, other: _Run) -> tuple[int, float]:
        """As of sketches; runs of one series are one bill whatever they hold."""
        if self.series is not None and self.series == other.series:
            return 0, 1.0
        return self.sketch.shared(other.sketch)


def superseded(covered: Iterable[Covered]) -> tuple[list[Covered], list[str]]:
    """What a newer run of the same export has again, and a note for each time that happens."""
    periods: dict[str, dict[str, list[Covered]]] = {}
    for part in covered:
        periods.setdefault(part.period, {}).setdefault(part.file.run, []).append(part)
    older: list[Covered] = []
    notes: dict[str, None] = {}
    for period, runs in sorted(periods.items()):
        newest = _Newest()
        for run in sorted((_Run(parts) for parts in runs.values()), key=lambda run: run.age, reverse=True):
            if newest.repeated_by(run, notes):
                older += run.parts
        for kept, times in zip(newest.runs, newest.times, strict=True):
            if times > 1:
                notes[newest_run_note(times, kept.name, f" for the period from {period}")] = None
    return older, list(notes)


class _Newest:
    """The runs that count so far, newest first."""

    def __init__(self) -> None:
        self.runs: list[_Run] = []
        self.times: list[int] = []
        self._by_digest: dict[int, list[int]] = {}  # so that a thousand files are not compared each with each
        self._by_series: dict[str, list[int]] = {}

    def repeated_by(self, run: _Run, notes: dict[str, None]) -> bool:
        """Whether `run`, which is older, is one of them again; else it is kept too."""
        places = {place for digest in run.sketch.digests for place in self._by_digest.get(digest, ())}
        for place in sorted(places.union(self._by_series.get(run.series or "", ()))):
            both, share = run.shared(self.runs[place])
            if share >= _SAME:
                self.times[place] += 1
                return True
            if both:
                name = self.runs[place].name
                notes[f"{plural(both, 'row')} of {run.name} are in {name} too, and are counted twice"] = None
        for digest in run.sketch.digests:
            self._by_digest.setdefault(digest, []).append(len(self.runs))
        if run.series is not None:
            self._by_series.setdefault(run.series, []).append(len(self.runs))
        self.runs.append(run)
        self.times.append(1)
        return False

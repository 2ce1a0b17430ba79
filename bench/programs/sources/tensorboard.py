"""TensorBoard event files created after the program started, at the times that they state.

Tags are names of metrics. Files in further folders, as for a validation, have their folder's name before the tag.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from bench.programs.progress import Point, Source, Watched
from bench.programs.reading.finder import Finder, Tail
from bench.programs.reading.tfevents import Broken, Event, Records, event

_MARK = ".tfevents."
_MOST_TAGS = 1000


class TensorBoard(Source):
    """Reads TensorBoard's event files."""

    name = "tensorboard"

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._finder = Finder(watched.folders, lambda name: _MARK in name, watched.started_wall)
        self._files: dict[Path, _File] = {}
        self._first_folder: Path | None = None
        self._steps = _Counters()

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        self._finder.look(at)
        for path in sorted(self._finder.found.keys() - self._files.keys()):
            self._files[path] = _File(path)
        for path, file in self._files.items():
            for shown in file.read():
                stated = self._watched.at(shown.wall_time, at)
                if file.begun is None:
                    file.begun = stated is not None
                if stated is None or not file.begun:
                    continue
                self._first_folder = self._first_folder or path.parent
                before = "" if path.parent == self._first_folder else f"{path.parent.name}/"
                metrics = {before + tag: value for tag, value in shown.scalars.items()}
                if metrics:
                    yield Point(stated, self._steps.step(metrics, shown.step), metrics=metrics)


class _File:
    """One event file. `begun`: whether within this run; None: it holds nothing yet that tells."""

    def __init__(self, path: Path) -> None:
        self.begun: bool | None = None
        self._tail, self._records = Tail(path), Records()
        self._broken = False

    def read(self) -> Iterable[Event]:
        """The events that were added, up to damage."""
        if self._broken or self.begun is False:
            return
        data, restarted = self._tail.read()
        if restarted:
            self._records = Records()
        try:
            for record in self._records.feed(data):
                yield event(record)
        except Broken:
            self._broken = True


class _Counters:
    """Tells a step from another count: some tags are written by epoch, beside others by step."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._most = -1

    def step(self, tags: Iterable[str], step: int) -> int | None:
        """`step`, or None where these tags count something slower than others do.

        Where the tags themselves fell, the program went back, and their step is the program's.
        """
        fell = False
        for tag in tags:
            fell |= step < self._last.get(tag, step)
            if tag in self._last or len(self._last) < _MOST_TAGS:
                self._last[tag] = step
        if step < 0 or (step < self._most and not fell):
            return None
        if fell:
            self._last.clear()
        self._most = step
        return step

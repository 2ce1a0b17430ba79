"""trainer_state.json, which Hugging Face's Trainer writes with every checkpoint.

All of a state counts from the time of its file: when the entries of its history came is not known, only at which steps.
The entries that an earlier run's state holds too are that run's, and its step is one that this run may go on from.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.programs.progress import Point, Source, Watched, as_count, as_number
from bench.programs.reading.finder import Finder, status_of

FILE = "trainer_state.json"
_MOST_BYTES = 64 << 20


class TrainerState(Source):
    """Reads trainer_state.json."""

    name = "trainer-state"

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._finder = Finder(watched.folders, lambda name: name == FILE)
        self._read: dict[Path, int] = {}  # as of which change each was read
        self._known: list[Any] = []  # the history so far, of this run or of the one that it resumed from

    def poll(self, at: float) -> Iterable[Point]:
        """See Source."""
        self._finder.look(at)
        changed = []
        for path, seen in self._finder.found.items():
            status = status_of(path) if self._read.get(path) != seen else None
            if status is not None:
                changed.append((status.st_mtime_ns, status.st_size, path))
        for modified, size, path in sorted(changed):
            state = _state(path) if size <= _MOST_BYTES else {}
            if state is None:  # written in part; the next look finds the whole
                continue
            self._read[path] = modified
            yield from self._points(state, modified, at)

    def _points(self, state: Mapping[str, Any], modified: int, now: float) -> Iterable[Point]:
        history = state.get("log_history")
        entries = [entry for entry in history if isinstance(entry, dict)] if isinstance(history, list) else []
        at = self._watched.at_change(modified, now)
        common = _common(entries, self._known)
        if at is None:
            # Of an earlier run: what a resumed run repeats. The longest has the most information.
            self._known = max(self._known, entries, key=len)
            saved = as_count(state.get("global_step"))
            if saved is not None:
                yield Point(now, saved=saved)
            return
        self._known = entries
        yield Point(at, as_count(state.get("global_step")), as_count(state.get("max_steps")))
        for entry in entries[common:]:
            metrics = {
                str(name): number
                for name, value in entry.items()
                if name != "step" and (number := as_number(value)) is not None
            }
            yield Point(at, metrics=metrics, measured_at=as_count(entry.get("step")))


def _common(entries: list[Any], known: list[Any]) -> int:
    """How many entries two histories begin with alike."""
    return next(
        (place for place, (one, other) in enumerate(zip(entries, known)) if one != other), min(len(entries), len(known))
    )


def _state(path: Path) -> Mapping[str, Any] | None:
    """What the file holds; None where it is not whole."""
    try:
        state = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return state if isinstance(state, dict) else {}

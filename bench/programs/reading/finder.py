"""Files that a program makes below some folders, found a little at a time: a tree of any size costs the same."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

# Entries looked at in one call, and the time between two calls that do anything, in seconds.
ENTRIES, PAUSE_S = 500, 0.5
_DEEPEST = 8
_MOST_FILES = 1000
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "proc", "sys"})


class Finder:
    """Walks folders again and again, those above before those within; never into hidden ones or along links.

    A file in place of a folder is itself what is found.
    """

    def __init__(self, folders: Iterable[Path], wanted: Callable[[str], bool]) -> None:
        """`wanted` says of a file's name whether it is looked for."""
        self._folders = list(dict.fromkeys(str(folder) for folder in folders))
        self._wanted = wanted
        self._walk = self._entries()
        self._next_at: float | None = None
        self.found: dict[Path, None] = {}

    def look(self, now: float) -> None:
        """Go on walking; what is there is in `found` after some calls."""
        if self._next_at is not None and now < self._next_at:
            return
        self._next_at = now + PAUSE_S
        for _ in range(ENTRIES):
            entry = next(self._walk, "")
            if entry == "":  # the end of a walk; the next one begins with the next call
                self._walk = self._entries()
                return
            if entry and len(self.found) < _MOST_FILES:
                self.found[Path(entry)] = None

    def _entries(self) -> Iterator[str | None]:
        """The paths of what is looked for; None for every other entry."""
        waiting = deque((folder, 0) for folder in self._folders)
        for folder in self._folders:
            if self._wanted(Path(folder).name) and Path(folder).is_file():
                yield folder
        while waiting:
            folder, depth = waiting.popleft()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        if entry.name.startswith(".") or entry.name in _SKIPPED:
                            yield None
                        elif entry.is_dir(follow_symlinks=False):
                            if depth < _DEEPEST:
                                waiting.append((entry.path, depth + 1))
                            yield None
                        else:
                            yield entry.path if self._wanted(entry.name) else None
            except OSError:
                continue

"""Files that a program writes: discovered below some folders, with what was appended since the last look.

Both are bounded: a tree of any size costs the same at a time, and so does a file of any length.
"""

from __future__ import annotations

import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from stat import S_ISREG

from bench.programs.progress import FILE_SLACK_S

# Entries looked at in one call, and the least time between two calls that do anything, in seconds.
ENTRIES, PAUSE_S = 500, 0.5
# The share of a processor, which the program may need: a longer call is followed by a longer pause.
_SHARE = 0.0005
_DEEPEST = 8
_MOST_FILES, _MOST_FOLDERS = 10_000, 50_000
_END = (Path(), 0)
_SKIPPED = frozenset({"__pycache__", "node_modules", "site-packages", "venv", "proc", "sys"})


class Finder:
    """Walks folders again and again, those above before those within; never into hidden ones or along links.

    A file in place of a folder is itself what is found.
    """

    def __init__(self, folders: Iterable[Path], wanted: Callable[[str], bool], since: float = 0.0) -> None:
        """`wanted` says of a name whether it is looked for; files not changed `since`, s after 1970, are passed by."""
        self._folders = list(dict.fromkeys(str(folder) for folder in folders))
        self._wanted = wanted
        self._since = since
        self._walk = self._entries()
        self._asked_at = self._next_at = -math.inf
        # When each was changed last, in nanoseconds since 1970, as the latest walk saw it.
        self.found: dict[Path, int] = {}

    def look(self, now: float) -> None:
        """Go on walking; what is there is in `found` after some calls.

        Calls follow each other at a pause; those of one instant do not, as at the end of a program.
        """
        again, self._asked_at = now == self._asked_at, now
        if now < self._next_at and not again:
            return
        begin = time.thread_time()
        self._walk_on()
        self._next_at = now + max(PAUSE_S, (time.thread_time() - begin) / _SHARE)

    def _walk_on(self) -> None:
        """Look at some entries."""
        for _ in range(ENTRIES):
            entry = next(self._walk, _END)
            if entry is _END:  # the next walk begins with the next call
                self._walk = self._entries()
                return
            if entry is not None:
                path, changed = entry
                if path in self.found or len(self.found) < _MOST_FILES:
                    self.found[path] = changed

    def _entries(self) -> Iterator[tuple[Path, int] | None]:
        """What is looked for; None for every other entry."""
        waiting = deque((folder, 0) for folder in self._folders)
        for folder in self._folders:
            yield self._file(folder, Path(folder).name)
        while waiting:
            folder, depth = waiting.popleft()
            try:
                with os.scandir(folder) as entries:
                    for entry in entries:
                        hidden = entry.name.startswith(".") or entry.name in _SKIPPED
                        if not hidden and entry.is_dir(follow_symlinks=False):
                            if depth < _DEEPEST and len(waiting) < _MOST_FOLDERS:
                                waiting.append((entry.path, depth + 1))
                            yield None
                        else:
                            yield None if hidden else self._file(entry.path, entry.name)
            except OSError:
                continue

    def _file(self, path: str, name: str) -> tuple[Path, int] | None:
        """A file that is looked for; None for anything else."""
        if not self._wanted(name):
            return None
        status = status_of(Path(path))
        if status is None or status.st_mtime < self._since - FILE_SLACK_S or not S_ISREG(status.st_mode):
            return None
        return Path(path), status.st_mtime_ns


def status_of(path: Path) -> os.stat_result | None:
    """The size and the times of a file; None where it cannot be asked."""
    try:
        return path.stat()
    except (OSError, ValueError):
        return None


# Read at once; a file that grows faster is caught up with over several looks.
MOST_BYTES = 1 << 20


class Tail:
    """Follows a file that is written to. A file that became shorter, or was replaced, is read from its start."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._inode: int | None = None
        self._offset = 0

    def read(self) -> tuple[bytes, bool]:
        """What was added, at most MOST_BYTES, and whether it begins a new file. Nothing where there is no such file."""
        try:
            seen = os.stat(self.path)  # noqa: PTH116 -- asked often, and a Path is slower
            if seen.st_ino == self._inode and seen.st_size == self._offset:
                return b"", False
            # Not blocking: a FIFO would wait for its writer.
            descriptor = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        except (OSError, ValueError):
            return b"", False
        try:
            status = os.fstat(descriptor)
            if not S_ISREG(status.st_mode):
                return b"", False
            restarted = status.st_ino != self._inode or status.st_size < self._offset
            if restarted:
                self._inode, self._offset = status.st_ino, 0
            if status.st_size == self._offset:
                return b"", restarted
            os.lseek(descriptor, self._offset, os.SEEK_SET)
            data = os.read(descriptor, MOST_BYTES)
        except OSError:
            return b"", False
        finally:
            os.close(descriptor)
        self._offset += len(data)
        return data, restarted

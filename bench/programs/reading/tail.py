"""What was added to a file since the last look: whole pieces only, with bounded memory."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG

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
            anew = status.st_ino != self._inode or status.st_size < self._offset
            if anew:
                self._inode, self._offset = status.st_ino, 0
            if status.st_size == self._offset:
                return b"", anew
            os.lseek(descriptor, self._offset, os.SEEK_SET)
            data = os.read(descriptor, MOST_BYTES)
        except OSError:
            return b"", False
        finally:
            os.close(descriptor)
        self._offset += len(data)
        return data, anew

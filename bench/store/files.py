"""Files in a folder as people and tools leave them: behind links, in cycles, or not regular files."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path


def read_file(path: Path) -> bytes:
    """What is in the file `path`. Raises OSError; at once for a pipe, which would keep its reader waiting."""
    with open(path, "rb", opener=_open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return file.read()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none


def walk(folder: Path, unlistable: Callable[[OSError], None]) -> Iterator[tuple[str, list[str]]]:
    """Each folder from `folder` down, links followed, by name, and the names in it that are no folders'."""
    for above, below, names in os.walk(folder, onerror=unlistable, followlinks=True):
        below[:] = sorted(name for name in below if not leads_back(above, name))
        yield above, names


def leads_back(above: str | Path, name: str) -> bool:
    """Whether `name` in the folder `above` is a link to a folder that it was reached by: followed, it has no end."""
    path = Path(above, name)
    if not path.is_symlink():
        return False
    target = os.path.realpath(path)
    return any(os.path.realpath(each) == target for each in path.parents)

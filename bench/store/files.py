"""Reading files as people and tools leave them: behind links, in cycles, not regular, or compressed."""

from __future__ import annotations

import errno
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from gzip import BadGzipFile, GzipFile
from io import BufferedReader
from pathlib import Path

# Bytes: a hundred times the size of a run, and the size of a published series of a million runs.
LARGEST_RUN, LARGEST_RECORD = 1 << 24, 1 << 28
_GZIP = b"\x1f\x8b"


def read_file(path: Path) -> bytes:
    """The record in the file `path`. Raises OSError, also for a pipe (without waiting) and for a file far too large."""
    with open(path, "rb", opener=_open_at_once) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        if found.st_size > LARGEST_RECORD:
            raise OSError(errno.EFBIG, f"{found.st_size} bytes, more than a record has", str(path))
        return file.read()


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows has none


def unpacked(file: BufferedReader, size: int) -> Iterator[bytes]:
    """The content of `file` in chunks of up to `size` bytes, as they arrive; unpacked if it begins as gzip's.

    Raises OSError, after all that can be read or unpacked, if it is damaged or truncated.
    """
    content = GzipFile(fileobj=file) if file.peek(len(_GZIP)).startswith(_GZIP) else file
    try:
        yield from iter(partial(content.read1, size), b"")
    except (BadGzipFile, EOFError, zlib.error) as error:
        raise OSError(errno.EINVAL, f"its gzip is damaged: {error}") from None


def walk(folder: Path, unlistable: Callable[[OSError], None]) -> Iterator[tuple[str, list[str]]]:
    """Each folder from `folder` down, following links, by name, with the names of the files in it."""
    for above, below, names in os.walk(folder, onerror=unlistable, followlinks=True):
        below[:] = sorted(name for name in below if not leads_back(above, name))
        yield above, names


def leads_back(above: str | Path, name: str) -> bool:
    """Whether `name` in the folder `above` is a link to one of its own parents: following it would never end."""
    path = Path(above, name)
    if not path.is_symlink():
        return False
    target = os.path.realpath(path)
    return any(os.path.realpath(each) == target for each in path.parents)

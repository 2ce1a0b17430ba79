"""Files: read as people and tools leave them, and written once, completely or not at all.

They lie behind links, in cycles, are not regular, or compressed. What is written withstands crashes and other writers:
the bytes go to a temporary file on the same file system, are forced to the disk, and only then get their name, by a
hard link: a link fails if the name is taken, so nothing is overwritten. A crash between any two steps leaves the file
complete or absent, and at worst a temporary file, which `sweep` removes later.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
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


_SUFFIX = ".part"
_LOCK = "lock"
# A writer keeps its temporary file for milliseconds: one this old has no writer any more.
_DEAD_AFTER_SECONDS = 24 * 3600
# The errors of exFAT, SMB and several FUSE file systems.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})
# Some file systems cannot force a folder to the disk, and need not.
_NO_FOLDER_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP})


def create_file(final: Path, data: bytes, scratch: Path) -> bool:
    """Create `final` with the content `data`, by way of `scratch`; both folders exist, on one file system.

    Returns False, changing nothing, if `final` already exists. Raises OSError.
    """
    temporary = write_temporary(data, scratch)
    try:
        return _name(temporary, final, scratch)
    finally:
        with suppress(OSError):  # it may have been renamed; otherwise the sweep removes it
            temporary.unlink()


def write_temporary(data: bytes, scratch: Path) -> Path:
    """A new file in `scratch` with `data` forced to the disk. Raises OSError, leaving no file."""
    temporary = scratch / f"{secrets.token_hex(16)}{_SUFFIX}"
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    return temporary


def _name(temporary: Path, final: Path, scratch: Path) -> bool:
    try:
        os.link(temporary, final)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _rename_under_lock(temporary, final, scratch)
    return True


def _rename_under_lock(temporary: Path, final: Path, scratch: Path) -> bool:
    """Without hard links: a rename under a lock, after a check, since a rename would overwrite.

    Reserving `final` itself with O_EXCL would not do: a writer that died at that point would leave an empty record.
    """
    import fcntl  # not on Windows, where records can still be read

    with (scratch / _LOCK).open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel releases it when the holder dies
        if os.path.lexists(final):
            return False
        temporary.rename(final)
    return True


def make_folders(path: Path) -> None:
    """Make `path` and missing parents, each forced to the disk in its own parent. Raises OSError."""
    if path.is_dir():
        return
    make_folders(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Force the names in the folder `path` to the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def sweep(scratch: Path) -> None:
    """Remove what dead writers left in `scratch`, except files of the last day. Raises OSError."""
    dead = time.time() - _DEAD_AFTER_SECONDS
    with os.scandir(scratch) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # another sweep was faster
                if entry.name.endswith(_SUFFIX) and entry.stat().st_mtime < dead:
                    Path(entry.path).unlink()

"""Create a file once, completely or not at all, in spite of crashes and other writers.

The bytes go to a temporary file on the same file system, are forced to the disk, and only then get their
name, by a hard link: a link fails if the name is taken, so nothing is overwritten. A crash between any two
steps leaves the file complete or absent, and at worst a temporary file, which `sweep` removes later.
"""

from __future__ import annotations

import errno
import os
import secrets
import time
from contextlib import suppress
from pathlib import Path

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

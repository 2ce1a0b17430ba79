"""A store in a folder: one file per record, crash-safe, and safe for concurrent writers."""

from __future__ import annotations

import errno
import hashlib
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from tempfile import TemporaryDirectory

from bench.errors import ConflictError, RecordError, StoreError
from bench.record.documents import AnyDocument, to_bytes
from bench.store.base import ROOT, is_record_key, parse, require_record_key
from bench.store.files import create_file, make_folders, read_file, sweep, sync_folder, walk, write_temporary

_SCRATCH, _IDENTITY = ".tmp", ".id"
_PROBE_BYTES = 64 * 1024  # more than the size of a record

_FULL = "the disk is full; free some space, or give another folder with --store"
_FORBIDDEN = "no permission to use it; change its permissions, or give another folder with --store"
_IN_THE_WAY = "there is a file where a folder should be; move it, or give another folder with --store"
_ADVICE = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "the disk quota is used up; free some space, or give another folder with --store",
    errno.EROFS: "the file system is read-only; give another folder with --store",
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
}
# The remedy for a record that cannot be read.
_UNREADABLE = {
    errno.EACCES: "check its permissions",
    errno.EPERM: "check its permissions",
    errno.ENOENT: "it went, or is a link that leads nowhere",
    errno.EIO: "restore it from a copy, and look at the disk",
}


class FolderStore:
    """The store in the folder `path`. `~` is expanded; nothing is read or written yet."""

    def __init__(self, path: str | Path) -> None:
        self._name = str(path).rstrip("/") or "/"
        try:
            self._root = Path(path).expanduser()
        except RuntimeError as error:
            raise StoreError(f"store {self._name}: {error}; give the folder's full path") from error
        self._scratch = self._root / _SCRATCH

    @property
    def name(self) -> str:
        """The folder as the user spelled it."""
        return self._name

    @property
    def locator(self) -> str:
        """The folder's absolute path."""
        return str(self._root.absolute())

    @property
    def root(self) -> Path:
        """The folder itself."""
        return self._root

    def identity(self) -> str:
        """An id that distinguishes this folder from one of that path on another host, made once. Raises StoreError."""
        file = self._root / _IDENTITY
        try:
            make_folders(self._scratch)
            if not file.exists():
                create_file(file, secrets.token_bytes(16), self._scratch)
            return hashlib.sha256(read_file(file)).hexdigest()[:16]
        except OSError as error:
            raise self._trouble(error) from error

    def nearest(self) -> Path:
        """The folder itself or, if it is missing, the nearest existing one above it. Raises OSError."""
        return next(folder for folder in (self._root, *self._root.parents) if folder.exists())

    def check_writable(self) -> None:
        """Make the folder if it is missing, check that records can be written, and remove what dead writers left.

        Raises StoreError, in one line with what to do: a file in the way, no permission, read-only, full.
        """
        try:
            make_folders(self._scratch)
            make_folders(self._root / ROOT)
            sweep(self._scratch)
            write_temporary(bytes(_PROBE_BYTES), self._scratch).unlink()
        except OSError as error:
            raise self._trouble(error) from error

    def check_place(self) -> None:
        """Check that it accepts records, or that it could be made: nothing that is missing is made.

        Raises StoreError like `check_writable`.
        """
        place = self._root
        try:
            if (self._root / ROOT).exists():
                self.check_writable()
                return
            place = self.nearest()
            with TemporaryDirectory(prefix=".bench-", dir=place) as scratch:
                write_temporary(bytes(_PROBE_BYTES), Path(scratch))
        except OSError as error:
            raise self._trouble(OSError(error.errno, error.strerror, str(place))) from error

    def put(self, document: AnyDocument) -> str:
        """Store `document` and return its key, once it would survive a crash of the machine.

        Putting the same document again changes nothing and succeeds. Raises ConflictError, naming the file, if
        another document is there; StoreError if the folder cannot be written.
        """
        self.create(document.key(), to_bytes(document))
        return document.key()

    def create(self, key: str, data: bytes) -> None:
        """Create the file `key` with `data`, so that it survives a crash. Raises like `put`."""
        final = self._root / key
        try:
            make_folders(self._scratch)
            make_folders(final.parent)
            if not create_file(final, data, self._scratch) and read_file(final) != data:
                raise ConflictError(
                    f"{self._file(key)}: another document is here already, and records are never overwritten; "
                    "compare them, then move the file away or give another folder with --store"
                )
            self._sync(final.parent)
        except OSError as error:
            raise self._trouble(error) from error

    def read(self, key: str) -> AnyDocument:
        """The document under `key`. Raises RecordError, naming the file, if it is missing or invalid."""
        return parse(self.read_bytes(key), key, self._file(key))

    def read_bytes(self, key: str) -> bytes:
        """The content of the file `key`, unchecked. Raises RecordError, naming it, if it is missing."""
        try:
            return read_file(self._root / require_record_key(key))
        except OSError as error:
            advice = _UNREADABLE.get(error.errno or 0, "move it out of the store")
            raise RecordError(f"{self._file(key)}: cannot be read ({error.strerror}); {advice}") from error

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes | RecordError]:
        """The contents of the files `keys`, in that order, or why one cannot be read."""
        for key in keys:
            try:
                yield self.read_bytes(key)
            except RecordError as error:
                yield error

    def keys(self, prefix: str = f"{ROOT}/") -> Iterator[str]:
        """The keys that begin with `prefix`, sorted. Files that are not records are skipped.

        Raises StoreError if the folder is missing or cannot be listed.
        """
        self._require_folder()
        return iter(sorted(key for key in self._files(prefix) if key.startswith(prefix) and is_record_key(key)))

    def _files(self, prefix: str) -> Iterator[str]:
        below = prefix.rpartition("/")[0] or ROOT
        for folder, names in walk(self._root / below, self._unlistable):
            above = Path(folder).relative_to(self._root).as_posix()
            yield from (f"{above}/{name}" for name in names)

    def _sync(self, folder: Path) -> None:
        """Force the names of all folders from a record up to the root to the disk, whoever made them."""
        while folder != self._root:
            sync_folder(folder)
            folder = folder.parent
        sync_folder(self._root)

    def _file(self, key: str) -> str:
        return f"{self._name.rstrip('/')}/{key}"

    def _require_folder(self) -> None:
        try:
            if self._root.is_dir():
                return
            missing = not self._root.exists()
        except OSError as error:
            raise self._trouble(error) from error
        if not missing:
            raise StoreError(f"store {self._name}: is not a folder; give a folder with --store")
        raise StoreError(
            f"store {self._name}: there is no such folder; `bench run RECIPE --store {quote(self._name)}` creates it, "
            "or name the folder that holds your records"
        )

    def _unlistable(self, error: OSError) -> None:
        # No run yet, or a folder that was removed while it was listed: no records there.
        if not isinstance(error, FileNotFoundError):
            raise self._trouble(error) from error

    def _trouble(self, error: OSError) -> StoreError:
        advice = _ADVICE.get(error.errno or 0, f"{error.strerror}; give another folder with --store")
        culprit = f" ({error.filename})" if error.filename else ""
        return StoreError(f"store {self._name}: {advice}{culprit}")

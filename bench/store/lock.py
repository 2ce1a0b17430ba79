"""A lock in a store: one holder of a name at a time, among all processes that use the store.

In a folder it is a lock on a file, which ends with its process. In S3 it is a series of objects, .locks/NAME/00000001
and so on, each created once: whoever creates the next one holds the lock until the time stated in it, and renews it
by creating another. So nothing is deleted, and the lock of a dead holder is free when that time is over; on the same
host at once. If the holder's own next object already exists, the answer to the request that created it was lost.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.errors import StoreError
from bench.host import boot_id
from bench.store import FolderStore, Store, spool_folder

if TYPE_CHECKING:  # boto3 takes long to import
    from bench.store.s3 import S3Store

_FOLDER = ".locks"
_NUMBER = re.compile(r"/(\d{8,18})$", re.ASCII)
_VALID, _RENEW_S = timedelta(minutes=15), 240.0


@contextmanager
def locked(store: Store, name: str) -> Iterator[threading.Event]:
    """Hold the lock `name` of `store` and of this host; the event is set if another holder takes it over.

    Raises StoreError if another process holds it.
    """
    # In the spool's folder: the one above may be a volume's, and read-only.
    with file_lock(spool_folder() / _FOLDER / f"{name}.lock", name):
        if isinstance(store, FolderStore):
            with file_lock(store.root / _FOLDER / f"{name}.lock", name):
                yield threading.Event()
        else:
            with _object_lock(cast("S3Store", store), name) as lost:  # there is no third kind
                yield lost


@contextmanager
def file_lock(path: Path, name: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock called `name` on the file `path`, which is created. The kernel releases it with its process.

    Raises StoreError if another process holds it, unless `wait` is set, and if the file system has no locks.
    """
    import fcntl  # not on Windows, where records can still be read

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+")
    except OSError as error:
        raise StoreError(f"{path}: the lock of {name} cannot be made ({error.strerror})") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            raise StoreError(
                f"{name} is already running (process {holder}, lock {path}); "
                "wait for it to finish, or stop it with Ctrl-C there"
            ) from None
        except OSError as error:  # some network file systems have no locks
            raise StoreError(f"{path}: the lock of {name} cannot be had ({error.strerror})") from None
        with suppress(OSError):  # only for others to read: a full disk does not matter
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield


@dataclass(frozen=True)
class _Claim:
    """The content of one object: who holds the lock, and until when."""

    host: str
    pid: int
    until: str

    @property
    def own(self) -> bool:
        """Whether it belongs to this process, which holds a lock only once at a time."""
        return (self.host, self.pid) == (_host(), os.getpid())

    @property
    def holds(self) -> bool:
        """Whether it excludes this process: it has not expired, and its process is not known to be dead."""
        if self.own or datetime.fromisoformat(self.until) <= datetime.now(UTC):
            return False
        if self.host != _host():
            return True
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


def _host() -> str:
    """Identifies this boot of this host, or of a container on it; no name can be recovered from it."""
    with suppress(OSError):  # process ids are unique within a namespace
        return hashlib.sha256(f"{boot_id()} {Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:16]
    return hashlib.sha256(f"{boot_id()} {uuid.getnode()}".encode()).hexdigest()[:16]


@contextmanager
def _object_lock(store: S3Store, name: str) -> Iterator[threading.Event]:
    number = _acquire(store, name)
    lost, done = threading.Event(), threading.Event()

    def renew() -> None:
        nonlocal number
        while not done.wait(_RENEW_S):
            # A store that is briefly unreachable is asked again; a claim outlasts several renewals.
            with suppress(StoreError):
                renewed = _follow(store, name, number, _VALID)
                if renewed is None:
                    lost.set()
                    return
                number = renewed

    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield lost
    finally:
        done.set()
        thread.join(60)
        if not lost.is_set():
            with suppress(StoreError):  # it expires by itself
                _follow(store, name, number, timedelta(0))


def _acquire(store: S3Store, name: str) -> int:
    """The number of the claim that was made. Raises StoreError if another process holds the lock, or may hold it."""
    while True:
        # There may be other objects, such as the one by which a console represents a folder.
        claims = {int(found[1]): key for key in store.objects(f"{_FOLDER}/{name}/") if (found := _NUMBER.search(key))}
        number = max(claims, default=0)
        if number:
            last = _read(store, claims[number])
            if last.holds:
                where = f"process {last.pid} of this host" if last.host == _host() else "another host"
                raise StoreError(
                    f"store {store.name}: {name} is already running ({where}, at least until {last.until}); "
                    "wait for it to finish, or stop it with Ctrl-C there"
                )
        if taken := _follow(store, name, number, _VALID):
            return taken


def _follow(store: S3Store, name: str, number: int, valid: timedelta) -> int | None:
    """The number of the claim that was made after `number`; None if another process has made one there."""
    while True:
        number += 1
        claim = _Claim(_host(), os.getpid(), (datetime.now(UTC) + valid).isoformat(timespec="seconds"))
        key = f"{_FOLDER}/{name}/{number:08d}"
        if store.create_object(key, json.dumps(asdict(claim)).encode()):
            return number
        there = _read(store, key)
        if there == claim:  # boto3 sent the request twice
            return number
        if not there.own:
            return None


def _read(store: S3Store, key: str) -> _Claim:
    """The claim in the object `key`. Raises StoreError if it is not one: then the holder of the lock is unknown."""
    try:
        claim = _Claim(**json.loads(store.read_object(key)))
        is_time = datetime.fromisoformat(claim.until).tzinfo is not None
        if not (is_time and type(claim.pid) is int and 0 < claim.pid < 1 << 31):
            raise ValueError(claim)
    except (ValueError, TypeError, RecursionError):  # errors of json and the dataclass for other content
        raise StoreError(
            f"{store.name}/{key}: is no claim of this version of bench, so who holds the lock is unknown; "
            "delete it once no sweep and no compaction runs"
        ) from None
    return claim

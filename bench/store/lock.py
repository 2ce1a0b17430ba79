"""A lock in a store: one holder of a name at a time, among all processes that use the store.

In a folder it is a lock on a file, which ends with its process. In S3 it is a row of objects, .locks/NAME/00000001 and
so on, each created once: whoever creates the next one holds the lock until the time that stands in it, and renews it
by creating another. So nothing is deleted, and a holder that died is followed when its time is over; on the same host
at once. An object of the holder's own that is there already was created by a request whose answer was lost.
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
    """Hold the lock `name` of `store`, and of this host: the event is set if it is lost to another holder.

    Raises StoreError where another process holds it.
    """
    with file_lock(spool_folder() / _FOLDER / f"{name}.lock", name):  # its parent may be a volume's, and read-only
        if isinstance(store, FolderStore):
            with file_lock(store.root / _FOLDER / f"{name}.lock", name):
                yield threading.Event()
        else:
            with _object_lock(cast("S3Store", store), name) as lost:  # there is no third kind
                yield lost


@contextmanager
def file_lock(path: Path, name: str, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock on the file `path`, which is made; it is called `name`. The kernel ends it with its process.

    Raises StoreError where another process holds it, unless that is to be waited for, and where there are no locks.
    """
    import fcntl  # Windows has none; there, records can still be read

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
        except OSError as error:  # some network file systems have none
            raise StoreError(f"{path}: the lock of {name} cannot be had ({error.strerror})") from None
        with suppress(OSError):  # it is for others to read: a full disk does not matter
            os.ftruncate(file.fileno(), 0)
            os.write(file.fileno(), f"{os.getpid()}\n".encode())
        yield


@dataclass(frozen=True)
class _Claim:
    """What one object says: who holds the lock, and until when."""

    host: str
    pid: int
    until: str

    @property
    def own(self) -> bool:
        """Whether it is of this process, which holds a lock once at a time."""
        return (self.host, self.pid) == (_host(), os.getpid())

    @property
    def holds(self) -> bool:
        """Whether it keeps this process out: its time is not over, and its process not known to be dead."""
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
    """Tells this boot of this host, and a container on it, from another; no name can be read out of it."""
    with suppress(OSError):  # processes have their numbers in a namespace
        return hashlib.sha256(f"{boot_id()} {Path('/proc/self/ns/pid').readlink()}".encode()).hexdigest()[:16]
    return hashlib.sha256(f"{boot_id()} {uuid.getnode()}".encode()).hexdigest()[:16]


@contextmanager
def _object_lock(store: S3Store, name: str) -> Iterator[threading.Event]:
    number = _acquire(store, name)
    lost, done = threading.Event(), threading.Event()

    def renew() -> None:
        nonlocal number
        while not done.wait(_RENEW_S):
            # A store that is away for a moment is asked again; the claim is good for several renewals.
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
            with suppress(StoreError):  # it ends by itself
                _follow(store, name, number, timedelta(0))


def _acquire(store: S3Store, name: str) -> int:
    """The number of the claim that was made. Raises StoreError where another process holds the lock, or may hold it."""
    while True:
        # Others may lie there too, such as the object by which a console shows a folder.
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
    """The number of the claim that was made behind `number`; None where another process has made one there."""
    while True:
        number += 1
        claim = _Claim(_host(), os.getpid(), (datetime.now(UTC) + valid).isoformat(timespec="seconds"))
        key = f"{_FOLDER}/{name}/{number:08d}"
        if store.create_object(key, json.dumps(asdict(claim)).encode()):
            return number
        there = _read(store, key)
        if there == claim:  # boto3 had to ask twice
            return number
        if not there.own:
            return None


def _read(store: S3Store, key: str) -> _Claim:
    """The claim in the object `key`. Raises StoreError where it is none: who holds the lock is unknown then."""
    try:
        claim = _Claim(**json.loads(store.read_object(key)))
        if (
            datetime.fromisoformat(claim.until).tzinfo is None
            or type(claim.pid) is not int
            or not 0 < claim.pid < 1 << 31
        ):
            raise ValueError(claim)
    except (ValueError, TypeError, RecursionError):  # what json and a dataclass say of words that are not theirs
        raise StoreError(
            f"{store.name}/{key}: is no claim of this version of bench, so who holds the lock is unknown; "
            "delete it once no sweep and no compaction runs"
        ) from None
    return claim

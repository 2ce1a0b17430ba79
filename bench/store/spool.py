"""The spool: where records wait on the local disk until their store has confirmed them.

    <spool>/<group>/store           the store's locator, such as s3://bucket/prefix
    <spool>/<group>/<sha256>.json   a record meant for it

A record is forced to the disk here before its store is contacted, and removed once the store has it. So nothing is
lost if a store is unreachable, or if a process is killed while it waits for one. Any number of processes may add and
drain concurrently: putting a record twice changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

from bench.concurrency import in_threads
from bench.errors import BenchError, ConflictError, StoreError
from bench.record.documents import AnyDocument, from_bytes, to_bytes
from bench.store.base import Store
from bench.store.files import create_file, make_folders, read_file, sweep, sync_folder
from bench.store.log import echo as echo_to_log
from bench.text import plural
from bench.tracking import tracked
from bench.variables import SPOOL

_STORE = "store"


def spool_folder() -> Path:
    """`$BENCH_SPOOL`, else `$XDG_STATE_HOME/bench/spool`, else `~/.local/state/bench/spool`."""
    if named := SPOOL.read(os.environ):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111 -- never raises
    return Path(state) / "bench" / "spool"


class Spool:
    """The records that wait for the store at `locator`."""

    def __init__(self, locator: str) -> None:
        self.locator = locator
        self._folder = spool_folder() / hashlib.sha256(os.fsencode(locator)).hexdigest()[:16]

    def add(self, document: AnyDocument) -> Path:
        """Keep `document`, and return its file once it would survive a crash. Raises OSError."""
        scratch = self._folder / ".tmp"
        make_folders(scratch)
        if not (self._folder / _STORE).exists():
            create_file(self._folder / _STORE, os.fsencode(self.locator), scratch)
        data = to_bytes(document)
        # Named by content, so that two conflicting documents with one key are both kept.
        path = self._folder / f"{hashlib.sha256(data).hexdigest()}.json"
        create_file(path, data, scratch)
        sync_folder(self._folder)
        return path

    def waiting(self) -> list[Path]:
        """The files of the records that wait."""
        return sorted(self._folder.glob("*.json"))

    def sweep(self) -> None:
        """Remove what writers that died more than a day ago left incomplete."""
        try:
            sweep(self._folder / ".tmp")
        except FileNotFoundError:
            return
        except OSError as error:
            raise _unreadable(error) from error


def spools() -> list[Spool]:
    """The spools of all stores for which records wait. Raises StoreError if one cannot be read."""
    try:
        locators = [os.fsdecode(read_file(path)) for path in sorted(spool_folder().glob(f"*/{_STORE}"))]
    except OSError as error:
        raise _unreadable(error) from error
    return [spool for locator in locators if (spool := Spool(locator)).waiting()]


@dataclass(frozen=True)
class Drained:
    """How many records went into the store, and why others did not: one error per record, or one for the store."""

    stored: int
    errors: list[BenchError]


def drain(spool: Spool, store: Store) -> Drained:
    """Put what waits in `spool` into `store`, each record leaving the spool only once the store has it.

    A record that conflicts with another, or is damaged, stays, and is among the errors. So is a failure of the store,
    after which no further record is tried.
    """
    spool.sweep()
    stored = 0
    errors: list[BenchError] = []
    waiting = spool.waiting()
    results = in_threads(lambda path: _move(path, store), waiting)
    for error in tracked(results, "records", len(waiting)):
        if error is None:
            stored += 1
            continue
        errors.append(error)
        if isinstance(error, StoreError) and not isinstance(error, ConflictError):
            results.close()
            break
    return Drained(stored, errors)


def _move(path: Path, store: Store) -> BenchError | None:
    try:
        _put(from_bytes(read_file(path), str(path)), store)
        path.unlink(missing_ok=True)
    except FileNotFoundError:  # another process drained it
        return None
    except ConflictError as error:
        return ConflictError(f"{error}; the record in conflict stays in {path}")
    except BenchError as error:
        return error
    except OSError as error:
        return _unreadable(error)
    return None


def _put(document: AnyDocument, store: Store) -> None:
    """Put `document` into `store`. Any failure of it is a BenchError, which does not end a series midway."""
    try:
        store.put(document)
    except BenchError:
        raise
    except Exception as error:
        raise StoreError(f"store {store.name}: failed ({type(error).__name__}: {error})") from error


def _unreadable(error: OSError) -> StoreError:
    return StoreError(f"spool {spool_folder()}: {error.strerror} ({error.filename}); name another in {SPOOL.name}")


class GivenUp(BaseException):
    """Nobody waits for the store any longer. Not an Exception, which a library in between might handle as its own."""


class SpooledWriter:
    """Puts documents into a store by way of its spool, and loses none if the store fails.

    With `echo`, each goes to stdout first, as a line of the job's log. Waiting for the store happens inside `waiting`,
    which may raise GivenUp: then the store is not contacted again. `reached`: the store accepted the last one.
    """

    def __init__(
        self, store: Store, *, echo: bool = False, waiting: Callable[[], AbstractContextManager[None]] = nullcontext
    ) -> None:
        self._store, self._echo, self._waiting = store, echo, waiting
        self._given_up = False
        self._spool = Spool(store.locator)
        self._refused: list[Path | None] = []  # in the spool; None: only on stderr
        self.reached = False

    def put(self, document: AnyDocument, *, joins: bool = False) -> str:
        """The document's key. What the store does not accept stays in the spool, or at worst goes to stderr.

        `joins`: another document under its key will do, such as that of a call that was slightly faster.
        """
        spooled: Path | OSError
        if self._echo:  # before the store, which may not answer for minutes on a machine that has only seconds left
            echo_to_log(document)
        try:
            spooled = self._spool.add(document)
        except OSError as error:  # no matter, if the store accepts it
            spooled = error
        try:
            self._ask(document)
        except BenchError as error:
            if not (joins and isinstance(error, ConflictError)):
                self.reached = False
                self._refuse(document, error, spooled)
                return document.key()
        self.reached = True
        if isinstance(spooled, Path):
            with suppress(OSError):  # it would be put again, which changes nothing
                spooled.unlink(missing_ok=True)
        return document.key()

    def _ask(self, document: AnyDocument) -> None:
        """Have the store accept it. Raises BenchError if it does not, or is not waited for."""
        try:
            if not self._given_up:
                with self._waiting():
                    _put(document, self._store)
                return
        except GivenUp:
            self._given_up = True
        raise StoreError(f"store {self._store.name}: no longer waited for")

    def drain(self) -> None:
        """Put what waits for this store, from this call or an earlier one, if the store was just reached."""
        if not self.reached:
            return
        with suppress(StoreError):  # what stays in the spool is counted at the end
            if done := drain(self._spool, self._store).stored:
                _say(f"{plural(done, 'record')} that waited in the spool {_are(done)} in {self._store.name} now")

    def finish(self) -> None:
        """Say what still waits for this store. Raises StoreError if a record of this call is not in it."""
        self.drain()
        waiting = len(self._spool.waiting())
        drainable = f"`bench store drain` puts {'it' if waiting == 1 else 'them'} there, or says why not"
        missing = sum(path is None or path.exists() for path in self._refused)
        if missing:
            nowhere = self._refused.count(None)
            ways = [drainable] if missing > nowhere else []
            if nowhere:
                ways.append(f"{nowhere} of them {_are(nowhere)} on stderr alone, as a line to save")
            raise StoreError(
                f"{plural(missing, 'record')} of this call {_are(missing)} not in {self._store.name}; {'; '.join(ways)}"
            )
        if waiting:
            _say(f"{plural(waiting, 'record')} of other calls {_are(waiting)} not in {self._store.name}; {drainable}")

    def _refuse(self, document: AnyDocument, why: BenchError, spooled: Path | OSError) -> None:
        if isinstance(spooled, Path):
            self._refused.append(spooled)
            _say(f"{why}; the record is kept in {spooled}")
            return
        self._refused.append(None)
        _say(
            f"{why}; and the spool {spool_folder()} cannot be written ({spooled.strerror}). This is the record; "
            f"save the line as {document.key()} in a folder that is a store:"
        )
        sys.stderr.write(to_bytes(document).decode())


def _say(line: str) -> None:
    """Print on stderr, even without progress output: it is about what was measured."""
    sys.stderr.write(f"bench: {line}\n")


def _are(n: int) -> str:
    return "is" if n == 1 else "are"

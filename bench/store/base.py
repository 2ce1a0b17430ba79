"""The interface of every store, wherever it keeps its records, and how records from elsewhere are added to one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, Protocol, get_args

from bench.errors import BenchError, ConflictError, RecordError, StoreError
from bench.record.documents import AnyDocument, LeaseEdge, LeaseOpened, from_bytes, lease_key
from bench.tracking import tracked

ROOT = "v1"
RUNS, LEASES = f"{ROOT}/runs/", f"{ROOT}/leases/"
# The beginning of a record's key, up to the part of its id that is a time.
_MILLISECOND = re.compile(rf"{ROOT}/(?:runs/\d{{4}}/\d\d/\d\d|leases)/[0-9a-f]{{8}}-[0-9a-f]{{4}}-")

Leases = dict[str, LeaseOpened]


class RawRecord(NamedTuple):
    """A record on its way into a store: its key and its bytes, not yet checked."""

    key: str
    raw: bytes


class DamagedLine(NamedTuple):
    """A record that is incomplete or altered in a job's log; `line` counts from 1, `key` is what can be read of it."""

    line: int
    key: str
    why: str


class Store(Protocol):
    """Records by key, such as `v1/runs/2026/11/22/<id>.json`. A record is created once and never changed."""

    @property
    def name(self) -> str:
        """The store as the user spelled it."""

    @property
    def locator(self) -> str:
        """The store as `open_store` accepts it in any working directory: an absolute path, or a URL."""

    def check_writable(self) -> None:
        """Make the store if it is missing, and check by writing that it accepts records. Raises StoreError."""

    def put(self, document: AnyDocument) -> str:
        """Store `document` and return its key, once it would survive a crash of the machine.

        Putting the same document again changes nothing and succeeds. Raises ConflictError if another document is
        stored under the same key, StoreError if the store cannot be written.
        """

    def read(self, key: str) -> AnyDocument:
        """The document under `key`. Raises RecordError, naming its place, if it cannot be trusted."""

    def read_bytes(self, key: str) -> bytes:
        """The bytes under `key`, unchecked. Raises RecordError, naming the place, if they are missing."""

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes | RecordError]:
        """The bytes under each of `keys`, unchecked and in that order, or why they cannot be read.

        Several are read concurrently if that is faster, and only a few are held in memory.
        """

    def keys(self, prefix: str = f"{ROOT}/") -> Iterator[str]:
        """The keys that begin with `prefix`, sorted. Raises StoreError if there is no store."""


def is_record_key(key: str) -> bool:
    """Whether `key` can name a record: `v1/**.json`, without hidden, empty or `..` parts."""
    first, *rest = key.split("/")
    return first == ROOT and key.endswith(".json") and all(part and part[0] != "." for part in rest)


def parse(raw: bytes, key: str, name: str) -> AnyDocument:
    """The document in `raw`, found under `key`. Raises RecordError, naming `name`, if it is not valid."""
    document = from_bytes(raw, name)
    # Otherwise a record copied to a second name would be counted twice.
    if document.key() != key:
        raise RecordError(f"{name}: holds the record that belongs at {document.key()}; remove this copy")
    return document


def read_each(store: Store, keys: Sequence[str] | None = None) -> Iterator[AnyDocument | RecordError]:
    """The documents under `keys` (default: all, by key); in place of one that cannot be trusted, an error.

    Raises StoreError if there is no store, or it cannot be listed or read.
    """
    keys = list(store.keys()) if keys is None else keys
    read = zip(keys, store.read_many(keys), strict=True)
    for key, raw in tracked(read, "records", len(keys)):
        if isinstance(raw, RecordError):
            yield raw
            continue
        try:
            yield parse(raw, key, f"{store.name.rstrip('/')}/{key}")
        except RecordError as error:
            yield error


def read_all(store: Store, *kinds: str) -> tuple[list[AnyDocument], list[RecordError]]:
    """What `read_each` yields, of some kinds (such as `leases`) or of all, documents and errors separately."""
    documents: list[AnyDocument] = []
    errors: list[RecordError] = []
    keys = [key for kind in kinds for key in store.keys(f"{ROOT}/{kind}/")] if kinds else None
    for found in read_each(store, keys):
        if isinstance(found, RecordError):
            errors.append(found)
        else:
            documents.append(found)
    return documents, errors


def read_documents(stores: Iterable[Store], *kinds: str) -> tuple[list[AnyDocument], list[RecordError]]:
    """What `read_all` returns, for several stores, each document once.

    A document that differs between two stores is among the errors; that of the first store counts.
    """
    first: dict[str, tuple[str, AnyDocument]] = {}
    errors: list[RecordError] = []
    for store in stores:
        documents, refused = read_all(store, *kinds)
        errors += refused
        for document in documents:
            earlier, known = first.setdefault(document.key(), (store.name, document))
            if known != document:
                errors.append(other_content(document.key(), earlier, store.name))
    return [document for _, document in first.values()], errors


def other_content(record: str, first: str, second: str) -> RecordError:
    """The error of a record that differs between two stores."""
    return RecordError(f"{record}: {second} has other content than {first}, which counts; compare them")


def read_leases(store: Store) -> tuple[Leases, list[RecordError]]:
    """The opened leases of a store by id, and an error for each that cannot be trusted."""
    leases: Leases = {}
    errors: list[RecordError] = []
    for lease in read_each(store, [key for key in store.keys(LEASES) if key.endswith("/opened.json")]):
        if isinstance(lease, RecordError):
            errors.append(lease)
        else:
            assert isinstance(lease, LeaseOpened)  # only a lease is stored under that key
            leases[lease.id] = lease
    return leases, errors


def lease_edges(store: Store, lease_id: str) -> set[LeaseEdge]:
    """Which records of the lease exist. Raises StoreError if there is no store."""
    keys = set(store.keys(f"{LEASES}{lease_id}/"))
    return {edge for edge in get_args(LeaseEdge) if lease_key(lease_id, edge) in keys}


def require_record_key(key: str) -> str:
    """`key`, if it can name a record. Raises StoreError for anything else, such as a path out of the store."""
    if not is_record_key(key):
        raise StoreError(f"{key!r} is not the key of a record, such as {ROOT}/runs/2026/11/22/<id>.json")
    return key


@dataclass(frozen=True)
class Collected:
    """How many records came, how many were already in the store, how many were damaged, and why some were refused."""

    new: int = 0
    known: int = 0
    damaged: int = 0
    errors: tuple[BenchError, ...] = ()


class Collector:
    """Puts records into a store. One that comes again, from the same source or another, counts once.

    `known` are the keys of the records that count as known.
    """

    def __init__(self, store: Store, known: Collection[str] = ()) -> None:
        self.taken: set[str] = set()
        self._store, self._known = store, known
        self._seen: set[tuple[str, bytes]] = set()  # keys and digests: the records of a long log are megabytes
        self._errors: list[BenchError] = []
        self._damaged: dict[str, RecordError] = {}  # by key
        self._nameless: dict[str, list[tuple[str, RecordError]]] = {}  # by source, with the remains of the key

    def add(self, records: Iterable[RawRecord | DamagedLine], source: str) -> None:
        """Put what was read from `source`. The result names what is corrupt, in conflict or damaged.

        Raises StoreError if the store accepts no records; earlier ones are stored, and the rest can be added again.
        """
        self._nameless[source] = []  # a log that is read again may now have complete what was not
        for record in records:
            if isinstance(record, DamagedLine):
                which = f"the record {record.key}" if record.key else "a record"
                error = RecordError(f"{source}: line {record.line} holds {which} damaged: {record.why}")
                if is_record_key(record.key):
                    self._damaged[record.key] = error
                else:
                    self._nameless[source].append((record.key, error))
            elif (seen := (record.key, hashlib.sha256(record.raw).digest())) not in self._seen:
                self._put(record, source)
                self._seen.add(seen)

    def result(self) -> Collected:
        """The outcome. A damaged line counts if its record came in no other way. Raises StoreError."""
        known = len(self.taken.intersection(self._known))
        damaged = chain(self._damaged.items(), *self._nameless.values())
        lost = [error for key, error in damaged if not self._has_come(key)]
        return Collected(len(self.taken) - known, known, len(lost), (*self._errors, *lost))

    def _has_come(self, key: str) -> bool:
        """Whether the record exists; for an incomplete key, one that begins with it, including its millisecond."""
        if is_record_key(key):
            return key in self.taken or key in self._store.keys(key)
        if _MILLISECOND.match(key) is None:
            return False
        return any(each.startswith(key) for each in chain(self.taken, self._store.keys(key)))

    def _put(self, record: RawRecord, source: str) -> None:
        try:
            self._store.put(parse(record.raw, record.key, f"{source}: {record.key}"))
        except ConflictError as error:
            self._errors.append(ConflictError(f"{error} (the other came from {source})"))
        except RecordError as error:
            self._errors.append(error)
        else:
            self.taken.add(record.key)


def counting_collector(store: Store) -> Collector:
    """A collector that knows what the store contains. Raises StoreError if it cannot be written or listed."""
    store.check_writable()
    return Collector(store, set(store.keys()))


def collect(records: Iterable[RawRecord | DamagedLine], source: str, store: Store) -> Collected:
    """Put the records that were read from `source` into `store`. See `Collector`."""
    collector = counting_collector(store)
    collector.add(records, source)
    return collector.result()

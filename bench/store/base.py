"""What every store does, wherever it keeps its records."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, get_args

from bench.errors import RecordError, StoreError
from bench.record.documents import AnyDocument, LeaseEdge, LeaseOpened, from_bytes, lease_key

ROOT = "v1"

Leases = dict[str, LeaseOpened]


class RawRecord(NamedTuple):
    """A record on its way into a store: its key, and its bytes, which nobody has checked."""

    key: str
    raw: bytes


class Store(Protocol):
    """Records by key, such as `v1/runs/2026/11/22/<id>.json`. A record is created once and never changed."""

    @property
    def name(self) -> str:
        """The store as the user spelled it."""

    @property
    def locator(self) -> str:
        """The store in words that `open_store` takes from any folder: an absolute path, or a URL."""

    def check_writable(self) -> None:
        """Make the store if it is missing and prove that it takes records. Raises StoreError."""

    def put(self, document: AnyDocument) -> str:
        """Store `document` and return its key, once it would survive a crash of the machine.

        Putting the same document again changes nothing and succeeds. Raises ConflictError where another
        document lies under the same key, StoreError where the store cannot be written.
        """

    def read(self, key: str) -> AnyDocument:
        """The document under `key`. Raises RecordError, naming where it lies, if it cannot be trusted."""

    def read_bytes(self, key: str) -> bytes:
        """What lies under `key`, unread. Raises RecordError, naming where, if it is missing."""

    def read_many(self, keys: Sequence[str]) -> Iterator[bytes | RecordError]:
        """What lies under each of `keys`, unread and in their order, or why it cannot be read.

        Several are read at once where that is faster, and few of them are held in memory.
        """

    def keys(self, prefix: str = f"{ROOT}/") -> Iterator[str]:
        """The keys that begin with `prefix`, sorted. Raises StoreError where there is no store."""


def is_record_key(key: str) -> bool:
    """Whether `key` can name a record: `v1/**.json`, without hidden, empty or `..` parts."""
    first, *rest = key.split("/")
    return first == ROOT and key.endswith(".json") and all(part and part[0] != "." for part in rest)


def parse(raw: bytes, key: str, name: str) -> AnyDocument:
    """The document in `raw`, found under `key`. Raises RecordError, naming `name`, if it is not right."""
    document = from_bytes(raw, name)
    # Without this a record copied under a second name would be counted twice.
    if document.key() != key:
        raise RecordError(f"{name}: holds the record whose place is {document.key()}; remove this copy")
    return document


def read_each(store: Store, keys: Sequence[str] | None = None) -> Iterator[AnyDocument | RecordError]:
    """The documents under `keys` (all, by key), and in its place an error for every one that cannot be trusted.

    Raises StoreError where there is no store or it cannot be listed or read.
    """
    keys = list(store.keys()) if keys is None else keys
    for key, raw in zip(keys, store.read_many(keys), strict=True):
        if isinstance(raw, RecordError):
            yield raw
            continue
        try:
            yield parse(raw, key, f"{store.name.rstrip('/')}/{key}")
        except RecordError as error:
            yield error


def read_all(store: Store, *kinds: str) -> tuple[list[AnyDocument], list[RecordError]]:
    """What `read_each` yields, of some kinds (such as `leases`) or of all, documents and errors apart."""
    documents: list[AnyDocument] = []
    errors: list[RecordError] = []
    keys = [key for kind in kinds for key in store.keys(f"{ROOT}/{kind}/")] if kinds else None
    for found in read_each(store, keys):
        if isinstance(found, RecordError):
            errors.append(found)
        else:
            documents.append(found)
    return documents, errors


def read_leases(store: Store) -> tuple[Leases, list[RecordError]]:
    """The opened leases of a store by id, and an error for each that cannot be trusted."""
    leases: Leases = {}
    errors: list[RecordError] = []
    for lease in read_each(store, [key for key in store.keys(f"{ROOT}/leases/") if key.endswith("/opened.json")]):
        if isinstance(lease, RecordError):
            errors.append(lease)
        else:
            assert isinstance(lease, LeaseOpened)  # only a lease has its place there
            leases[lease.id] = lease
    return leases, errors


def lease_edges(store: Store, lease_id: str) -> set[LeaseEdge]:
    """Which records of the lease are there. Raises StoreError where there is no store."""
    keys = set(store.keys(f"{ROOT}/leases/{lease_id}/"))
    return {edge for edge in get_args(LeaseEdge) if lease_key(lease_id, edge) in keys}


def require_record_key(key: str) -> str:
    """`key`, if it can name a record. Raises StoreError for anything else, such as a way out of the store."""
    if not is_record_key(key):
        raise StoreError(f"{key!r} names no record; keys look like {ROOT}/runs/2026/11/22/<id>.json")
    return key

"""Records from elsewhere, put into a store: each checked, none overwritten, each counted once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from bench.errors import BenchError, ConflictError, RecordError
from bench.store.base import RawRecord, Store, is_record_key, parse
from bench.store.log import DamagedLine


@dataclass(frozen=True)
class Collected:
    """How many records came, how many were in the store already, how many were damaged, and why some were not taken."""

    new: int = 0
    known: int = 0
    damaged: int = 0
    errors: tuple[BenchError, ...] = ()


class Collector:
    """Puts records into a store. One that comes again, from the same source or another, is one record.

    `known` are the keys of the records that count as known.
    """

    def __init__(self, store: Store, known: Collection[str] = ()) -> None:
        self.taken: set[str] = set()
        self._store, self._known = store, known
        self._seen: set[tuple[str, bytes]] = set()  # keys and digests: the records of a long log are megabytes
        self._errors: list[BenchError] = []
        self._damaged: dict[str, RecordError] = {}

    def add(self, records: Iterable[RawRecord | DamagedLine], source: str) -> None:
        """Put what was read from `source`. The result names what is corrupt, in conflict or damaged.

        Raises StoreError where the store takes no records; what came before is in it, and the rest can be added again.
        """
        for record in records:
            if isinstance(record, DamagedLine):
                error = f"{source}: line {record.line} holds the record {record.key} damaged: {record.why}"
                self._damaged[record.key] = RecordError(error)
            elif (seen := (record.key, hashlib.sha256(record.raw).digest())) not in self._seen:
                self._put(record, source)
                self._seen.add(seen)

    def result(self) -> Collected:
        """What came of it. A damaged line counts where its record came by no other way. Raises StoreError."""
        known = len(self.taken.intersection(self._known))
        lost = [
            error
            for key, error in self._damaged.items()
            if key not in self.taken and not (is_record_key(key) and key in self._store.keys(key))
        ]
        return Collected(len(self.taken) - known, known, len(lost), (*self._errors, *lost))

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
    """A collector that knows what the store holds. Raises StoreError where it cannot be written or listed."""
    store.check_writable()
    return Collector(store, set(store.keys()))


def collect(records: Iterable[RawRecord | DamagedLine], source: str, store: Store) -> Collected:
    """Put the records that were read from `source` into `store`. See `Collector`."""
    collector = counting_collector(store)
    collector.add(records, source)
    return collector.result()

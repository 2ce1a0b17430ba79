"""Brings records home: from a machine into a store, each checked and none overwritten."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.cloud.sweep.renting import Packed
from bench.errors import BenchError, ConflictError, RecordError, StoreError
from bench.record.documents import AnyDocument
from bench.store import Store
from bench.store.base import parse


@dataclass
class Collected:
    """How many records came, how many were there already, and what could not be taken."""

    new: int = 0
    known: int = 0
    errors: list[BenchError] = field(default_factory=list)
    documents: list[AnyDocument] = field(default_factory=list)


def collect(packed: Iterable[Packed], source: str, store: Store) -> Collected:
    """Put what lies on the machine `source` into `store`.

    A record that is corrupt, or in conflict with another, is named in the answer. Raises StoreError where the store
    does not take records at all.
    """
    store.check_writable()
    there = set(keys_in(store))
    done = Collected()
    for record in packed:
        try:
            document = parse(record.raw, record.key, f"{source}:bench-results/{record.key}")
            store.put(document)
        except (RecordError, ConflictError) as error:
            done.errors.append(error)
            continue
        done.documents.append(document)
        if record.key in there:
            done.known += 1
        else:
            done.new += 1
    return done


def keys_in(store: Store, prefix: str = "v1/") -> list[str]:
    """The keys of a store; none where it has not been begun."""
    try:
        return list(store.keys(prefix))
    except StoreError:
        store.check_writable()  # a store that is away is not an empty one
        return []

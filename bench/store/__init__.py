"""Stores: where records live. Writing is create-only; nothing is overwritten and nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path

from bench.errors import StoreError
from bench.store.base import Store, read_all
from bench.store.folder import FolderStore

__all__ = ["FolderStore", "Store", "open_store", "read_all"]

# Two letters at least, so that a drive letter is a folder; one slash, as a path library leaves of two.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def open_store(url: str | Path) -> FolderStore:
    """The store at `url`, a folder; `~` is expanded. Nothing is read or written yet.

    Raises StoreError where `url` is empty or no folder's path.
    """
    text = str(url)
    if not text.strip():
        raise StoreError("the store has no name; give a folder with --store, for example ./results/local")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return FolderStore(text)
    if scheme[1].lower() == "s3":
        raise StoreError(f"store {text}: S3 stores are not available in this version; give a folder")
    raise StoreError(f"store {text}: {scheme[1]}: is no kind of store known to bench; give a folder")

"""Stores: where records are kept. Writing is create-only; nothing is overwritten and nothing is lost.

Other packages import from here; only the compact layer, which needs pandas, is a module of its own.
"""

from __future__ import annotations

import re
from pathlib import Path

from bench.errors import StoreError
from bench.store.base import (
    LEASES,
    ROOT,
    RUNS,
    Collected,
    Collector,
    DamagedLine,
    Leases,
    RawRecord,
    Store,
    counting_collector,
    is_record_key,
    lease_edges,
    other_content,
    parse,
    read_all,
    read_documents,
    read_each,
    read_leases,
)
from bench.store.files import LARGEST_RUN, leads_back, unpacked, walk
from bench.store.folder import FolderStore
from bench.store.log import read_log, read_log_text
from bench.store.spool import GivenUp, Spool, SpooledWriter, drain, spool_folder, spools

__all__ = [
    "LARGEST_RUN",
    "LEASES",
    "ROOT",
    "RUNS",
    "Collected",
    "Collector",
    "DamagedLine",
    "FolderStore",
    "GivenUp",
    "Leases",
    "RawRecord",
    "Spool",
    "SpooledWriter",
    "Store",
    "counting_collector",
    "drain",
    "is_record_key",
    "leads_back",
    "lease_edges",
    "open_store",
    "other_content",
    "parse",
    "read_all",
    "read_documents",
    "read_each",
    "read_leases",
    "read_log",
    "read_log_text",
    "spool_folder",
    "spools",
    "unpacked",
    "walk",
]

# At least two letters, so that a drive letter is a folder; one slash, since path libraries reduce two to one.
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")


def open_store(url: str | Path) -> Store:
    """The store at `url`: a folder, in which `~` is expanded, or `s3://bucket/prefix`. Nothing is read or written yet.

    Raises StoreError if `url` is neither.
    """
    text = str(url)
    if not text.strip():
        raise StoreError("the store's name is empty; give a folder with --store, for example ./results/local")
    scheme = _SCHEME.match(text)
    if scheme is None:
        return FolderStore(text)
    if scheme[1].lower() == "s3":
        from bench.store.s3 import S3Store  # importing boto3 takes longer than reading a folder

        return S3Store(text)
    # Only the scheme is shown: the rest may contain a password.
    raise StoreError(f"{scheme[1]}: not a kind of store that bench knows; give a folder, or s3://bucket/prefix")

"""The names of the records in a folder, compared with ids: which of a million is not among a million others.

Hashes of 64 bits are compared, as to sort the names, or to look each up, takes a second. A run would be overlooked if
it had the hash of one of the others, of which there is a chance of 1 in 18 million million for a million of them.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.store import leads_back

_ID, _SUFFIX = 36, ".json"  # what the name of a run's record consists of: so many letters, and this
_OF_RUN = re.compile(rf"[\0-\x7f]{{{_ID}}}{re.escape(_SUFFIX)}".encode(), re.DOTALL)
# An id as five numbers of 8 bytes, of which the last two overlap.
_OFFSETS = [0, 8, 16, 24, 28]
# The step of MurmurHash3: after it each bit of a number counts in about half of the bits of the result.
_FACTOR, _SHIFT = np.uint64(0xFF51AFD7ED558CCD), np.uint64(33)

_Hashes = NDArray[np.uint64]


class Listing(NamedTuple):
    """Files by folder: `names` that can be a run's, with the `hashes` of their ids; `others`: paths of other ones."""

    folders: list[str]
    names: list[list[bytes]]
    hashes: list[_Hashes]
    others: list[str]

    def not_among(self, ids: pa.ChunkedArray) -> Iterator[str]:
        """The paths of the files whose names are none of the `ids`."""
        yield from self.others
        found, held = np.concatenate(self.hashes), _hashes_of(ids)
        # Mostly every run is held, and two sorts are faster than a search.
        if np.array_equal(np.sort(found), np.sort(held)):
            return
        fresh = ~np.isin(found, held)  # once for all folders: each call sorts all of `held`
        start = 0
        for folder, names in zip(self.folders, self.names, strict=True):
            yield from (f"{folder}/{names[at].decode()}" for at in np.flatnonzero(fresh[start : start + len(names)]))
            start += len(names)


def listed(root: Path, folder: str) -> Listing:
    """The files below `folder`, which is below `root`. Raises OSError."""
    # Not `keys` of the store: checking a million known names one by one takes longer than reading the layer.
    listing = Listing([folder], [], [], [])
    for each in listing.folders:
        names = os.listdir(os.fsencode(root / each))  # noqa: PTH208 -- ten times as fast as Path.iterdir
        text = b"".join(names)
        if not _of_runs(names, text):
            others = [os.fsdecode(name) for name in names if not _OF_RUN.fullmatch(name)]
            listing.others.extend(f"{each}/{name}" for name in others if name.endswith(_SUFFIX))
            listing.folders.extend(f"{each}/{name}" for name in others if _is_below(root / each, name))
            names = [name for name in names if _OF_RUN.fullmatch(name)]
            text = b"".join(names)
        listing.names.append(names)
        listing.hashes.append(_hashes(text, len(names), _ID + len(_SUFFIX)))
    return listing


def _of_runs(names: list[bytes], text: bytes) -> bool:
    """Whether all `names` can be runs'. Joined in one `text` they are looked at ten times as fast as one by one."""
    if set(map(len, names)) - {_ID + len(_SUFFIX)} or not text.isascii():
        return False
    return bool((np.frombuffer(text, f"S{_ID},S{len(_SUFFIX)}")["f1"] == _SUFFIX.encode()).all())


def _is_below(folder: Path, name: str) -> bool:
    """Whether it is a folder that has to be listed."""
    return (folder / name).is_dir() and not leads_back(folder, name)


def _hashes_of(ids: pa.ChunkedArray) -> _Hashes:
    """The hashes of those `ids` that can be a run's."""
    hashes = [np.empty(0, np.uint64)]
    for chunk in ids.chunks:
        whole = pc.equal(pc.binary_length(chunk), _ID)
        if not pc.all(whole, skip_nulls=False).as_py():
            chunk = chunk.filter(whole)
        if len(chunk):
            _, offsets, text = chunk.buffers()
            start = int(np.frombuffer(offsets, np.int32)[chunk.offset])
            hashes.append(_hashes(text[start:], len(chunk), _ID))
    return np.concatenate(hashes)


def _hashes(text: bytes | pa.Buffer, count: int, apart: int) -> _Hashes:
    """The hash of each of `count` ids in `text`, one every `apart` bytes."""
    words = np.dtype(
        {"names": [str(at) for at in _OFFSETS], "formats": ["<u8"] * 5, "offsets": _OFFSETS, "itemsize": apart}
    )
    numbers = np.frombuffer(text, words, count)
    hashes = np.zeros(count, np.uint64)
    for name in words.names or ():
        hashes ^= numbers[name]
        hashes *= _FACTOR
        hashes ^= hashes >> _SHIFT
    return hashes

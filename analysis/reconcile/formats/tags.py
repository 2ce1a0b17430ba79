"""The lease that a row's tags name, in every form that providers write tags in."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from analysis.reconcile.formats.cells import blank
from bench.record.documents import LEASE_TAG

_PLAIN = LEASE_TAG.replace("-", "").replace("_", "")
_NAMED = re.compile(LEASE_TAG.replace("-", "[-_]"), re.IGNORECASE)
# `"bench-lease": "x"`, `bench-lease=x`, `{'bench_lease': 'x'}`, also out of a list that is cut off.
_PAIR = re.compile(rf"{_NAMED.pattern}[\"']*\s*[:=]\s*[\"']*([^\"',;|{{}}\[\]\s]+)", re.IGNORECASE)


class TagError(ValueError):
    """Tags that name the lease's tag, and cannot be read."""


def is_lease_tag(key: Any) -> bool:
    """Whether a tag's key, or the name of its own column, is the lease's: `user:bench-lease`, `user_bench_lease`."""
    plain = re.sub(r"[-_/:\s]", "", str(key)).casefold()
    return plain in {_PLAIN, f"user{_PLAIN}", f"resourcetagsuser{_PLAIN}", f"resourcetags{_PLAIN}"}


def tag_of(cell: Any) -> str | None:
    """The lease that a cell of tags names; None where it names none.

    Read are JSON, an object or a list of pairs or of {key, value}; the same without braces, as Azure writes it;
    `key=value`; mappings and lists of Parquet. Raises TagError where the tag is there and its value cannot be read.
    """
    if isinstance(cell, str):
        return _of_text(cell)
    if blank(cell):
        return None
    try:
        pairs = sorted(_pairs(cell), key=lambda pair: str(pair[0]) != LEASE_TAG)  # its own name goes first
    except (TypeError, ValueError, KeyError):
        return _of_pair(str(cell)) if _NAMED.search(str(cell)) else None
    value = next((value for key, value in pairs if is_lease_tag(key) and not blank(value)), None)
    if value is None:
        return None
    if not isinstance(value, str):
        raise TagError(f"the tag {LEASE_TAG} holds no text")
    return value.strip()


def tag_or_error(cell: Any) -> tuple[str | None, str | None]:
    """The lease that a cell of tags names, or why a tag that is there cannot be read."""
    try:
        return tag_of(cell), None
    except TagError as error:
        return None, str(error)


def _of_text(cell: str) -> str | None:
    if not _NAMED.search(cell):  # nearly always, in a big file
        return None
    for written in (cell, f"{{{cell}}}", f"[{cell}]"):
        try:
            parsed = json.loads(written)
        except (ValueError, RecursionError):
            continue
        if isinstance(parsed, str):  # JSON in JSON
            return None if parsed == cell else _of_text(parsed)
        if isinstance(parsed, Mapping | list):
            return tag_of(parsed)
    return _of_pair(cell)


def _of_pair(written: str) -> str | None:
    pair = _PAIR.search(written)
    if pair is None:
        raise TagError(f"Tags name {LEASE_TAG} and cannot be read")
    return None if blank(pair[1]) else pair[1]


def _pairs(cell: Any) -> list[tuple[Any, Any]]:
    if isinstance(cell, Mapping):
        return list(cell.items())
    return [_pair(item) for item in cell]


def _pair(item: Any) -> tuple[Any, Any]:
    if isinstance(item, Mapping):
        named = {str(key).casefold(): value for key, value in item.items()}
        if named.keys() & {"key", "name"}:
            return named.get("key", named.get("name")), named.get("value")
        (pair,) = item.items()
        return pair
    key, value = item
    return key, value

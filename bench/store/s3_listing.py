"""Listings of a bucket, trusted only if they say that they are complete.

Servers differ in what surrounds the keys: no KeyCount, capital letters, a login page instead of XML. So only the keys
count, and a listing ends only when the server says so: fewer records than there are would make a report wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from bench.errors import StoreError
from bench.store.s3_client import RAW_BODY, not_s3, server, translate_errors

_LISTING = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<[?!][^>]*>\s*)*<(?:[\w.-]+:)?ListBucketResult[\s/>]")
# boto3 takes anything but `true` in lower case for false.
_TRUNCATED = re.compile(rb"<(?:[\w.-]+:)?IsTruncated>\s*(true|false)\s*<", re.IGNORECASE)


class Page(NamedTuple):
    """A part of a listing: keys, the prefixes that stand for all keys below them, and what is said of each key."""

    keys: list[str]
    prefixes: list[str]
    contents: list[dict[str, Any]]


def list_pages(place: str, client: Any, **parameters: Any) -> Iterator[Page]:
    """The pages of the listing that ListObjectsV2 returns for `parameters`.

    Raises StoreError, which begins with `place`, if an answer is not a listing or contains keys that
    were not asked for, and if the listing is incomplete.
    """
    try:
        yield from _pages(place, client, parameters)
    except _DoubtError as doubt:
        raise StoreError(f"{place}: {doubt}") from None


class _DoubtError(Exception):
    """Why a listing is not believed."""


def _pages(place: str, client: Any, parameters: dict[str, Any]) -> Iterator[Page]:
    token = ""
    tokens: set[str] = set()
    while True:
        with translate_errors(place, server(client)):
            answer = client.list_objects_v2(**parameters, **({"ContinuationToken": token} if token else {}))
        if not _LISTING.match(answer[RAW_BODY]):
            raise _DoubtError(not_s3(server(client)))
        yield _page(answer, parameters["Prefix"])
        if _complete(answer):
            return
        token = answer.get("NextContinuationToken", "")
        if not token:
            raise _DoubtError(
                "the server truncated a listing without a continuation token, so records would be missing; use one "
                "that supports ListObjectsV2"
            )
        if token in tokens:
            raise _DoubtError(
                "the server gave the same continuation token twice, so its listing never ends; use one that supports "
                "ListObjectsV2"
            )
        tokens.add(token)


def _page(answer: dict[str, Any], prefix: str) -> Page:
    contents = answer.get("Contents", [])
    keys = [item.get("Key", "") for item in contents]
    prefixes = [item.get("Prefix", "") for item in answer.get("CommonPrefixes", ())]
    # Otherwise records would be left out, or listed again below every folder.
    strange = next((name for name in (*keys, *prefixes) if not name.startswith(prefix)), None)
    if strange is not None:
        raise _DoubtError(
            f"asked for what begins with {prefix!r}, the server lists {strange[:100]!r}; use one that implements S3"
        )
    return Page(keys, prefixes, contents)


def _complete(answer: dict[str, Any]) -> bool:
    said = _TRUNCATED.search(answer[RAW_BODY])
    if said is None:
        raise _DoubtError("the server does not say whether its listing is complete (IsTruncated); use one that does")
    return said[1].lower() == b"false"

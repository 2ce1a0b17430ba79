"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562)."""

from __future__ import annotations

import hashlib
import secrets
import time
import uuid
from datetime import UTC, date, datetime


def new_id() -> str:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, then random bits."""
    return _version_7(time.time_ns() // 1_000_000, secrets.randbits(80))


def derived_id(day: date, name: str) -> str:
    """The UUIDv7 of what was published on `day` under `name`; the same two always give the same id.

    Its time is the beginning of that day, UTC; its other bits are of the SHA-256 of `name`. Raises ValueError
    for a day before 1970 and for a name that has no UTF-8.
    """
    milliseconds = (day - date(1970, 1, 1)).days * 86_400_000
    if milliseconds < 0:
        raise ValueError(f"{day} is before 1970, and an id holds no such day")
    return _version_7(milliseconds, int.from_bytes(hashlib.sha256(name.encode()).digest()[:10]))


def time_of(identifier: str) -> datetime:
    """When a UUIDv7 was made, UTC, to the millisecond. Raises ValueError for anything else."""
    parsed = uuid.UUID(identifier)
    if parsed.version != 7 or str(parsed) != identifier:
        raise ValueError(f"{identifier} is not a UUID of version 7 in its one spelling")
    return datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)


def _version_7(milliseconds: int, rest: int) -> str:
    value = milliseconds << 80 | rest
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # RFC variant
    return str(uuid.UUID(int=value))

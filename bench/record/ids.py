"""Identifiers that sort by the time they were made (UUID version 7, RFC 9562)."""

from __future__ import annotations

import secrets
import time
import uuid
from datetime import UTC, datetime


def new_id() -> str:
    """A fresh UUIDv7: 48 bits of Unix milliseconds, then random bits."""
    value = (time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # RFC variant
    return str(uuid.UUID(int=value))


def time_of(identifier: str) -> datetime:
    """When a UUIDv7 was made, UTC, to the millisecond. Raises ValueError for anything else."""
    parsed = uuid.UUID(identifier)
    if parsed.version != 7 or str(parsed) != identifier:
        raise ValueError(f"{identifier} is not a UUID of version 7 in its one spelling")
    return datetime.fromtimestamp((parsed.int >> 80) / 1000, UTC)

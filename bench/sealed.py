"""How a record is written: canonical JSON with its checksum, an id that sorts by time, a line of a log.

Standard library only, Python 3.9: it goes with bench.programs to machines that have nothing but Python.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
import uuid
import zlib
from base64 import b64encode
from typing import Any

# Version history of the line of a log: raise the number with any change, and keep reading the old ones.
# 1  2026-11-25  first version
LINE_VERSION = "1"
LINE_MARK = "bench-record:"


def new_id() -> str:
    """A fresh UUIDv7 (RFC 9562): 48 bits of Unix milliseconds, then random bits."""
    return version_7(time.time_ns() // 1_000_000, secrets.randbits(80))


def version_7(milliseconds: int, rest: int) -> str:
    """The UUIDv7 of that many Unix milliseconds and 80 further bits."""
    value = milliseconds << 80 | rest
    value = value & ~(0xF << 76) | 0x7 << 76  # version 7
    value = value & ~(0x3 << 62) | 0x2 << 62  # RFC variant
    return str(uuid.UUID(int=value))


# Canonical JSON: keys are sorted, nothing is padded, text is UTF-8, and NaN and infinity are refused (JSON has none),
# so that the same content is always the same bytes, and a SHA-256 over the bytes is one over the content.
CHECKSUM_FIELD = "sha256"


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def canonical_json(content: dict[str, Any]) -> bytes:
    """The one spelling of `content` in JSON. Raises ValueError on NaN or infinity."""
    return _ENCODER.encode(content).encode()


def seal(content: dict[str, Any]) -> bytes:
    """The bytes to store: `content` with its checksum, in canonical form, ending in a newline.

    The checksum is SHA-256 in hex over the canonical form of `content` without the checksum's own field.
    """
    # Spelled once, for the checksum and for the file, where the checksum stands between these two parts.
    before = canonical_json({key: value for key, value in content.items() if key < CHECKSUM_FIELD})[1:-1]
    after = canonical_json({key: value for key, value in content.items() if key > CHECKSUM_FIELD})[1:-1]
    digest = hashlib.sha256(_object(before, after)).hexdigest()
    return _object(before, f'"{CHECKSUM_FIELD}":"{digest}"'.encode(), after) + b"\n"


def unaltered(raw: bytes, content: dict[str, Any]) -> bool:
    """Whether `raw`, which reads as `content`, is byte for byte what `seal` wrote.

    The checksum is over every byte but its own field, so a change that JSON does not mind, such as a space, shows too.
    """
    digest = content.get(CHECKSUM_FIELD)
    before, _, after = raw.partition(f'"{CHECKSUM_FIELD}":"{digest}"'.encode(errors="replace"))
    bare = before + after.removeprefix(b",") if after.startswith(b",") else before.removesuffix(b",") + after
    return bare.endswith(b"\n") and hashlib.sha256(bare[:-1]).hexdigest() == digest


def _object(*items: bytes) -> bytes:
    return b"{" + b",".join(filter(None, items)) + b"}"


def record_line(raw: bytes, key: str) -> str:
    """The record `raw`, whose place in a store is `key`, as a line of a log, without the newline."""
    payload = b64encode(zlib.compress(raw, 9)).rstrip(b"=").decode()
    return f"{LINE_MARK} {LINE_VERSION},{key},{len(payload)},{line_digest(raw)},{payload}"


def line_digest(raw: bytes) -> str:
    """The digits of a record's SHA-256 that its line carries."""
    return hashlib.sha256(raw).hexdigest()[:16]

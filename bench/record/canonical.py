"""Canonical JSON and its checksum: the same content is always the same bytes.

Keys are sorted, nothing is padded, text is UTF-8, and NaN and infinity are refused (JSON has none), so a
SHA-256 over the bytes is a SHA-256 over the content.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

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

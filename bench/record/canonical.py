"""Canonical JSON and its checksum: the same content is always the same bytes.

Keys are sorted, nothing is padded, text is UTF-8, and NaN and infinity are refused (JSON has none), so a
SHA-256 over the bytes is a SHA-256 over the content.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

CHECKSUM_FIELD = "sha256"


def canonical_json(content: dict[str, Any]) -> bytes:
    """The one spelling of `content` in JSON. Raises ValueError on NaN or infinity."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def checksum(content: dict[str, Any]) -> str:
    """SHA-256 in hex over the canonical form of `content` without its checksum field."""
    bare = {key: value for key, value in content.items() if key != CHECKSUM_FIELD}
    return hashlib.sha256(canonical_json(bare)).hexdigest()


def seal(content: dict[str, Any]) -> bytes:
    """The bytes to store: `content` with its checksum, in canonical form, ending in a newline."""
    return canonical_json({**content, CHECKSUM_FIELD: checksum(content)}) + b"\n"

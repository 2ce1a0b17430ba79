"""TensorBoard event files, scalars only: TFRecord framing and a small part of protocol buffers.

A record is its length (8 bytes, little-endian), the length's checksum, the data and their checksum: CRC-32C, masked.
The length's is always checked, the data's where they are short, as scalars are: pictures are passed over unread.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# A longer record holds no scalar.
MOST_BYTES = 16_384
_HEAD, _TAIL = 12, 4
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_FLOAT, _DOUBLE = 1, 2  # TensorProto's dtype


class Broken(Exception):  # noqa: N818 -- a state of a file that others write
    """Not an event file, or damaged: nothing after this can be read."""


@dataclass(frozen=True)
class Event:
    """One event: its time in seconds since 1970, its step, and the scalars by tag."""

    wall_time: float
    step: int
    scalars: dict[str, float] = field(default_factory=dict)


class Records:
    """The records of a file whose bytes come piece by piece; the last one may be there in part only."""

    def __init__(self) -> None:
        self._rest = b""
        self._skip = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The data of the records that are complete. Raises Broken."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        data = self._rest + data[skipped:]
        start = 0
        while len(data) - start >= _HEAD:
            length, checksum = struct.unpack_from("<QI", data, start)
            if checksum != masked_crc(data[start : start + 8]):
                raise Broken("the checksum of a record's length does not match")
            end = start + _HEAD + length + _TAIL
            if length > MOST_BYTES:
                self._skip = max(end - len(data), 0)
                start = min(end, len(data))
            elif end > len(data):
                break
            else:
                body = data[start + _HEAD : end - _TAIL]
                if struct.unpack_from("<I", data, end - _TAIL)[0] != masked_crc(body):
                    raise Broken("the checksum of a record does not match")
                yield body
                start = end
        self._rest = data[start:]


def event(data: bytes) -> Event:
    """The event that a record's data are. Raises Broken."""
    wall_time, step = 0.0, 0
    scalars: dict[str, float] = {}
    for number, kind, value in _fields(data):
        if (number, kind) == (1, _FIXED64):
            wall_time = struct.unpack("<d", value)[0]
        elif (number, kind) == (2, _VARINT):
            step = _signed(value)
        elif (number, kind) == (5, _BYTES):
            scalars.update(_scalars(value))
    return Event(wall_time, step, scalars)


def _scalars(summary: bytes) -> Iterator[tuple[str, float]]:
    for number, kind, value in _fields(summary):
        if (number, kind) != (1, _BYTES):
            continue
        tag, scalar = "", None
        for inner, inner_kind, content in _fields(value):
            if (inner, inner_kind) == (1, _BYTES):
                tag = content.decode("utf-8", "replace")
            elif (inner, inner_kind) == (2, _FIXED32):
                scalar = struct.unpack("<f", content)[0]
            elif (inner, inner_kind) == (8, _BYTES):
                scalar = _of_tensor(content)
        if tag and scalar is not None:
            yield tag, scalar


def _of_tensor(tensor: bytes) -> float | None:
    """The number of a tensor that is one; None for any other."""
    dtype, content, size = 0, b"", {_FLOAT: 4, _DOUBLE: 8}
    for number, kind, value in _fields(tensor):
        if (number, kind) == (1, _VARINT):
            dtype = value
        elif number in (4, 5, 6) and kind in (_BYTES, _FIXED32, _FIXED64):  # as bytes, floats or doubles
            content = value
    if len(content) != size.get(dtype, -1):
        return None
    number_of: float = struct.unpack("<f" if dtype == _FLOAT else "<d", content)[0]
    return number_of


def _fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, wire type, and an int (varint) or bytes."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, kind, value
            continue
        if kind == _BYTES:
            size, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise Broken(f"wire type {kind} is none of protocol buffers'")
        if at + size > len(data):
            raise Broken("a field goes on beyond its message")
        yield key >> 3, kind, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, seven bits a byte, and where it ends."""
    value = shift = 0
    for place in range(at, min(at + 10, len(data))):
        value |= (data[place] & 0x7F) << shift
        if data[place] < 0x80:
            return value, place + 1
        shift += 7
    raise Broken("a number that does not end")


def _signed(value: int) -> int:
    """The 64-bit number that a varint holds."""
    return value - (1 << 64) if value >= 1 << 63 else value


def masked_crc(data: bytes) -> int:
    """CRC-32C of `data`, rotated and shifted as TFRecord does, so that a checksum of checksums is none."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def _table() -> tuple[int, ...]:
    """What each byte does to a checksum, by Castagnoli's polynomial."""
    entries = []
    for entry in range(256):
        for _ in range(8):
            entry = entry >> 1 ^ (0x82F63B78 if entry & 1 else 0)
        entries.append(entry)
    return tuple(entries)


_TABLE = _table()

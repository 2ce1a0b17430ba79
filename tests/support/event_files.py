"""TensorBoard's event files, written as its own writers do: framing, checksums, and scalars as protocol buffers."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_POLYNOMIAL = 0x82F63B78


def crc32c(data: bytes) -> int:
    """The checksum, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def record(data: bytes) -> bytes:
    """One record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + _checksum(length) + data + _checksum(data)


def event(wall_time: float, step: int = 0, scalars: Mapping[str, float] | None = None) -> bytes:
    """The record of an event, its scalars as simple values."""
    values = (_bytes(1, tag.encode()) + b"\x15" + struct.pack("<f", value) for tag, value in (scalars or {}).items())
    return record(
        _time(wall_time) + b"\x10" + _varint(step % 2**64) + _bytes(5, b"".join(_bytes(1, v) for v in values))
    )


def tensor_event(wall_time: float, step: int, tag: str, value: float) -> bytes:
    """The record of an event whose scalar is a tensor, as TensorFlow 2 writes them."""
    tensor = b"\x08\x01" + _bytes(4, struct.pack("<f", value))
    return record(
        _time(wall_time) + b"\x10" + _varint(step) + _bytes(5, _bytes(1, _bytes(1, tag.encode()) + _bytes(8, tensor)))
    )


def begun(wall_time: float) -> bytes:
    """The record that every event file begins with."""
    return record(_time(wall_time) + _bytes(3, b"brain.Event:2"))


def _time(wall_time: float) -> bytes:
    return b"\x09" + struct.pack("<d", wall_time)


def _bytes(number: int, data: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _varint(value: int) -> bytes:
    low, rest = value & 0x7F, value >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])


def _checksum(data: bytes) -> bytes:
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

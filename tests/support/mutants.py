"""Inputs near valid ones: texts with pieces lost, repeated or put in, and documents with odd values in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st

# What readers have stumbled over: other numbers, other encodings, other ends of lines, too much of something.
PIECES = [
    *(piece.encode() for piece in ("nan", "-inf", "1e999", "0x1F", "1_000", "٣", "-0", "null", "NULL", "true", "''")),
    *(
        piece.encode()
        for piece in ("\r\n", "\r", "\t", "\0", "\ufeff", "\u2028", "\ud7ff", "é", ",", ";", ":", "#", "- ")
    ),
    *(
        piece.encode()
        for piece in ("{", "}", "[", "]", '"', "'", "\\", "&a ", "*a", "!!python/none", "<<: *a", "%", "|", ">")
    ),
    *(
        piece.encode()
        for piece in ("2026-11-26", "10:10", "9" * 400, "[" * 400, "{a: " * 200, "1e-400", "0b1", "~", "=")
    ),
    b"\xff\xfe",
    b"\x80",
]
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, 10**400, -1, 0]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", "nan", "\0", "é" * 300, "x" * 5000, "9" * 5000, "1e999", "2026-13-45", "-", "/", ":", "~"]
    ),
    st.lists(st.none() | st.integers() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none() | st.integers() | st.text(max_size=3), max_size=3),
)


@st.composite
def texts(draw: st.DrawFn, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds` after a few cuts, repetitions and insertions; now and then anything at all."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(1, 4))):
        start, length = draw(st.integers(0, len(data))), draw(st.integers(0, 12))
        cut = data[start : start + length]
        piece = draw(st.sampled_from([b"", cut * 2, *PIECES]) | st.binary(max_size=6))
        data = data[:start] + piece + data[start + length :]
    return data


@st.composite
def contents(draw: st.DrawFn, seeds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """One of `seeds` with odd values, keys that are lost, and keys that nobody knows."""
    found: dict[str, Any] = _copy(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(found))))
        if draw(st.integers(0, 4)) == 0:
            del holder[key]
        elif draw(st.integers(0, 4)) == 0 and isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = draw(ODD)
        else:
            holder[key] = draw(ODD)
        if not found:
            break
    return found


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list | tuple) else value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in nested mappings and lists: what holds it, and its key or number there."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in pairs:
        yield value, key
        yield from _places(each)

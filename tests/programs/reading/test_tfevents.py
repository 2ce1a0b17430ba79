"""TensorBoard's framing, and what of protocol buffers it takes."""

import math
import struct

import pytest
from hypothesis import given, strategies as st

from bench.programs.reading.tfevents import MOST_BYTES, Broken, Records, event, masked_crc
from tests.support import event_files


def payload(record: bytes) -> bytes:
    return record[12:-4]


def test_the_checksum_is_castagnolis() -> None:
    assert event_files.crc32c(b"123456789") == 0xE3069283  # RFC 3720's check value
    crc = 0xE3069283
    assert masked_crc(b"123456789") == ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


@given(st.lists(st.binary(max_size=300), max_size=5), st.integers(1, 50))
def test_the_pieces_of_a_file_do_not_matter(bodies: list[bytes], size: int) -> None:
    data = b"".join(map(event_files.record, bodies))
    records = Records()
    read = [body for at in range(0, len(data), size) for body in records.feed(data[at : at + size])]
    assert read == bodies


# A few bytes again and again: hypothesis draws no bodies of that length.
LONG_BODIES = st.builds(
    lambda size, pattern: (pattern * size)[:size],
    st.integers(MOST_BYTES + 1, MOST_BYTES + 50),
    st.binary(min_size=1, max_size=16),
)


@pytest.mark.slow
@given(st.lists(LONG_BODIES, max_size=2), st.integers(1, 9000))
def test_long_records_are_passed_over(bodies: list[bytes], size: int) -> None:
    data = b"".join(map(event_files.record, [b"before", *bodies, b"after"]))
    records = Records()
    read = [body for at in range(0, len(data), size) for body in records.feed(data[at : at + size])]
    assert read == [b"before", b"after"]


@given(
    st.floats(0, 1e12),
    st.integers(-(2**63), 2**63 - 1),
    st.dictionaries(st.text(min_size=1, max_size=20), st.floats(width=32), max_size=3),
)
def test_an_event_comes_back(wall_time: float, step: int, scalars: dict[str, float]) -> None:
    read = event(payload(event_files.event(wall_time, step, scalars)))
    assert (read.wall_time, read.step, list(read.scalars)) == (wall_time, step, list(scalars))
    assert all(
        math.isnan(a) if math.isnan(b) else a == b for a, b in zip(read.scalars.values(), scalars.values(), strict=True)
    )


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_broken(data: bytes) -> None:
    try:
        event(data)
    except Broken:
        return


@pytest.mark.parametrize("data", [b"\x80" * 11, b"\x0a\x05abc", b"\x09\x00", b"\x0b", b"\x2a\x04\x0a\x09\x0a\x01"])
def test_what_ends_too_soon_is_broken(data: bytes) -> None:
    with pytest.raises(Broken):
        event(data)


def test_a_tensor_of_doubles_and_one_of_several_numbers() -> None:
    def summary(tensor: bytes) -> bytes:
        value = b"\x0a\x01x" + b"\x42" + bytes([len(tensor)]) + tensor
        return b"\x2a" + bytes([len(value) + 2]) + b"\x0a" + bytes([len(value)]) + value

    double = b"\x08\x02" + b"\x22\x08" + struct.pack("<d", 0.1)
    assert event(summary(double)).scalars == {"x": 0.1}
    assert event(summary(b"\x08\x01" + b"\x22\x08" + struct.pack("<2f", 1, 2))).scalars == {}

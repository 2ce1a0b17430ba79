"""Bytes into lines: whatever the pieces, the same lines; and never more memory than a line may have."""

from itertools import pairwise

from hypothesis import given, strategies as st

from bench.programs.reading.output import LONGEST, Lines, lines_of


def cut(pieces: list[bytes]) -> list[str]:
    lines = Lines()
    return [line for piece in pieces for line in lines_of(lines.feed(piece))] + lines.end()


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_the_pieces_do_not_matter(data: bytes, cuts: list[int]) -> None:
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(edges)]
    whole = [line.decode("utf-8", "replace") for line in data.replace(b"\r", b"\n").split(b"\n") if line]
    assert cut(pieces) == whole


def test_a_long_line_is_cut_and_the_next_one_is_whole() -> None:
    assert cut([b"a" * 50_000, b"a" * 50_000, b"a" * 50_000, b"\nnext\n", b"last"]) == ["a" * LONGEST, "next", "last"]
    assert cut([b"a" * 100_000 + b"\nb"]) == ["a" * LONGEST, "b"]

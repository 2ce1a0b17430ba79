"""A record whose line in a log has begun, reassembled from its pieces in spite of what logs do to lines.

Other programs may have printed whole lines between the pieces: those of another process are recognised by their prefix,
and words that look like a piece by the number of characters in excess.
"""

from __future__ import annotations

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import combinations, islice

from bench.errors import RecordError
from bench.record.documents import from_bytes
from bench.sealed import line_digest
from bench.store.base import DamagedLine, RawRecord
from bench.store.files import LARGEST_RUN

PAYLOAD = re.compile(r"[A-Za-z0-9+/]*")
LINES_BETWEEN = 8  # of other text in succession, after which a truncated line is given up
# How often the pieces of a line are joined before it counts as damaged; and if its length is unknown.
_TRIES, _TRIES_BLIND = 32, 256
_TRIES_OF_OTHERS = 512  # with pieces of other writers
_DROPPED = 3  # at most so many pieces of others, not counting those with other prefixes
_SHORTEST, _COMBINATIONS = 16, 64
_CLOCK = re.compile(r"\S*\d\d:\d\d:\d\d\S*|\b[PF]\b")


class Prefix:
    """What a log writes before its lines: a time, a process, a rank."""

    def __init__(self, text: str = "") -> None:
        self._text = text[-200:]
        # Kubernetes marks partial lines with P, and the last part with F.
        parts = re.split(r"(\d+|\b[PF]\b)", self._text)
        spelled = [r"\d+" if each.isdigit() else "[PF]" if each in ("P", "F") else re.escape(each) for each in parts]
        self._shape = re.compile("".join(spelled) if text else r"(?!)")

    def split(self, line: str) -> tuple[str, str] | None:
        """A prefix of the same shape, with any numbers, and the rest of `line`; None without one."""
        found = self._shape.match(line)
        return (found[0], line[found.end() :]) if found else None

    def without(self, line: str) -> str:
        """`line` without a prefix of this shape, if it has one, and without indentation."""
        split = self.split(line)
        return (split[1] if split else line).lstrip()

    def wrote(self, line: str) -> bool:
        """Whether it precedes `line`, apart from the time of day; a line wrapped by a terminal has no prefix."""
        split = self.split(line)
        return split is None or _CLOCK.sub("", self._text) == _CLOCK.sub("", split[0])


@dataclass
class Partial:
    """A record whose line has begun. `length` is None, and `digest` or `key` empty, if its head does not contain them.

    `pieces` are all that may belong to it, `held` characters together; `own` those printed by its own writer.
    """

    line: int
    key: str
    length: int | None
    digest: str
    prefix: Prefix
    pieces: list[str] = field(default_factory=list)
    own: list[str] = field(default_factory=list)
    held: int = 0
    tries: int = 0
    tries_of_others: int = 0
    between: int = 0

    def begin(self, piece: str) -> RawRecord | None:
        """The record, if it is complete with its first piece."""
        self.pieces, self.own, self.held = [piece], [piece], len(piece)
        return self._whole(own=True)

    def go_on(self, line: str) -> RawRecord | None:
        """The record, if it is complete with the piece in `line`."""
        split = self.prefix.split(line)
        piece = (split[1] if split else line).strip()
        if not piece or not PAYLOAD.fullmatch(piece):
            self.between += 1
            return None
        self.between = 0
        self.pieces.append(piece)
        self.held += len(piece)
        if own := self.prefix.wrote(line):
            self.own.append(piece)
        return self._whole(own=own)

    @property
    def lost(self) -> bool:
        """Whether nothing more of it is expected."""
        tries = _TRIES_BLIND if self.length is None else _TRIES
        if self.tries >= tries or self.tries_of_others >= _TRIES_OF_OTHERS:
            return True
        return self.between > LINES_BETWEEN

    def end(self) -> RawRecord | DamagedLine:
        """What to report if nothing more of it comes; its length may be what was altered."""
        if self.length is not None and (record := self._read("".join(self.own))):
            return record
        own = sum(map(len, self.own))
        if self.length is not None and own < self.length:
            return DamagedLine(self.line, self.key, f"{own} of {self.length} characters")
        return DamagedLine(self.line, self.key, "its checksum does not match")

    def _whole(self, *, own: bool) -> RawRecord | None:
        if self.length is not None and self.held < self.length:
            return None
        self.tries += own
        self.tries_of_others += not own
        tried: set[str] = set()
        for payload in self._payloads():  # one by one: the first is nearly always right
            if payload not in tried and (record := self._read(payload)):
                return record
            tried.add(payload)
        return None

    def _read(self, payload: str) -> RawRecord | None:
        raw = _unpacked(payload)
        if raw is None or (self.digest and line_digest(raw) != self.digest):
            return None
        key = _key(raw) or (self.key if self.digest else None)
        return RawRecord(key, raw) if key else None

    def _payloads(self) -> Iterator[str]:
        """What the complete payload may be, the likeliest first."""
        for pieces in (self.own, self.pieces):
            whole = "".join(pieces)
            if self.length is None:
                yield whole
            elif len(whole) >= self.length:
                yield whole[: self.length]
                # What another program wrote into the line may begin with characters of the same alphabet.
                rest = "".join(pieces[1:])
                yield (pieces[0][: max(self.length - len(rest), 0)] + rest)[: self.length]
                yield _of_one_width(pieces)
                yield from islice(_without(pieces, len(whole) - self.length), _COMBINATIONS)


def _of_one_width(pieces: list[str]) -> str:
    """Without pieces shorter than the others, except the first and the last: lines are wrapped at one width."""
    first, middle, last = pieces[0], pieces[1:-1], pieces[-1]
    width = max(map(len, middle), default=0)
    return "".join([first, *(piece for piece in middle if len(piece) == width), last if len(pieces) > 1 else ""])


def _without(pieces: list[str], excess: int) -> Iterator[str]:
    """`pieces` without a few that have `excess` characters together: short words of other programs."""
    short = sorted(range(1, len(pieces)), key=lambda index: len(pieces[index]))[:_SHORTEST]
    for count in range(1, _DROPPED + 1):
        for dropped in combinations(short, count):
            if sum(len(pieces[index]) for index in dropped) == excess:
                yield "".join(piece for index, piece in enumerate(pieces) if index not in dropped)


def _unpacked(payload: str) -> bytes | None:
    """The bytes in the base64 text, which marks its own end; None if they are altered, or far too many."""
    whole = payload[: len(payload) - (len(payload) % 4 == 1)]
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(b64decode(whole + "=" * (-len(whole) % 4)), LARGEST_RUN)
    except (ValueError, zlib.error):  # binascii.Error is a ValueError
        return None
    return raw if inflater.eof else None


def _key(raw: bytes) -> str | None:
    """The key that a record contains itself; None if the record is invalid."""
    with suppress(RecordError):
        return from_bytes(raw, "").key()
    return None

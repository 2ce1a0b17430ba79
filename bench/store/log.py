"""Records as lines of a job's log, which is the first store that a record reaches.

    bench-record: 1,v1/runs/2026/11/22/<id>.json,1824,0123456789abcdef,eNqdV01z2z…

The line holds the version of this format, the record's key, the length of what follows, the first 16 digits of the
record's SHA-256, and its bytes, compressed by zlib, in base64 without padding: about 2 kB for a run. Anything may stand
before it in its line. What logs do to lines is undone where it can be: colours, carriage returns, a terminal that wraps
them, another program that writes into the midst of one. The checksum decides; a line that does not come whole is
damaged, and named.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from bench.record.documents import AnyDocument, to_bytes
from bench.sealed import LINE_MARK, LINE_VERSION, line_digest, record_line
from bench.store.base import DamagedLine, RawRecord

_START = re.compile(r"bench-record: ?(\d{1,4}),([\w./-]{1,200}),(\d{1,9}),([0-9a-f]{16}),", re.ASCII)
_STARTED = re.compile(r"bench-record: ?[\w./,-]{0,250}$|(?:b|be|ben|benc|bench|bench-|bench-r[ecord]{0,5})$", re.ASCII)
_PAYLOAD = re.compile(r"[A-Za-z0-9+/]*")
# Colours and cursor movements, links, and what is left of the control characters.
_UNSEEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|[\x00-\x1f\x7f]")

_LONGEST_START = 512  # of a record's line with what stands before it
_LONGEST_LINE = 1 << 20  # a longer one is read as if it were wrapped here
_LONGEST_PAYLOAD = 1 << 22
_LARGEST_RECORD = 1 << 24
_PIECES_TRIED = 4  # how often the pieces of a line are put together before it counts as damaged
_LINES_BETWEEN = 8  # of other text, before a line that was broken off is given up
_OPEN_AT_ONCE = 8


def to_line(document: AnyDocument) -> str:
    """`document` as a line of a log, without the newline."""
    return record_line(to_bytes(document), document.key())


def echo(document: AnyDocument) -> None:
    """Write `document` to stdout as a line, at once.

    Where the reader is gone or the disk full, nothing goes to stdout any more: what is measured goes to its store.
    """
    try:
        # In one piece, so that no other program writes into it: a pipe takes 4 kB whole.
        sys.stdout.write(to_line(document) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        with suppress(OSError, ValueError):
            sys.stderr.write(f"bench: stdout cannot be written ({error}); records go to the store only\n")
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_log(chunks: Iterable[bytes]) -> Iterator[RawRecord | DamagedLine]:
    """The records in a log that comes in chunks of any size, as often as they stand there, and what is damaged.

    Few of its bytes are in memory at once, however long the log and its lines are.
    """
    reader, rest, number = _Reader(), b"", 0
    for chunk in chunks:
        # Without NUL, UTF-16 reads as ASCII: what `>` of PowerShell writes.
        rest += chunk.replace(b"\0", b"")
        if reader.idle and LINE_MARK.encode() not in rest.translate(None, b"\r\n "):
            # Gigabytes of other text: all but the end, where the beginning of a record may stand.
            end = max(len(rest) - _LONGEST_START, 0)
            end = max(rest.rfind(b"\n", 0, end), rest.rfind(b"\r", 0, end)) + 1 or end
            number += rest.count(b"\n", 0, end) + rest.count(b"\r", 0, end)
            rest = rest[end:]
            continue
        # A carriage return ends a line: a progress bar is many of them.
        *lines, rest = re.split(rb"[\r\n]", rest)
        if len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], b""
        for line in lines:
            number += 1
            yield from reader.line(number, line.decode("latin-1"))  # which reads any bytes
    for line in re.split(rb"[\r\n]", rest):
        number += 1
        yield from reader.line(number, line.decode("latin-1"))
    yield from reader.end()


@dataclass
class _Partial:
    """A record whose line has begun. `prefix` is what its log puts before every line."""

    line: int
    key: str
    length: int
    digest: str
    prefix: re.Pattern[str]
    pieces: list[str] = field(default_factory=list)
    held: int = 0
    tries: int = 0
    between: int = 0

    def add(self, piece: str) -> RawRecord | None:
        """The record, if it is whole with this piece."""
        self.pieces.append(piece)
        self.held += len(piece)
        if self.held < self.length:
            return None
        self.tries += 1
        rest = "".join(self.pieces[1:])
        # What another program wrote into the line may begin with letters that look like ours.
        own = self.pieces[0][: max(self.length - len(rest), 0)]
        for payload in {(self.pieces[0] + rest)[: self.length], (own + rest)[: self.length]}:
            if (raw := _unpacked(payload)) is not None and line_digest(raw) == self.digest:
                return RawRecord(self.key, raw)
        return None

    def goes_on_in(self, line: str) -> str | None:
        """The piece of this record that `line` is; None: it is other text."""
        piece = self.prefix.sub("", line, count=1).strip()
        return piece if _PAYLOAD.fullmatch(piece) else None

    @property
    def lost(self) -> bool:
        """Whether no more of it is to be expected."""
        return self.tries >= _PIECES_TRIED or self.between > _LINES_BETWEEN

    def damaged(self) -> DamagedLine:
        """What is to be said of it."""
        why = f"{self.held} of {self.length} characters" if self.held < self.length else "its checksum does not match"
        return DamagedLine(self.line, self.key, why)


class _Reader:
    """Finds records line by line, and holds those that have begun."""

    def __init__(self) -> None:
        self._open: list[_Partial] = []
        # The end of the line before, where it may be the beginning of a record's; and what stood in front of it.
        self._carried, self._prefix, self._carried_from = "", _shape(""), 0

    @property
    def idle(self) -> bool:
        """Whether no record has begun."""
        return not self._open and not self._carried

    def line(self, number: int, line: str) -> Iterator[RawRecord | DamagedLine]:
        """What is known with this line."""
        text = _UNSEEN.sub("", line) if "\x1b" in line or not line.isprintable() else line
        if not text.strip():
            return
        joined = self._carried + (self._prefix.sub("", text, count=1) if self._carried else text)
        begins = list(_START.finditer(joined)) if LINE_MARK in joined else []
        yield from self._go_on(text, begun=bool(begins))
        for start in begins:
            yield from self._begin(start, number)
        self._carry(joined, begins[-1].end() if begins else 0, number)

    def end(self) -> Iterator[DamagedLine]:
        """What was never whole."""
        yield from (partial.damaged() for partial in self._open)

    def _begin(self, start: re.Match[str], number: int) -> Iterator[RawRecord | DamagedLine]:
        version, key, length, digest = start.groups()
        if self._carried and start.start() == 0:
            number, prefix = self._carried_from, self._prefix
        else:
            prefix = _shape(start.string[: start.start()])
        if version != LINE_VERSION:
            yield DamagedLine(number, key, f"version {version} of the line, which a newer bench reads")
            return
        if int(length) > _LONGEST_PAYLOAD:
            yield DamagedLine(number, key, f"{length} characters, more than a record has")
            return
        partial = _Partial(number, key, int(length), digest, prefix)
        payload = _PAYLOAD.match(start.string, start.end())
        assert payload is not None  # it may be empty
        if record := partial.add(payload[0]):
            yield record
            return
        self._open.append(partial)
        if len(self._open) > _OPEN_AT_ONCE:
            yield self._open.pop(0).damaged()

    def _go_on(self, text: str, *, begun: bool) -> Iterator[RawRecord | DamagedLine]:
        """Give the line to the records that have begun. Where others begin in it, it is none of theirs."""
        for partial in list(self._open):
            piece = None if begun else partial.goes_on_in(text)
            record = None
            if piece is None:
                partial.between += 1
            else:
                record = partial.add(piece)
            if record or partial.lost:
                self._open.remove(partial)
                yield record or partial.damaged()

    def _carry(self, joined: str, after: int, number: int) -> None:
        """Keep the end of the line, where a terminal may have cut the beginning of a record in two."""
        started = _STARTED.search(joined, max(after, len(joined) - 300))
        if started is None:
            self._carried = ""
        elif self._carried and started.start() == 0:
            self._carried = started[0]
        else:
            self._carried, self._prefix, self._carried_from = started[0], _shape(joined[: started.start()]), number


def _shape(prefix: str) -> re.Pattern[str]:
    """Matches what a log puts before its lines, whatever the numbers in it: a time, a process, a rank."""
    # Kubernetes marks with P what it cut, and with F the last part.
    parts = re.split(r"(\d+|\b[PF]\b)", prefix[-200:])
    spelled = [r"\d+" if each.isdigit() else "[PF]" if each in ("P", "F") else re.escape(each) for each in parts]
    return re.compile("^" + "".join(spelled)) if prefix else re.compile(r"(?!)")


def _unpacked(payload: str) -> bytes | None:
    """The bytes in the base64 text; None where they are altered, or far too many."""
    try:
        inflater = zlib.decompressobj()
        raw = inflater.decompress(b64decode(payload + "=" * (-len(payload) % 4)), _LARGEST_RECORD)
    except (ValueError, zlib.error):  # binascii.Error is a ValueError
        return None
    return raw if inflater.eof else None

"""Records as lines of a job's log, the first store that a record reaches.

    bench-record: 1,v1/runs/2026/11/22/<id>.json,1824,0123456789abcdef,eNqdV01z2z…

The line holds the version of this format, the record's key, the length of what follows, the first 16 digits of the
record's SHA-256, and its bytes, compressed by zlib, in base64 without padding: about 2 kB for a run. Anything may
precede it in its line. What logs do to lines is undone as far as possible: colours, carriage returns, wrapping by a
terminal, output of another program in the middle. The checksum decides, whatever happened to the head, since a record
contains its own key. A line that is not complete is damaged, and named.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from bench.record.documents import AnyDocument, to_bytes
from bench.sealed import LINE_MARK, LINE_VERSION, record_line
from bench.store.base import DamagedLine, RawRecord
from bench.store.log_line import LINES_BETWEEN, PAYLOAD, Partial, Prefix

# A complete head; or the end of one whose beginning is altered, followed by the payload.
_HEAD = re.compile(
    r"bench-record: ?(?P<version>\d{1,4}),(?P<key>[\w./-]{1,200}),(?P<length>\d{1,9}),(?P<digest>[0-9a-f]{16}),"
    r"|(?<![0-9a-f])(?P<rest>[0-9a-f]{16})(?:[^A-Za-z0-9+/](?=eN[A-Za-z0-9+/]{8})|,$)"
    r"|[^A-Za-z0-9+/](?=eN[A-Za-z0-9+/]{16})",  # the beginning of zlib's output
    re.ASCII,
)
_MAY_BEGIN = re.compile(r"bench-record:|eN|[0-9a-f]{16},$")
_MARK = re.compile(r"bench-record: ?\d{1,4}(?:,([\w./-]{0,200}))?", re.ASCII)
_STARTED = re.compile(
    r"bench-record: ?(?:\d[\w./,-]{0,250})?$|(?:b|be|ben|benc|bench|bench-|bench-r[ecord]{0,5})$", re.ASCII
)
# The same in bytes, without blanks and line ends.
_MAY_BEGIN_IN = re.compile(rb"bench-record:|[0-9a-f]{16},eN")
# Colours and cursor movements, links, and the remaining control characters.
_UNSEEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]|[\x00-\x1f\x7f]")

_LONGEST_START = 512  # of a record's line with what precedes it
_LONGEST_LINE = 1 << 20  # a longer one is read as if it were wrapped here
_LONGEST_PAYLOAD = 1 << 22
_OPEN_AT_ONCE = 32


def to_line(document: AnyDocument) -> str:
    """`document` as a line of a log, without the newline."""
    return record_line(to_bytes(document), document.key())


def echo(document: AnyDocument) -> None:
    """Write `document` to stdout as a line, without buffering.

    If the reader is gone or the disk is full, nothing more goes to stdout: records still go to their store.
    """
    try:
        # In one piece, so that no other program writes into it: writes of up to 4 kB to a pipe are atomic.
        sys.stdout.write(to_line(document) + "\n")
        sys.stdout.flush()
    except (OSError, ValueError) as error:  # ValueError: it is closed
        with suppress(OSError, ValueError):
            sys.stderr.write(f"bench: stdout cannot be written ({error}); records go to the store only\n")
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_log(chunks: Iterable[bytes]) -> Iterator[RawRecord | DamagedLine]:
    """The records in a log that comes in chunks of any size, including repeated ones, and what is damaged.

    Only a small part is in memory at once, however long the log and its lines are.
    """
    reader, rest, number = _Reader(), b"", 0
    for chunk in chunks:
        # Without NUL, UTF-16, which `>` of PowerShell writes, reads as ASCII.
        rest += chunk.replace(b"\0", b"")
        if reader.idle and not _MAY_BEGIN_IN.search(rest.translate(None, b"\r\n\t ")):
            # Gigabytes of other text: skip all but the end, which may be the beginning of a record.
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
            yield from reader.line(number, line.decode("latin-1"))  # decodes any bytes
    for line in re.split(rb"[\r\n]", rest):
        number += 1
        yield from reader.line(number, line.decode("latin-1"))
    yield from reader.end()


def read_log_text(pieces: Iterable[str]) -> Iterator[RawRecord | DamagedLine]:
    """Like `read_log`, for a log that comes as text, which may contain what UTF-8 cannot encode."""
    return read_log(piece.encode(errors="replace") for piece in pieces)


class _Start(NamedTuple):
    """A possible beginning of a record's line: its text so far, what preceded it, the last line that continued it."""

    line: int
    text: str
    prefix: Prefix
    seen: int

    @property
    def mark(self) -> re.Match[str] | None:
        """The mark of a record; None: it may be other text."""
        return _MARK.match(self.text)

    def joined(self, line: str) -> str | None:
        """Its text with what `line` adds; None if that is other text."""
        joined = self.text + self.prefix.without(line)
        head = _HEAD.match(joined)
        return joined if (head and head["version"]) or _STARTED.match(joined) else None

    @property
    def key(self) -> str:
        """The part of the record's key that is known."""
        return (self.mark and self.mark[1]) or ""

    def end(self) -> DamagedLine:
        """What to report if nothing more of it comes."""
        return DamagedLine(self.line, self.key, "its head is cut off or altered")


class _Reader:
    """Finds records line by line, and holds those that have begun."""

    def __init__(self) -> None:
        self._open: list[Partial] = []
        self._starts: list[_Start] = []
        self._last = 0  # the last line that is not blank

    @property
    def idle(self) -> bool:
        """Whether no record has begun."""
        return not (self._open or self._starts)

    def line(self, number: int, line: str) -> Iterator[RawRecord | DamagedLine]:
        """What is complete, or given up, with this line."""
        text = _UNSEEN.sub("", line) if "\x1b" in line or not line.isprintable() else line
        if not text.strip():
            return
        text, self._last = text.replace("\\/", "/"), number  # a slash as some write it in JSON
        start = self._start_of(text, number)  # which may have begun in an earlier line
        found = _HEAD.finditer(start.text) if _MAY_BEGIN.search(start.text) else ()
        heads = [head for head in found if self._is_head(head)]
        yield from self._go_on(text, begun=bool(heads))
        after = 0
        for head in heads:
            self._keep(start, after, head.start(), number)
            yield from self._begin(head, start, number)
            after = head.end()
        self._keep(start, after, len(start.text), number)
        given_up = [each for each in self._starts if each.seen < number - LINES_BETWEEN]
        self._starts = [each for each in self._starts if each not in given_up]
        yield from (each.end() for each in given_up if each.mark)

    def end(self) -> Iterator[RawRecord | DamagedLine]:
        """What was never complete."""
        yield from (partial.end() for partial in self._open)
        # A mark alone is that of a record if the log ends after it.
        last = [start for start in self._starts if start.text.strip() == LINE_MARK and start.line == self._last]
        yield from (start.end() for start in self._starts if start.mark or start in last)

    def _start_of(self, text: str, number: int) -> _Start:
        """The beginning of a record that continues in `text`, joined with it; otherwise the line alone."""
        # The same writer's first: lines of several ranks may be cut in the same place.
        for start in sorted(self._starts, key=lambda start: not start.prefix.wrote(text)):
            if joined := start.joined(text):
                self._starts.remove(start)
                return start._replace(text=joined, seen=number)
        return _Start(number, text, Prefix(), number)

    def _is_head(self, head: re.Match[str]) -> bool:
        """Whether a record begins there: without a mark only if one precedes it, or digest and payload show it."""
        if head["version"] or LINE_MARK in head.string[: head.start()] or any(each.mark for each in self._starts):
            return True
        return head["rest"] is not None and head.end() < len(head.string)

    def _keep(self, start: _Start, after: int, before: int, number: int) -> None:
        """Keep what, between two places of a line, may be the beginning of a record without a complete head yet."""
        text = start.text[:before]
        started = _STARTED.search(text, max(after, before - 300)) if before == len(start.text) else None
        places = [mark.start() for mark in _MARK.finditer(text, after)]
        if started and started.start() not in places:
            places.append(started.start())
        for place, end in zip(places, [*places[1:], before], strict=False):
            line, prefix = (number, Prefix(text[:place])) if place else (start.line, start.prefix)
            self._starts.append(_Start(line, text[place:end], prefix, number))

    def _begin(self, head: re.Match[str], start: _Start, number: int) -> Iterator[RawRecord | DamagedLine]:
        partial = self._partial(head, start, number)
        if head["version"] not in (None, LINE_VERSION):
            why = f"version {head['version']} of the line, which a newer bench reads"
            yield DamagedLine(partial.line, partial.key, why)
            return
        if partial.length is not None and partial.length > _LONGEST_PAYLOAD:
            yield DamagedLine(partial.line, partial.key, f"{partial.length} characters, more than a record has")
            return
        payload = PAYLOAD.match(head.string, head.end())
        assert payload is not None  # it may be empty
        if record := partial.begin(payload[0]):
            yield record
            return
        self._open.append(partial)
        if len(self._open) > _OPEN_AT_ONCE:
            yield self._open.pop(0).end()

    def _partial(self, head: re.Match[str], start: _Start, number: int) -> Partial:
        if head["version"]:
            at = head.start()
            line, prefix = (number, Prefix(start.text[:at])) if at else (start.line, start.prefix)
            return Partial(line, head["key"], int(head["length"]), head["digest"], prefix)
        # The end of a head: of the last one begun by the same writer, otherwise by any.
        begun = sorted(filter(lambda each: each.mark, self._starts), key=lambda each: each.prefix.wrote(start.text))
        if not begun:
            return Partial(number, "", None, head["rest"] or "", Prefix())
        self._starts.remove(begun[-1])
        return Partial(begun[-1].line, begun[-1].key, None, head["rest"] or "", begun[-1].prefix)

    def _go_on(self, text: str, *, begun: bool) -> Iterator[RawRecord | DamagedLine]:
        """Give the line to the records that have begun. If others begin in it, it belongs to none of them."""
        for partial in list(self._open):
            record = None
            if begun:
                partial.between += 1
            else:
                record = partial.go_on(text)
            if record or partial.lost:
                self._open.remove(partial)
                yield record or partial.end()

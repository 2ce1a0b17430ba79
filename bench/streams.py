"""stdout and stderr under real conditions: with a limited encoding, full, or closed.

What an encoding lacks is written in plainer characters. Where stdout cannot be written the command ends in one line
and exit code 1; if stderr cannot be written, the command continues without it: progress is not worth a measurement.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from bench.errors import StoreError

_PLAINER = "bench.plainer"
_ONE = dict(zip("─━═│┃╭╮╰╯·•–—−‘’µ×", "--=||++++.*---''ux", strict=True))  # noqa: RUF001 -- just these
_PLAIN = {**_ONE, "≥": ">=", "≤": "<=", "≈": "~", "…": "...", "→": "->", "“": '"', "”": '"', "±": "+-"}


class OutputError(StoreError, OSError):
    """stdout cannot be written. An OSError too, for those who write on without it."""


def _plainer(error: UnicodeError) -> tuple[str | bytes, int]:
    """The replacement for characters that an encoding lacks. Bytes of a file name are kept."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    characters = error.object[error.start : error.end]
    if all("\udc80" <= character <= "\udcff" for character in characters):
        return characters.encode("latin-1", "surrogateescape"), error.end
    return "".join(map(_plain, characters)), error.end


def _plain(character: str) -> str:
    if character in _PLAIN:
        return _PLAIN[character]
    if "BOX DRAWINGS" in unicodedata.name(character, ""):
        return "+"
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


codecs.register_error(_PLAINER, _plainer)


class Out(io.TextIOWrapper):
    """stdout. Raises OutputError where it cannot be written."""

    def write(self, text: str) -> int:
        """Write `text`; an empty one, with which click tries what a stream takes, is left alone."""
        if text == "":
            return 0
        with self._translated():
            return super().write(text)

    def flush(self) -> None:
        """Hand on what was written."""
        with self._translated():
            super().flush()

    def write_bytes(self, data: bytes) -> None:
        """Write `data` as they are."""
        with self._translated():
            super().flush()
            self.buffer.write(data)
            self.buffer.flush()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._give_up()
            raise OutputError(f"stdout: cannot be written ({error.strerror}); write to a file with -o or >") from error

    def _give_up(self) -> None:
        """Let what could not be written go nowhere: the interpreter would try again at its end, and fail."""
        with suppress(OSError, ValueError):
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self.fileno())
            os.close(null)
            super().flush()


class Err(Out):
    """stderr. What it does not take is dropped."""

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._give_up()

    def write(self, text: str) -> int:
        """Write `text`, or drop it."""
        super().write(text)
        return len(text)


@contextmanager
def safe_streams() -> Iterator[None]:
    """Put streams that never end in a traceback in place of stdout and stderr."""
    before = sys.stdout, sys.stderr
    ours = (_wrapped(sys.stdout, 1, Out), _wrapped(sys.stderr, 2, Err))
    sys.stdout, sys.stderr = ours
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in ours:
            if isinstance(stream, Out):
                with suppress(OSError, ValueError):
                    stream.detach()  # flushes; the stream below is not ours to close


def _wrapped(stream: TextIO | None, number: int, kind: type[Out]) -> TextIO:
    if stream is None:  # closed by the caller: the next file that is opened must not become stdout
        null = os.open(os.devnull, os.O_RDONLY)
        if null != number:
            os.dup2(null, number)
            os.close(null)
        return kind(io.FileIO(number, "w", closefd=False), "utf-8", _PLAINER, write_through=True)
    if not isinstance(stream, io.TextIOWrapper):
        return stream
    with suppress(OSError, ValueError):
        stream.flush()
    return kind(stream.buffer, stream.encoding, _PLAINER, line_buffering=True)

"""The program's output, passed on byte for byte, and bench's own messages between its lines."""

from __future__ import annotations

import os
import select
from contextlib import suppress


class Passthrough:
    """Writes bytes to a file descriptor. One that takes no more, as on a full disk, does not end the measurement."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self._passed = 0
        self.warning: str | None = None
        self._in_line = False

    def say(self, text: str, beside: Passthrough) -> None:
        """A line of our own. It begins where none is left open, here or `beside`, where both are one terminal."""
        open_beside = beside._in_line and _are_one(self._descriptor, beside._descriptor)
        passed, before = self._passed, "\n" if self._in_line or open_beside else ""
        self.write(f"{before}bench: {text}\n".encode("utf-8", "replace"))
        self._passed = passed

    def write(self, data: bytes) -> None:
        """Write all of `data`, or drop it where the descriptor is broken."""
        rest = memoryview(data)
        self._in_line = not data.endswith(b"\n") if data else self._in_line
        while rest and self.warning is None:
            try:
                written = os.write(self._descriptor, rest)
            except BlockingIOError:  # somebody set it so; it is shared with others and stays as it is
                select.select([], [self._descriptor], [], 1.0)
            except OSError as error:
                self.warning = f"{self._name} was passed on only up to byte {self._passed} ({error.strerror})"
            else:
                rest = rest[written:]
                self._passed += written


def _are_one(first: int, second: int) -> bool:
    """Whether two descriptors are of one file, pipe or terminal."""
    with suppress(OSError):
        return os.path.sameopenfile(first, second)
    return False

"""A program's output, handed on as it came."""

from __future__ import annotations

import os
import select


class Passthrough:
    """Writes bytes to a file descriptor. One that takes no more, as on a full disk, does not end the measurement."""

    def __init__(self, descriptor: int, name: str) -> None:
        self._descriptor = descriptor
        self._name = name
        self._passed = 0
        self.warning: str | None = None

    def write(self, data: bytes) -> None:
        """Write all of `data`, or drop it where the descriptor is broken."""
        rest = memoryview(data)
        while rest and self.warning is None:
            try:
                written = os.write(self._descriptor, rest)
            except BlockingIOError:  # somebody set it so; it is shared with others and stays as it is
                select.select([], [self._descriptor], [], 1.0)
            except OSError as error:
                self.warning = f"{self._name} was passed on up to byte {self._passed} only ({error.strerror})"
            else:
                rest = rest[written:]
                self._passed += written

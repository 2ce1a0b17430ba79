"""Complete lines out of the bytes that a pipe gives, with bounded memory."""

from __future__ import annotations

# A longer line is cut here: progress is short, and a program may print megabytes without an end of line.
LONGEST = 1 << 16


class Lines:
    """Cuts one stream into lines. A line feed ends a line, and so does a carriage return; empty ones are left out."""

    def __init__(self) -> None:
        self._rest = b""
        self._cut = False  # inside a line that was cut: what follows up to its end is dropped

    def feed(self, data: bytes) -> list[str]:
        """The lines that `data` completes, without their ends; what is no UTF-8 is replaced."""
        block = self._rest + data.replace(b"\r", b"\n")
        end = block.rfind(b"\n") + 1
        self._rest = block[end:]
        lines = [line for line in block[:end].decode("utf-8", "replace").split("\n") if line]
        if end > LONGEST:
            lines = [line[:LONGEST] for line in lines]
        if self._cut and end:
            self._cut = False
            if block[0] != 10:  # the tail of the line that was cut
                del lines[0]
        if len(self._rest) > LONGEST:
            if not self._cut:
                lines.append(self._rest[:LONGEST].decode("utf-8", "replace"))
            self._rest, self._cut = b"", True
        return lines

    def end(self) -> list[str]:
        """The last line, where the stream ended without an end of line."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest and not self._cut else []

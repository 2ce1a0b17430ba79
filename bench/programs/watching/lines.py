"""Complete lines out of the bytes that a pipe gives, with bounded memory."""

from __future__ import annotations

from bench.programs.reading.output import LONGEST


class Lines:
    """Cuts one stream into lines. A line feed ends a line, and so does a carriage return."""

    def __init__(self) -> None:
        self._rest = b""
        self._cut = False  # inside a line that was cut: what follows up to its end is dropped

    def feed(self, data: bytes) -> str:
        """The lines that `data` completes, each with a line feed behind it; what is no UTF-8 is replaced."""
        block = self._rest + data.replace(b"\r", b"\n")
        end = block.rfind(b"\n") + 1
        self._rest = block[end:]
        text = block[:end].decode("utf-8", "replace")
        if self._cut and end:
            self._cut = False
            text = text[text.index("\n") + 1 :]  # without the tail of the line that was cut
        if len(self._rest) > LONGEST:
            if not self._cut:
                text += self._rest[:LONGEST].decode("utf-8", "replace") + "\n"
            self._rest, self._cut = b"", True
        return text

    def end(self) -> list[str]:
        """The last line, where the stream ended without an end of line."""
        rest, self._rest = self._rest, b""
        return [rest.decode("utf-8", "replace")] if rest and not self._cut else []

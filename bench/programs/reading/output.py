"""A line of output as sources read it: without colours, cursor moves and the rank prefix of a launcher.

A program may print more lines than are worth a look. Of those beyond BURST, and then RATE a second, the newest are
read and those in which something stands that is waited for: the cost is bounded, and what matters is not missed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

RATE, BURST = 25, 1000
# A longer line is cut here: progress is short, and a program may print megabytes without an end of line.
LONGEST = 1 << 16
# Marks of phases, whatever is waited for.
_MARKS = (":::MLLOG", '"phase"')

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
# As torchrun --tee, mpirun --tag-output, horovodrun, pdsh and scripts of one's own write it. Ray tells processes, which
# are no ranks: a worker that is started again has another number.
_RANK = re.compile(
    r"\s*(?:\[(?:rank|gpu|proc(?:ess)?|worker|node)[ :_#-]{0,2}([0-9]{1,6})\]:?|\[[a-z_]+([0-9]{1,6})\]:"
    r"|[^\[<]{0,30}\[(?:[0-9]+,)?([0-9]{1,6})\]<std(?:out|err)>:"
    r"|(?:(?:rank|gpu|process|worker|node|host)[ _#=:-]{0,2}|cuda:)([0-9]{1,6})(?::(?=\s)|\s*\||(?=\s))"
    r"|\([A-Za-z_][\w.:-]{0,60} pid=[0-9]{1,10}(?:, ip=[0-9a-f.:]{1,45})?\))\s*",
    re.IGNORECASE,
)
# As srun --label writes it; so do programs that number their epochs.
_NUMBER = re.compile(r"\s*(?:\[([0-9]{1,6})\]:|([0-9]{1,6}):(?=\s))\s*")
_LONGEST_PREFIX = 40
_BEFORE_A_RANK = frozenset("[(0123456789rRgGpPwWnNhHcC \t")


def lines_of(text: str) -> list[str]:
    """The lines of `text`, without their ends; empty ones are left out."""
    return [line[:LONGEST] for line in text.split("\n") if line]


def without_ansi(text: str) -> str:
    """`text` as a terminal would show it, in one colour, and without the backspaces before a line is redrawn."""
    text = text.replace("\b", "") if "\b" in text else text
    return _ANSI.sub("", text) if "\x1b" in text else text


class Ranks:
    """Tells the ranks of a launcher apart, by what it writes before each line.

    A bare number may be that of an epoch. It is a rank's once it has fallen: epochs rise, and ranks mix.
    """

    def __init__(self) -> None:
        self._highest = -1
        self._numbered = False

    def split(self, text: str) -> tuple[int | None, str]:
        """The rank in front of a line, or None, and the line without it."""
        if text[:1] not in _BEFORE_A_RANK and "]<std" not in text[:_LONGEST_PREFIX]:
            return None, text
        found = _RANK.match(text)
        if found is None:
            found = _NUMBER.match(text)
            if found is None or not self._fell(_number(found) or 0):
                return None, text
        return _number(found), text[found.end() :]

    def _fell(self, number: int) -> bool:
        self._numbered |= number < self._highest
        self._highest = max(self._highest, number)
        return self._numbered


def _number(found: re.Match[str]) -> int | None:
    return next((int(group) for group in found.groups() if group), None)


class Chooser:
    """Chooses which lines are read where a program prints many."""

    def __init__(self, wanted: Iterable[str] = (), patterns: Iterable[str] = ()) -> None:
        """Words or expressions that mark lines to read in any case, such as the target's metric."""
        self._wanted = tuple(dict.fromkeys((*_MARKS, *(word for name in wanted for word in _spellings(name)))))
        self._patterns = tuple(re.compile(pattern) for pattern in patterns)
        self._room, self._looked_at = float(BURST), 0.0
        self._passed_over: str | None = None

    def choose(self, text: str, at: float) -> Sequence[str]:
        """As many of the lines of `text`, read at `at`, as there is room for, the newest; and all that are waited for.

        Each line of `text` has a line feed behind it. Most of a large text is searched as a whole and never cut.
        """
        self._room = min(self._room + RATE * max(at - self._looked_at, 0.0), BURST)
        self._looked_at = at
        room = int(self._room)
        if text.count("\n") <= room:
            lines = lines_of(text)
            self._room -= len(lines)
            self._passed_over = None
            return lines
        self._room -= room
        older, *lines = text.rsplit("\n", room + 1)[:-1]
        newest = [line[:LONGEST] for line in lines if line]
        self._passed_over = None if newest else older.rpartition("\n")[2][:LONGEST]
        wanted = [word for word in self._wanted if word in older]
        if not wanted and not self._patterns:
            return newest
        return [*(line for line in lines_of(older) if self._waited_for(line, wanted)), *newest]

    def _waited_for(self, line: str, wanted: Sequence[str]) -> bool:
        return any(word in line for word in wanted) or any(each.search(line) for each in self._patterns)

    def last(self) -> Sequence[str]:
        """The newest line, where it was passed over: to be read once the output has ended."""
        passed_over, self._passed_over = self._passed_over, None
        return [passed_over] if passed_over else []


def _spellings(name: str) -> Iterable[str]:
    """The forms of a metric's name in a line: `val_loss`, `val loss`; `"eval": {"loss": …}` for `eval/loss`."""
    outer = name.partition("/")[0]
    return (name, name.replace("_", " "), *([f'"{outer}"'] if outer != name else []))


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

"""A form of progress as a program shows it: what the tests of all sources have in common."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.programs.job import Target
from bench.programs.progress import Source, Watched
from bench.programs.watching.track import Track
from bench.programs.watching.watch import Watch


class Shown(NamedTuple):
    """What a program shows at once, as far as its form can; `loss` as it is spelt."""

    step: int | None = None
    total: int | None = None
    loss: str | None = None


class Form:
    """One source, and a program that shows its progress in the source's form."""

    def __init__(
        self, source: Callable[[Watched], Source], folder: Path, patterns: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.watched = Watched(
            started=1000.0,
            started_wall=time.time(),
            events=folder / "events.jsonl",
            folders=(folder,),
            patterns=patterns or {},
        )
        self.source = source(self.watched)
        self.watch = Watch([self.source], Target("loss", at_most=-1e300))
        self.now = 1000.0

    @property
    def track(self) -> Track:
        """What was made of all that was shown so far."""
        return self.watch.tracks[0]

    def show(self, shown: Sequence[Shown]) -> None:
        """Show these, one after the other."""
        for each in shown:
            self.add(self.form(each))

    def form(self, shown: Shown) -> bytes:
        """The bytes that show it."""
        raise NotImplementedError

    def add(self, data: bytes) -> None:
        """Hand the bytes to the source, as far as they go."""
        raise NotImplementedError


class JsonText:
    """JSON as programs in Python write it: NaN and Infinity are in it."""

    _SPELLINGS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity", None: "null"}  # noqa: RUF012 -- never changed

    @classmethod
    def number(cls, spelling: str | None) -> str:
        """A number as JSON has it."""
        return cls._SPELLINGS.get(spelling) or str(spelling)

    @classmethod
    def of(cls, shown: Shown) -> str:
        """An object that shows it."""
        named = {"step": shown.step, "total_steps": shown.total, "loss": shown.loss and cls.number(shown.loss)}
        return "{" + ", ".join(f'"{name}": {value}' for name, value in named.items() if value is not None) + "}"


class LineForm(Form):
    """Progress in lines of output."""

    def text(self, shown: Shown) -> str:
        """The line."""
        raise NotImplementedError

    def form(self, shown: Shown) -> bytes:
        return f"{self.text(shown)}\n".encode()

    def add(self, data: bytes) -> None:
        self.now += 1
        self.watch.feed(1, data, self.now)


class FileForm(Form):
    """Progress in a file that grows, `path`."""

    path: Path

    def add(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab") as file:
            file.write(data)
        self.look()

    def look(self) -> None:
        """So often that a folder is walked to its end: the first look may be put off by the pause after a long one."""
        self.now += 2
        for _ in range(3):
            self.watch.poll(self.now)


class JsonForm(LineForm):
    """A JSON object a line."""

    def text(self, shown: Shown) -> str:
        return JsonText.of(shown)

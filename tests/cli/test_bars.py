"""Progress bars: on a terminal's stderr, after a while, gone in the end, and never elsewhere."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from bench.cli.parts.bars import Bars
from bench.store import FolderStore
from bench.tracking import reporting_to, tracked
from tests.support.builders import make_run
from tests.support.types import Bench


class Screen(io.StringIO):
    """What was written, and when something was."""

    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def write(self, text: str) -> int:
        if "things" in text:
            self.written.set()
        return super().write(text)


def bars(screen: Screen, patience: float) -> Bars:
    return Bars(Console(file=screen, force_terminal=True, width=80, color_system=None), patience)


def test_what_is_done_soon_shows_nothing() -> None:
    screen = Screen()
    with reporting_to(bars(screen, patience=60)):
        assert list(tracked(range(3), "things", 3)) == [0, 1, 2]
    assert screen.getvalue() == ""


def test_what_takes_long_shows_how_far_it_is_and_leaves_nothing() -> None:
    screen = Screen()

    def slow() -> Iterator[int]:
        yield 0
        assert screen.written.wait(30)
        yield 1

    with reporting_to(bars(screen, patience=0)):
        assert list(tracked(slow(), "things", 2)) == [0, 1]
    assert "things" in screen.getvalue()
    assert "/2" in screen.getvalue()
    assert screen.getvalue().endswith("\x1b[2K")  # the line is erased


def test_what_things_are_is_shown_as_it_stands() -> None:
    screen = Screen()

    def slow() -> Iterator[int]:
        assert screen.written.wait(30)
        yield 1234

    with reporting_to(bars(screen, patience=0)):
        list(tracked(slow(), "things of [bold]x[/bold].csv\x1b[2J", None, size=lambda count: count))
    assert "things of [bold]x[/bold].csv [2J" in screen.getvalue()
    assert "1,234/?" in screen.getvalue() or "0/?" in screen.getvalue()


def test_a_work_that_breaks_takes_its_bar_along() -> None:
    screen = Screen()
    shown = bars(screen, patience=0)

    def work() -> None:
        for _ in tracked(range(3), "things", 3):
            assert screen.written.wait(30)
            raise ZeroDivisionError

    with reporting_to(shown), pytest.raises(ZeroDivisionError):
        work()
    shown.stop()
    assert screen.getvalue().endswith("\x1b[2K")


def test_off_a_terminal_nothing_is_shown(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.cli.parts.bars.Bars", lambda console: pytest.fail("a bar was made"))
    FolderStore(tmp_path / "store").put(make_run())
    done = bench("store", "verify", "--store", "store", FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_on_a_terminal_stdout_stays_what_it_is(tmp_path: Path, environment: dict[str, str]) -> None:
    FolderStore(tmp_path / "store").put(make_run())
    code = (
        "import sys, threading; from bench.cli.parts import bars; from bench.store.folder import FolderStore\n"
        "shown, show, read = threading.Event(), bars.Bars._show, FolderStore.read_bytes\n"
        "bars.Bars._show = lambda self: (show(self), shown.set())\n"
        "FolderStore.read_bytes = lambda self, key: (shown.wait(30), read(self, key))[1]\n"
        "sys.argv = ['bench', 'store', 'verify', '--store', 'store']; from bench.cli import main; main()"
    )
    terminal, end = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=end,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment | {"TERM": "xterm"},
    )
    os.close(end)
    said = b""
    while True:
        try:
            said += os.read(terminal, 65536)
        except OSError:
            break
    os.close(terminal)
    assert (done.returncode, done.stdout) == (0, "store: 1 record checked, all intact\n")
    assert "records" in said.decode()

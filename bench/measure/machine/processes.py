"""Worker processes, one per GPU: a pipe leads to each, and Ctrl-C is handled here."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any


def spawn(
    count: int, name: str, target: Callable[..., None], *arguments: object
) -> Iterator[tuple[BaseProcess, Connection]]:
    """Start `count` processes, and yield each with this end of its pipe; SIGINT is held back until the last one.

    Each is called "`name` 0", "`name` 1", … and calls target(its end, its number, *arguments). What it prints is lost:
    the stdout of this process is results, and libraries greet each other there.
    """
    context = get_context("spawn")
    resource_tracker.ensure_running()  # it would unblock SIGINT while the first process starts
    # Ctrl-C goes to the whole terminal, but what follows from it is decided here: they inherit that it is blocked.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        for index in range(count):
            ours, theirs = context.Pipe()
            called = (target, theirs, index, *arguments)
            process = context.Process(target=_call, args=called, name=f"{name} {index}", daemon=True)
            process.start()
            theirs.close()  # so that the process's end of it is the only one
            yield process, ours
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def _call(target: Callable[..., None], *arguments: Any) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    target(*arguments)

"""A node other than the first: it runs the program whenever the first one does, and measures nothing."""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import FrameType

from bench.programs.job import (
    AGAIN_S,
    BEGIN,
    BROKE,
    CONNECT_S,
    ENDED,
    HERE,
    OVER,
    PATIENCE_S,
    STOP,
    Job,
    Node,
    NodesApart,
)
from bench.programs.running.process import CannotStart, Ending, Group, find_program, handled_by

_LOOK_S = 0.05
USAGE, FAILED, INTERRUPTED = 2, 6, 130  # exit codes


def follow(node: Node, job: Job, environ: Mapping[str, str], patience: float = PATIENCE_S) -> int:
    """Run the program whenever the head begins a run; returns the exit code once the head has ended.

    Nothing is measured, and what the program prints goes where it does. Raises NodesApart, and CannotStart.
    """
    find_program(job.command, environ)
    with _connected(node, patience) as head:
        follower = _Follower(node, job, environ, head)
        with handled_by(follower.stop):
            try:
                return follower.follow()
            finally:
                follower.end()


def _connected(node: Node, patience: float) -> socket.socket:
    end = time.monotonic() + patience
    while True:
        try:
            head = socket.create_connection((node.head, node.port), timeout=CONNECT_S)
            head.sendall(f"{HERE} {node.rank}\n".encode())
        except OSError as error:
            if time.monotonic() > end:
                raise NodesApart(
                    f"node {node.rank} could not reach the first node at {node.head}:{node.port} within {patience:g} s "
                    f"({error})"
                ) from None
            time.sleep(AGAIN_S)
        else:
            head.settimeout(None)
            return head


class _Follower:
    """A node that does what the head says."""

    def __init__(self, node: Node, job: Job, environ: Mapping[str, str], head: socket.socket) -> None:
        self._node, self._job, self._environ, self._head = node, job, environ, head
        self._running: tuple[Group, Ending] | None = None
        self._told = False  # that the program has failed
        self._end_at: float | None = None  # the run is over on the head
        self._stopped = False
        self._unread = b""

    def stop(self, number: int, frame: FrameType | None) -> None:
        """A signal asks this node to end."""
        self._stopped = True

    def follow(self) -> int:
        with selectors.DefaultSelector() as selector:
            selector.register(self._head, selectors.EVENT_READ)
            while not self._stopped:
                if selector.select(_LOOK_S):
                    lines = self._lines()
                    if lines is None:
                        return 0
                    for line in lines:
                        self._handle(line)
                self._look()
        return INTERRUPTED

    def _lines(self) -> list[str] | None:
        """What the head has said; None once it is gone."""
        try:
            data = self._head.recv(1 << 16)
        except OSError:
            data = b""
        *lines, self._unread = (self._unread + data).split(b"\n")
        return [line.decode() for line in lines] if data else None

    def _handle(self, line: str) -> None:
        word, _, seed = line.partition(" ")
        if word == BEGIN:
            self._begin(seed)
        elif word in (OVER, STOP):
            self._end_at = time.monotonic() + (self._job.grace if word == OVER else 0.0)

    def _begin(self, seed: str) -> None:
        job = replace(self._job, seed=int(seed))
        self._told = False
        try:
            group = Group(job.command, job.environment(self._environ), job.folder, piped=False)
        except CannotStart as error:
            self._fail(f"cannot start it: {error}")
        else:
            self._running = group, Ending(group, job.grace, job.linger)

    def _look(self) -> None:
        """Tell the head once the program has failed by itself, and once nothing of it is left where the head's is over.

        What it leaves behind is ended as it is on the head.
        """
        group = self._running[0] if self._running else None
        self._advance()
        if group and self._end_at is None and not self._told:
            if group.killed_by:
                self._fail(f"was killed by {group.killed_by}")
            elif group.exit_code:
                self._fail(f"exited with {group.exit_code}")
        if self._end_at is not None and self._running is None:
            self._end_at = None
            self._say(ENDED)

    def _advance(self) -> None:
        """Bring what runs on its way to its end."""
        if self._running is None:
            return
        (group, ending), now = self._running, time.monotonic()
        if self._end_at is not None and now >= self._end_at and not ending.begun:
            ending.stop("exited", now)
        ending.advance(now)
        if ending.over(now, piped=False):
            group.close()
            self._running = None

    def _fail(self, how: str) -> None:
        self._told = True
        self._say(f"{BROKE} node {self._node.rank} {how}")

    def _say(self, words: str) -> None:
        with suppress(OSError):
            self._head.sendall(f"{words}\n".encode())

    def end(self) -> None:
        """End what runs: by SIGTERM, and by SIGKILL after the grace."""
        self._end_at = time.monotonic()
        while self._running:
            self._advance()
            time.sleep(_LOOK_S)


def follow_or_say(node: Node, job: Job, environ: Mapping[str, str]) -> int:
    """`follow`, for a command: what keeps the nodes apart goes to stderr. Returns the exit code."""
    try:
        return follow(node, job, environ)
    except (CannotStart, NodesApart) as error:
        sys.stderr.write(f"bench: {error}\n")
        return USAGE if isinstance(error, CannotStart) else FAILED

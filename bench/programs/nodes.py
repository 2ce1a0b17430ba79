"""Several machines that run one program together, as SkyPilot starts it on each: the first one measures.

The head is the node of rank 0. It tells the others when a run begins and when it is over, through a connection to each,
so that a program that waits for its peers is not waited for. A node whose program fails says so.
"""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import NamedTuple

from bench.programs.job import Job
from bench.programs.running.ending import handled_by
from bench.programs.running.process import CannotStart, find_program, signal_name

RANK, NUMBER, ADDRESSES = "SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES", "SKYPILOT_NODE_IPS"
PORT, PORT_VARIABLE = 29377, "BENCH_NODES_PORT"
# Set-up takes longer on one node than on another.
PATIENCE_S = 1800.0
_LOOK_S, _AGAIN_S, _CONNECT_S = 0.05, 0.5, 5.0
_HERE, _BEGIN, _OVER, _STOP, _BROKE, _ENDED = "here", "begin", "over", "stop", "broke", "ended"
USAGE, FAILED, INTERRUPTED = 2, 6, 130  # exit codes


class NodesApart(Exception):  # noqa: N818 -- says what happened, as CannotStart does
    """The nodes did not come together; the text says who waited for whom, and for how long."""


class Node(NamedTuple):
    """One of `number` nodes. `head` is the address of the one of rank 0."""

    rank: int
    number: int
    head: str
    port: int = PORT


def node_of(environ: Mapping[str, str]) -> Node | None:
    """What SkyPilot says of this node; None for a machine that works alone."""
    try:
        rank, number = int(environ.get(RANK, "0")), int(environ.get(NUMBER, "1"))
        port = int(environ.get(PORT_VARIABLE) or PORT)
    except ValueError:
        return None
    head = environ.get(ADDRESSES, "").split()
    return Node(rank, number, head[0], port) if number > 1 and head else None


class Head:
    """The other nodes, as the head sees them. Use it as a context: at its end they end, too."""

    def __init__(self, node: Node, patience: float = PATIENCE_S) -> None:
        self._node, self._patience = node, patience
        self._others: dict[int, socket.socket] = {}
        self._failed: str | None = None
        self._ended = threading.Semaphore(0)  # once for each node that has nothing running any more

    def __enter__(self) -> Head:
        try:
            self._gather(time.monotonic() + self._patience)
        except BaseException:
            self.__exit__()
            raise
        for other in self._others.values():
            other.settimeout(None)
            threading.Thread(target=self._listen, args=(other,), daemon=True).start()
        return self

    def _gather(self, end: float) -> None:
        """Wait for the others. Raises NodesApart."""
        wanted, port = self._node.number - 1, self._node.port
        with _server(port, end) as server:
            while len(self._others) < wanted:
                server.settimeout(max(end - time.monotonic(), 0.001))
                try:
                    other = server.accept()[0]
                except OSError:
                    raise NodesApart(
                        f"{len(self._others)} of {wanted} other nodes came within {self._patience:g} s; does one of "
                        f"them not start bench, or does a firewall keep port {port} of {self._node.head} from it?"
                    ) from None
                rank = _rank(other)
                if rank is None or not 0 < rank <= wanted:  # anybody may knock at a port
                    other.close()
                else:
                    self._others[rank] = other

    def __exit__(self, *_: object) -> None:
        for other in self._others.values():
            with suppress(OSError):
                other.shutdown(socket.SHUT_RDWR)
            other.close()

    def begin(self, job: Job) -> None:
        """Have every node begin its run of `job`."""
        self._failed = None
        self._tell(f"{_BEGIN} {job.seed}")

    def end(self, job: Job, *, now: bool) -> None:
        """The run of `job` is over here: wait until it is so on every node, by itself within the grace, or `now`."""
        self._tell(_STOP if now else _OVER)
        until = time.monotonic() + 2 * job.grace + _CONNECT_S
        for _ in self._others:
            self._ended.acquire(timeout=max(until - time.monotonic(), 0.0))

    def failed(self) -> str | None:
        """Which node's program failed in this run, and how; None where none has said so."""
        return self._failed

    def _tell(self, words: str) -> None:
        for other in self._others.values():
            with suppress(OSError):  # it is gone, which its listener sees
                other.sendall(f"{words}\n".encode())

    def _listen(self, other: socket.socket) -> None:
        with suppress(OSError, ValueError), other.makefile("r", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                word, _, how = line.strip().partition(" ")
                if word == _BROKE:
                    self._failed = self._failed or how
                elif word == _ENDED:
                    self._ended.release()
        self._failed = self._failed or "a node is gone"
        self._ended.release()


def _server(port: int, end: float) -> socket.socket:
    """A server at `port`, once nobody else has it. Raises NodesApart."""
    while True:
        try:
            return socket.create_server(("", port))
        except OSError as error:
            if time.monotonic() > end:
                raise NodesApart(f"port {port} is taken ({error.strerror}); {PORT_VARIABLE} names another") from None
            time.sleep(_AGAIN_S)


def _rank(other: socket.socket) -> int | None:
    """Which node has connected, as it says; None for anybody else."""
    other.settimeout(_CONNECT_S)
    try:
        word, rank = other.recv(64).decode().split()
        return int(rank) if word == _HERE else None
    except (OSError, ValueError):
        return None


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
            head = socket.create_connection((node.head, node.port), timeout=_CONNECT_S)
            head.sendall(f"{_HERE} {node.rank}\n".encode())
        except OSError as error:
            if time.monotonic() > end:
                raise NodesApart(
                    f"node {node.rank} did not reach the first node at {node.head}:{node.port} within {patience:g} s "
                    f"({error})"
                ) from None
            time.sleep(_AGAIN_S)
        else:
            head.settimeout(None)
            return head


class _Follower:
    """A node that does what the head says."""

    def __init__(self, node: Node, job: Job, environ: Mapping[str, str], head: socket.socket) -> None:
        self._node, self._job, self._environ, self._head = node, job, environ, head
        self._program: subprocess.Popen[bytes] | None = None
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
                        self._heed(line)
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

    def _heed(self, line: str) -> None:
        word, _, seed = line.partition(" ")
        if word == _BEGIN:
            self._begin(seed)
        elif word in (_OVER, _STOP):
            self._end_at = time.monotonic() + (self._job.grace if word == _OVER else 0.0)

    def _begin(self, seed: str) -> None:
        job = replace(self._job, seed=int(seed))
        environ = job.environment(self._environ)
        try:
            self._program = subprocess.Popen(job.command, env=environ, cwd=job.folder, start_new_session=True)
        except OSError as error:
            self._fail(f"cannot start it ({error.strerror})")

    def _look(self) -> None:
        """Tell the head once the program has failed by itself, and once it is over where the head's is."""
        code = self._program.poll() if self._program else None
        if code is not None:
            self._program = None
            if code and self._end_at is None:
                self._fail(f"exited with {code}" if code > 0 else f"was killed by {signal_name(-code)}")
        if self._end_at is not None and (self._program is None or time.monotonic() >= self._end_at):
            self.end()
            self._end_at = None
            self._say(_ENDED)

    def _fail(self, how: str) -> None:
        self._say(f"{_BROKE} node {self._node.rank} {how}")

    def _say(self, words: str) -> None:
        with suppress(OSError):
            self._head.sendall(f"{words}\n".encode())

    def end(self) -> None:
        """End what runs: by SIGTERM, and by SIGKILL after the grace."""
        program, self._program = self._program, None
        if program is None or program.poll() is not None:
            return
        for number, patience in ((signal.SIGTERM, self._job.grace), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(program.pid, number)
            with suppress(subprocess.TimeoutExpired):
                program.wait(patience)
                return


def follow_or_say(node: Node, job: Job, environ: Mapping[str, str]) -> int:
    """`follow`, for a command: what keeps the nodes apart goes to stderr. Returns the exit code."""
    try:
        return follow(node, job, environ)
    except (CannotStart, NodesApart) as error:
        sys.stderr.write(f"bench: {error}\n")
        return USAGE if isinstance(error, CannotStart) else FAILED

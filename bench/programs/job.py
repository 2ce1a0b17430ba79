"""A job: what to run, the target to reach, what to look for in the output, when to stop; and the nodes it runs on.

Several nodes run one program together, as SkyPilot starts it on each: the first one measures. The head is the node of
rank 0. It tells the others when a run begins and when it is over, through a connection to each, so that a program that
waits for its peers is not waited for. A node whose program fails says so.
"""

from __future__ import annotations

import math
import re
import socket
import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple

_WORD = r"[^\s<>=!\ud800-\udfff]+"  # no bytes that are no UTF-8: a record could not name them
_TARGET = re.compile(rf"\s*(?P<metric>{_WORD}(?:\s+{_WORD})*)\s*(?P<sign>>=|<=|[<>=!]+)\s*(?P<value>\S+)\s*")
GRACE_S = 30.0
SEED = "BENCH_SEED"


@dataclass(frozen=True)
class Target:
    """`metric` is to be at least, or at most, a value; exactly one of the two is given."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    def reached(self, value: float) -> bool:
        """Whether `value` is good enough; NaN never is."""
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


def parse_target(text: str) -> Target:
    """The target that `text` writes, such as `val_loss <= 3.28`. Raises ValueError where it has no direction."""
    match = _TARGET.fullmatch(text)
    if not match or match["sign"] not in (">=", "<="):
        raise ValueError(f"{text!r} is not METRIC >= VALUE or METRIC <= VALUE, such as 'val_loss <= 3.28'")
    try:
        value = float(match["value"])
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text!r}: {match['value']!r} is not a number; write it as the program shows it, 0.94 or 94")
    return Target("_".join(match["metric"].split()), **{"at_least" if match["sign"] == ">=" else "at_most": value})


class BadPattern(ValueError):  # noqa: N818 -- a mistake of the user's, told in a line
    """An expression that finds no number: it has no name, no group, or is none."""


def patterns_of(words: Iterable[str]) -> dict[str, str]:
    """The expressions by name that `words` give, each NAME=REGEX. Raises BadPattern for one that is not."""
    patterns = {}
    for word in words:
        name, _, expression = word.partition("=")
        if not name.strip() or not expression:
            raise BadPattern(f"{word!r} is not NAME=REGEX, such as loss='loss is (\\S+)'")
        patterns[name.strip()] = expression
    return patterns


def compiled(name: str, expression: str) -> tuple[re.Pattern[str], str | int]:
    """The expression of the metric `name`, and which of its groups is the number. Raises BadPattern."""
    try:
        pattern = re.compile(expression)
    except (re.error, RecursionError, OverflowError) as error:
        raise BadPattern(f"--metric {name}: {expression!r} is not a regular expression ({error})") from None
    if not pattern.groups:
        raise BadPattern(
            f"--metric {name}: {expression!r} has no group; put parentheses around the number, "
            rf"as in {name}='{name} is (\S+)'"
        )
    return pattern, "value" if "value" in pattern.groupindex else 1


@dataclass(frozen=True)
class Job:
    """One run of a program. Times are seconds.

    Of a sample `steps` are taken and then it is stopped: by SIGTERM, and by SIGKILL `grace` seconds later. So is one
    that is not over after `timeout`, and with `stops_at_target` one that has reached its target. `linger` is how long
    processes that the program leaves behind may continue. `quiet`: no messages while it runs.
    """

    argv: tuple[str, ...]
    seed: int = 0
    name: str | None = None
    folder: Path | None = None
    target: Target | None = None
    stops_at_target: bool = False
    steps: int | None = None
    total_steps: int | None = None
    timeout: float | None = None
    grace: float = GRACE_S
    linger: float = 5.0
    task_sha256: str | None = None
    quiet: bool = False

    @property
    def command(self) -> list[str]:
        """The words of the command, with the seed in place of `{seed}`."""
        return [word.replace("{seed}", str(self.seed)) for word in self.argv]

    def environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """`environ`, and the seed in it."""
        # Python would keep its output back for as long as nobody reads it on a terminal.
        return {"PYTHONUNBUFFERED": "1", **environ, SEED: str(self.seed)}

    @property
    def program(self) -> str:
        """What the program is called: its name, else that of its script, else that of the command."""
        return self.name or name_of(self.argv)


def name_of(argv: tuple[str, ...]) -> str:
    """`train` of `python -u train.py --lr 3`, and of `python -m pkg.train`: the first word that names a script."""
    for before, word in zip(("", *argv), argv):
        if word.endswith((".py", ".sh", ".pyz")):
            return PurePath(word).stem
        if before == "-m" and (module := word.rpartition(".")[2]):
            return module
    return PurePath(argv[0]).stem or argv[0]


RANK, NUMBER, ADDRESSES = "SKYPILOT_NODE_RANK", "SKYPILOT_NUM_NODES", "SKYPILOT_NODE_IPS"
PORT, PORT_VARIABLE = 29377, "BENCH_NODES_PORT"
# Set-up takes longer on one node than on another.
PATIENCE_S = 1800.0
AGAIN_S, CONNECT_S = 0.5, 5.0
# What the nodes say to each other, a line each.
HERE, BEGIN, OVER, STOP, BROKE, ENDED = "here", "begin", "over", "stop", "broke", "ended"


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
        self._gone = False  # one of them, for good
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
                        f"{len(self._others)} of {wanted} other nodes connected within {self._patience:g} s; does one "
                        f"of them not start bench, or does a firewall block port {port} of {self._node.head}?"
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
        """Have every node begin its run of `job`. Raises NodesApart where one is gone: its peers would wait for it."""
        if self._gone:
            raise NodesApart("a node was lost during the run before; no other starts without it")
        self._failed = None
        self._broadcast(f"{BEGIN} {job.seed}")

    def end(self, job: Job, *, now: bool) -> None:
        """The run of `job` is over here: wait until it is so on every node, by itself within the grace, or `now`."""
        self._broadcast(STOP if now else OVER)
        until = time.monotonic() + 2 * job.grace + CONNECT_S
        for _ in self._others:
            self._ended.acquire(timeout=max(until - time.monotonic(), 0.0))

    def failed(self) -> str | None:
        """Which node's program failed in this run, and how; None where none has said so."""
        return self._failed

    def _broadcast(self, words: str) -> None:
        for other in self._others.values():
            with suppress(OSError):  # it is gone, which its listener sees
                other.sendall(f"{words}\n".encode())

    def _listen(self, other: socket.socket) -> None:
        with suppress(OSError, ValueError), other.makefile("r", encoding="utf-8", errors="replace") as lines:
            for line in lines:
                word, _, how = line.strip().partition(" ")
                if word == BROKE:
                    self._failed = self._failed or how
                elif word == ENDED:
                    self._ended.release()
        self._gone = True
        self._failed = self._failed or "a node is lost"
        self._ended.release()


def _server(port: int, end: float) -> socket.socket:
    """A server at `port`, once the port is free. Raises NodesApart."""
    while True:
        try:
            return socket.create_server(("", port))
        except OSError as error:
            if time.monotonic() > end:
                raise NodesApart(f"port {port} is taken ({error.strerror}); {PORT_VARIABLE} names another") from None
            time.sleep(AGAIN_S)


def _rank(other: socket.socket) -> int | None:
    """The rank that a node which has connected says it has; None for anybody else."""
    other.settimeout(CONNECT_S)
    try:
        word, rank = other.recv(64).decode().split()
        return int(rank) if word == HERE else None
    except (OSError, ValueError):
        return None

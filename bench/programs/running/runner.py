"""Runs a program once: passes its output on, timestamps its lines, and stops it when due."""

from __future__ import annotations

import math
import os
import selectors
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

from bench.programs.job import Job
from bench.programs.running.passthrough import Passthrough
from bench.programs.running.process import Ending, Group
from bench.programs.watching.watch import Watch

_READ = 1 << 18
_PIPE_BYTES, _USUAL_PIPE_BYTES = 1 << 20, 1 << 16
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux, which Python 3.9 does not name
# Rounds that follow each other faster are put together: a thousand small reads cost more than what they stamp.
ROUND_S = 0.005
# So much in a round is a program that prints without a pause: its single lines need no time of their own. Rounds then
# become longer, up to a share of its age and as long as the pipes stay far from full, on which it would wait.
_MUCH, _LONG_ROUND_S, LONGEST_ROUND_S = 1000, 0.02, 0.25
_ROUNDS, _SHARE_OF_PIPE = 200, 4
# Files are looked into some hundred times in a run, but no more often than this, and no more seldom.
_POLLS, _SHORTEST_POLL_S, _LONGEST_POLL_S = 200, 0.05, 1.0


@dataclass
class Outcome:
    """How a run went. Times are on `time.monotonic`, but for `started_wall`, in seconds since 1970.

    `ended`: exited, sampled, target or timeout. `interrupted`: the signal that asked us to stop. `cleanup`: see Ending.
    `elsewhere`: what failed on another machine, so that it was ended here.
    """

    started_at: float
    started_wall: float
    exited_at: float
    ended: str
    exit_code: int | None
    killed_by: str | None
    interrupted: str | None
    cleanup: str
    warnings: list[str] = field(default_factory=list)
    elsewhere: str | None = None

    @property
    def succeeded(self) -> bool:
        """Whether the program came to its end by itself, and says that all is well."""
        return self.ended == "exited" and self.exit_code == 0 and not (self.interrupted or self.elsewhere)

    @property
    def seconds(self) -> float:
        """From the start of the program's process to its end."""
        return self.exited_at - self.started_at


def run(
    job: Job,
    watch: Watch,
    environ: Mapping[str, str],
    outputs: tuple[int, int] = (1, 2),
    elsewhere: Callable[[], str | None] = lambda: None,
) -> Outcome:
    """Run `job` to its end, in the main thread, its stdout and stderr passed on to the descriptors `outputs`.

    `elsewhere` says what has failed on another machine that runs it too. Raises CannotStart; whatever happens later is
    in the outcome.
    """
    group = Group(job.command, environ, job.folder)
    ending = Ending(group, job.grace, job.linger)
    try:
        with selectors.DefaultSelector() as selector, ending.forwarding_signals():
            loop = _Loop(job, watch, group, ending, selector, outputs, elsewhere)
            while not ending.over(time.monotonic(), piped=loop.piped):
                loop.round()
            loop.end()
    finally:
        group.send(signal.SIGKILL)
        group.close()
    assert group.exited_at is not None
    return Outcome(
        started_at=group.started_at,
        started_wall=group.started_wall,
        exited_at=group.exited_at,
        ended=ending.ended or "exited",
        exit_code=group.exit_code,
        killed_by=group.killed_by,
        interrupted=ending.interrupted,
        cleanup=ending.cleanup,
        warnings=loop.warnings,
        elsewhere=loop.elsewhere,
    )


class _Loop:
    """Reads the pipes of `group`, looks into files, and decides when the program is to be stopped."""

    def __init__(
        self,
        job: Job,
        watch: Watch,
        group: Group,
        ending: Ending,
        selector: selectors.BaseSelector,
        outputs: tuple[int, int],
        elsewhere: Callable[[], str | None],
    ) -> None:
        self._job, self._watch, self._group, self._ending, self._selector = job, watch, group, ending, selector
        self._outputs = [Passthrough(outputs[0], "stdout"), Passthrough(outputs[1], "stderr")]
        self._pipes = {group.stdout, group.stderr}
        self._room = min(map(_widened, self._pipes)) // _SHARE_OF_PIPE
        for pipe, output in zip((group.stdout, group.stderr), self._outputs):
            selector.register(pipe, selectors.EVENT_READ, output)
        selector.register(group.woken, selectors.EVENT_READ)
        self._ask_elsewhere, self._failed_at = elsewhere, math.inf
        self.elsewhere: str | None = None
        self._defect: str | None = None
        self._next_poll = group.started_at
        self._read_at, self._read_bytes, self._pause = 0.0, 0, ROUND_S

    @property
    def piped(self) -> bool:
        """Whether somebody still holds the program's output."""
        return bool(self._pipes)

    @property
    def warnings(self) -> list[str]:
        """What could not be passed on, or read."""
        return [warning for warning in (*(output.warning for output in self._outputs), self._defect) if warning]

    def end(self) -> None:
        """The program has ended, and nothing more comes from its pipes."""
        if self._ending.ended is not None:
            return
        for pipe in self._pipes:  # held by a process that is out of reach
            self._read_safely(partial(self._watch.end, pipe, time.monotonic()))
        self._read_safely(lambda: self._watch.poll_all(time.monotonic()))

    def _read_safely(self, read: Callable[[], object]) -> None:
        """Read progress. A bug of ours ends the reading, not a training that costs money."""
        if self._defect is None:
            try:
                read()
            except Exception as error:
                self._defect = f"a bug in bench stopped the reading of progress ({type(error).__name__}): report it"

    def round(self) -> None:
        """Wait for the next event and handle it."""
        full = False
        for key, _ in self._selector.select(max(0.0, self._next_at() - time.monotonic())):
            if key.fd in self._pipes:
                full |= self._read(key)
            else:  # the program has ended
                self._selector.unregister(key.fd)
        now = time.monotonic()
        if now >= self._next_poll:
            self._poll(now)
        self._decide(now)
        self._read_safely(self._print_notice)
        self._ending.advance(now)
        if not full and now - self._read_at < ROUND_S and self._group.exited_at is None:
            self._pause = next_pause(self._pause, self._read_bytes, self._room, now - self._group.started_at)
            self._read_bytes = 0
            time.sleep(self._pause)

    def _next_at(self) -> float:
        """When to look again if nothing comes."""
        if self._ending.begun:
            return min(self._next_poll, self._ending.kill_at or self._next_poll)
        return min(self._next_poll, self._group.started_at + (self._job.timeout or math.inf))

    def _read(self, key: selectors.SelectorKey) -> bool:
        """Read once from a pipe; whether there may be more at once."""
        data = os.read(key.fd, _READ)
        self._read_at = time.monotonic()
        # What was still in the pipe was written before the end.
        at = min(self._read_at, self._group.exited_at or self._read_at)
        if not data:
            self._selector.unregister(key.fd)
            self._pipes.remove(key.fd)
        self._read_bytes += len(data)
        key.data.write(data)
        # What is shown after we stopped the program is not the work that is measured.
        if self._ending.ended is None:
            self._read_safely(lambda: self._watch.feed(key.fd, data, at) if data else self._watch.end(key.fd, at))
        return len(data) == _READ

    def _poll(self, now: float) -> None:
        if self._ending.ended is None:
            self._read_safely(lambda: self._watch.poll(now))
        age = now - self._group.started_at
        self._next_poll = now + min(_LONGEST_POLL_S, max(_SHORTEST_POLL_S, age / _POLLS))

    def _print_notice(self) -> None:
        """Print what cannot wait until the program ends."""
        if not self._job.quiet and self._ending.ended is None and (text := self._watch.notice()):
            self._outputs[1].say(text, beside=self._outputs[0])

    def _decide(self, now: float) -> None:
        if self._group.exited_at is not None or self._ending.begun:
            return
        job, target, steps = self._job, self._watch.target(), self._watch.steps()
        if job.timeout and now - self._group.started_at >= job.timeout:
            self._ending.stop("timeout", now)
        elif job.stops_at_target and target and target.first_hit:
            self._ending.stop("target", now)
        elif job.steps and steps and steps.done >= job.steps:
            self._ending.stop("sampled", now)
        elif (failed := self._ask_elsewhere()) is not None:
            # It may be the failure here that made that one: the end here then comes at once.
            self._failed_at = min(self._failed_at, now)
            if now - self._failed_at >= job.linger:
                self.elsewhere = failed
                self._ending.stop("exited", now)


def next_pause(pause: float, read: int, room: int, age: float) -> float:
    """Seconds to let a program of this age go on, after `pause` brought so many bytes; `room` is what may come in one.

    The pause grows while much comes, up to a share of the age, and falls at once where more comes than has room.
    """
    if read < _MUCH:
        return ROUND_S
    if read > room:
        return max(ROUND_S, pause * room / (2 * read))
    longest = min(max(age / _ROUNDS, _LONG_ROUND_S), LONGEST_ROUND_S)
    return min(max(2 * pause, _LONG_ROUND_S), longest)


def _widened(pipe: int) -> int:
    """How many bytes a pipe holds, made to hold more, so that a program does not wait for us between two rounds."""
    with suppress(ImportError, OSError):
        from fcntl import fcntl

        return fcntl(pipe, _SET_PIPE_SIZE, _PIPE_BYTES)
    return _USUAL_PIPE_BYTES

"""Small programs to run, a source that reads what they print, and one run of them."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from bench.programs.job import Job
from bench.programs.progress import Point, Source
from bench.programs.running.runner import Outcome, run
from bench.programs.watching.watch import Watch

_STEP = re.compile(r"step (\d+)(?: of (\d+))?")
_METRIC = re.compile(r"(\w+)=(\S+)")
_PHASE = re.compile(r"phase (\w+)")

# Prints a line a step and takes a tenth of a millisecond for it; told to end, it shows a last step and ends with 0.
COUNTING = """
import itertools, signal, sys, time
def end(number, frame):
    print("step 999999", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
for step in itertools.count(1):
    print(f"step {step} of 1000000", flush=True)
    time.sleep(0.0001)
"""


class Words(Source):
    """A source of the tests: `step 3 of 9 loss=0.5 phase train`. `then` is called with each line."""

    name = "words"

    def __init__(self, then: Callable[[str], None] = lambda line: None) -> None:
        self._then = then

    def line(self, text: str, at: float) -> Point | None:
        self._then(text)
        step, phase = _STEP.search(text), _PHASE.search(text)
        metrics = {name: float(value) for name, value in _METRIC.findall(text)} if "=" in text else {}
        if not (step or phase or metrics):
            return None
        total = int(step[2]) if step and step[2] else None
        return Point(at, int(step[1]) if step else None, total, metrics=metrics, phase=phase[1] if phase else None)


class Ran(NamedTuple):
    """How a program ran: the outcome, what was read, and what was handed on."""

    outcome: Outcome
    watch: Watch
    stdout: bytes
    stderr: bytes


def python(script: str, *words: str) -> tuple[str, ...]:
    """The command that runs `script`."""
    return (sys.executable, "-c", script, *words)


def run_program(
    argv: tuple[str, ...],
    output: Path,
    *,
    sources: Iterable[Source] = (),
    environ: Mapping[str, str] = os.environ,
    **job: Any,
) -> Ran:
    """Run `argv`; its output goes to files in `output`."""
    asked = Job(argv, **job)
    watch = Watch([*sources] or [Words()], asked.target)
    out, err = (os.open(output / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC) for name in ("stdout", "stderr"))
    try:
        outcome = run(asked, watch, environ, (out, err))
    finally:
        os.close(out)
        os.close(err)
    return Ran(outcome, watch, (output / "stdout").read_bytes(), (output / "stderr").read_bytes())

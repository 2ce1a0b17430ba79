"""What `bench exec` costs a program that prints 10,000 lines a second: `exec_overhead.py [SECONDS] [PAIRS]`.

The program computes about 0.1 ms for each line. It is run with its output in a file, and through the runner with its
output passed on to one, in turns. Two figures count: how much longer the program takes, and how much of one processor
the runner itself uses meanwhile. The first holds only where the machine has processors to spare.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.programs.job import Job
from bench.programs.measurement import measure

LINES_A_SECOND = 10_000
# Sleeps to its own time-table, so that lines come as fast on a fast machine as on a slow one, and computes between.
PROGRAM = """
import json, sys, time
lines, rate = int(sys.argv[1]), int(sys.argv[2])
begin = time.perf_counter()
total = 0.0
for step in range(lines):
    for k in range(300):
        total += k * 0.5
    print(json.dumps({"step": step, "loss": 1 / (step + 1), "lr": 0.001}))
    ahead = step / rate - (time.perf_counter() - begin)
    if ahead > 0.001:
        time.sleep(ahead)
"""


def alone(argv: list[str], output: Path) -> float:
    """Seconds of the program with its output in a file."""
    with output.open("wb") as file:
        begin = time.perf_counter()
        subprocess.run(argv, stdout=file, check=True, env={**os.environ, "PYTHONUNBUFFERED": "1"})
        return time.perf_counter() - begin


def used(who: int) -> float:
    """Processor seconds of this process, or of its children that have ended."""
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime


def through(argv: list[str], output: Path) -> tuple[float, float, float, int]:
    """The same through the runner: seconds, the processor seconds of the runner and of the program, steps seen."""
    own, theirs = used(resource.RUSAGE_SELF), used(resource.RUSAGE_CHILDREN)
    with output.open("wb") as file:
        found = measure(Job(tuple(argv)), os.environ, outputs=(file.fileno(), 2))
    assert found["status"] == "completed", found["message"]
    own, theirs = used(resource.RUSAGE_SELF) - own, used(resource.RUSAGE_CHILDREN) - theirs
    return found["phases"][-1]["stop"], own, theirs, found["progress"]["last_step"]


def main() -> None:
    """Print a line a pair, and the medians."""
    given = [int(word) for word in sys.argv[1:3]]
    seconds, pairs = [*given, *(10, 5)[len(given) :]]
    argv = [sys.executable, "-c", PROGRAM, str(seconds * LINES_A_SECOND), str(LINES_A_SECOND)]
    longer, shares = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(pairs):
            first = alone(argv, Path(folder, "alone"))
            second, own, theirs, last = through(argv, Path(folder, "through"))
            assert Path(folder, "alone").read_bytes() == Path(folder, "through").read_bytes()
            assert last == seconds * LINES_A_SECOND - 1
            longer.append(second / first - 1)
            shares.append(own / second)
            seconds_used = f"processor seconds: runner {own:.3f}, program {theirs:.1f}"
            print(f"pair {number}: alone {first:.3f} s, through {second:.3f} s; {seconds_used}", flush=True)
    print(f"median: the program takes {statistics.median(longer):+.2%} longer")
    print(f"median: the runner takes {statistics.median(shares):.2%} of a processor")
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")


if __name__ == "__main__":
    main()

"""`python3 bench-exec.pyz -- python train.py`: runs of a program on a machine that has only Python.

Each record is a line on stdout, which `bench collect --log` reads. Exit codes are those of `bench exec`, but that the
record alone says where the program contradicts --total-steps. Of several nodes the first one measures; on the others
the same words have the program run beside it.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import replace
from pathlib import Path

from bench.programs.document import line_of, machine_of, run_document
from bench.programs.job import GRACE_S, Head, Job, NodesApart, Target, node_of, parse_target, patterns_of
from bench.programs.measurement import check, measure
from bench.programs.running.follower import FAILED, INTERRUPTED, USAGE, follow_or_say
from bench.programs.running.process import CannotStart
from bench.sealed import new_id

# What the numbers may be; a record with others would be refused at home, when its run is over.
_LEAST = {"runs": 1, "seed": 0, "steps": 1, "total_steps": 1, "timeout": 0, "deadline": 0, "grace": 0}
_TOO_MUCH = 2**53


def main(words: Sequence[str] | None = None) -> int:
    """Run what `words` ask for and return the exit code."""
    options = _parser().parse_args(words)
    command = options.command[1:] if options.command[:1] == ["--"] else options.command
    try:
        if not command:
            raise ValueError("no command; write it after --")
        job = _job(options, tuple(command))
        patterns = patterns_of(options.metric)
        check(job, os.environ, patterns)
    except (ValueError, CannotStart) as error:
        return _refuse(error)
    if options.deadline is not None:
        _end_at(options.deadline)
    node = node_of(os.environ)
    if node and node.rank:
        return follow_or_say(node, job, os.environ)
    try:
        with Head(node) if node else nullcontext() as head:
            return _measure_all(job, options, patterns, head)
    except CannotStart as error:
        return _refuse(error)
    except NodesApart as error:
        sys.stderr.write(f"bench: {error}\n")
        return FAILED


def _measure_all(job: Job, options: argparse.Namespace, patterns: Mapping[str, str], head: Head | None) -> int:
    """Measure the runs, and print the record of each; the exit code."""
    machine = machine_of(os.environ)
    series_id = os.environ.get("BENCH_SERIES_ID") or new_id()
    code = 0
    for made, index in enumerate(range(options.runs) if options.only is None else options.only):
        seeded = replace(job, seed=job.seed + index, quiet=made > 0)
        found = measure(seeded, os.environ, patterns=patterns, folders=options.logs, head=head)
        series = {"id": series_id, "index": index, "planned": options.runs}
        document = run_document(found, machine, series, os.environ.get("BENCH_LEASE_ID") or None)
        sys.stdout.write(f"\n{line_of(document)}\n")  # the program may have left its last line open
        sys.stdout.flush()
        if found["interrupted"]:
            return INTERRUPTED
        if found["status"] == "failed":
            sys.stderr.write(f"bench: failed ({found['reason']}): {found['message']}\n")
            code = FAILED
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench-exec", description="Run a program and record its time and progress.")
    parser.add_argument("--target", help="'METRIC <= VALUE' or 'METRIC >= VALUE'")
    parser.add_argument("--stop-at-target", action="store_true")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--only", type=_numbers, metavar="N,N-N", help="of the --runs these, counted from 0")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--name")
    parser.add_argument("--steps", type=int, help="a sample: stop after so many steps")
    parser.add_argument("--total-steps", type=int)
    parser.add_argument("--timeout", type=float, metavar="SECONDS")
    parser.add_argument("--deadline", type=float, metavar="UNIX", help="when all runs are ended, as by SIGTERM")
    parser.add_argument("--grace", type=float, default=GRACE_S, metavar="SECONDS")
    parser.add_argument("--metric", action="append", default=[], metavar="NAME=REGEX")
    parser.add_argument("--logs", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--task-sha256", help="of the task file that this is part of")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")
    return parser


def _numbers(text: str) -> list[int]:
    """The numbers in `text`, such as 0,2-4. Raises ArgumentTypeError."""
    ranges = [part.partition("-") for part in text.split(",")]
    with suppress(ValueError):
        if numbers := [number for first, _, last in ranges for number in range(int(first), int(last or first) + 1)]:
            return numbers
    raise argparse.ArgumentTypeError(f"{text!r} names no runs; write them as 0,2-4")


def _job(options: argparse.Namespace, command: tuple[str, ...]) -> Job:
    target: Target | None = parse_target(options.target) if options.target else None
    if options.stop_at_target and target is None:
        raise ValueError("--stop-at-target needs --target")
    if options.only and max(options.only) >= options.runs:
        raise ValueError(f"--only {max(options.only)} is not below --runs {options.runs}")
    for name, least in _LEAST.items():
        value = getattr(options, name)
        if value is not None and not least <= value < _TOO_MUCH:
            raise ValueError(f"--{name.replace('_', '-')} {value} is not {least} or more, below 2**53")
    return Job(
        command,
        seed=options.seed,
        name=options.name,
        target=target,
        stops_at_target=options.stop_at_target,
        steps=options.steps,
        total_steps=options.total_steps,
        timeout=options.timeout,
        grace=options.grace,
        task_sha256=options.task_sha256,
    )


def _end_at(deadline: float) -> None:
    """Have SIGTERM then, in Unix seconds: the run in flight is recorded as interrupted, and no other begins."""
    timer = threading.Timer(max(0.0, deadline - time.time()), os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()


def _refuse(error: Exception) -> int:
    sys.stderr.write(f"bench: {error}\n")
    return USAGE


if __name__ == "__main__":
    sys.exit(main())

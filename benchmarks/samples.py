"""How far off a sample of a quarter is: programs sampled by `bench exec --steps`, and then run out.

    python -m benchmarks.samples [PYTHON]

PYTHON has transformers, accelerate, lightning and tensorboard, for the two programs that need them; without it they are
left out. Every program waits in place of a GPU's work, so that a busy machine disturbs little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from analysis.samples.rate import rate_of
from bench.record.documents import Run, policy_seconds
from bench.store import open_store, read_all

PROGRAMS = Path(__file__).parent / "programs"
STEPS, SECOND = 400, "0.05"
EPOCHS = STEPS // 40
WORDS = ("--metric", r"step=after (\d+)", "--metric", r"total=of (\d+)", "--metric", r"loss=became (\S+)")


class Program(NamedTuple):
    """A program under a name, and what `bench exec` is told of it."""

    name: str
    command: tuple[str, ...]
    options: tuple[str, ...] = ()


def programs(python: str | None) -> Iterator[Program]:
    """Those that wait only, and where there is a `python` for them two that train."""
    waits = (sys.executable, str(PROGRAMS / "waits.py"))
    yield Program("JSON lines", (*waits, "json", str(STEPS), SECOND))
    yield Program("MLLOG", (*waits, "mllog", str(STEPS), SECOND))
    yield Program("regular expressions", (*waits, "words", str(STEPS), SECOND), WORDS)
    if python:
        for name, script in (("Trainer", "trainer.py"), ("Lightning", "lightning_fit.py")):
            yield Program(name, (python, str(PROGRAMS / script), "out", str(EPOCHS), SECOND))


def measured(program: Program, folder: Path, *options: str) -> list[Run]:
    """The records of a call of `bench exec` in `folder`."""
    folder.mkdir()
    command = [sys.executable, "-m", "bench", "exec", "-q", "--store", "store", *program.options, *options, "--"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    done = subprocess.run([*command, *program.command], cwd=folder, env=environment, capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{program.name}: {done.stderr.decode(errors='replace')[-2000:]}")
    documents, _ = read_all(open_store(str(folder / "store")))
    return [document for document in documents if isinstance(document, Run)]


def line(program: Program, temporary: Path) -> str:
    """What a quarter of the program said of all its steps, and what they took; then the rest of a run.

    The interval is about the steps only. A start-up is seen once, which says nothing of how it varies, and what comes
    after the last step, such as the interpreter's own end, is not seen at all.
    """
    (sample,) = measured(program, temporary / "sample", "--steps", str(STEPS // 4))
    (whole,) = measured(program, temporary / "whole")
    said, was = rate_of([sample]), rate_of([whole])
    took = policy_seconds(whole, "cold")
    assert said is not None
    assert was is not None
    assert took is not None
    estimate, steps = said.seconds * STEPS, was.seconds * STEPS
    bounds, within = "none", said.too_few or ""
    if said.interval:
        low, high = said.interval.low * STEPS, said.interval.high * STEPS
        bounds, within = f"{low:.2f} to {high:.2f}", "within" if low <= steps <= high else "outside"
    parts = (
        f"{program.name:20} {sample.progress.source if sample.progress else '':12} {said.steps:4}",
        f"{estimate:6.2f} {bounds:14} {steps:6.2f} {estimate / steps - 1:+7.1%}",
        f"{said.start_up:6.2f} {was.start_up:6.2f} {took - was.start_up - steps:6.2f}",
        f"{(said.start_up + estimate) / took - 1:+7.1%}  {within}",
    )
    return "  ".join(parts)


def main(python: str | None = None) -> None:
    """Print a line a program."""
    print(
        f"{STEPS} steps, in seconds: estimated from a quarter [95 %], taken, error; start-up then and now; error of all"
    )
    for program in programs(python):
        with tempfile.TemporaryDirectory() as temporary:
            print(line(program, Path(temporary)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])

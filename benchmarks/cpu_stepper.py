"""A process that takes one training step of a recipe on the CPU whenever it is told to, for cpu_step.py.

Instruction sets, threads and huge pages are chosen by variables that a library reads once, so each way of a step is a
process of its own; the one that waits costs nothing but its memory (some 3 GB).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import IO, Any

# Words that are not variables of the environment.
_MEMORY, _THREADS = "memory", "threads"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Stepper:
    """The process, ready to take steps inside a `with`.

    `way` is "bench" for what the warm-up chooses, "plain float32" or "plain bfloat16", or a `key` of another stepper.
    `words` are variables of its environment, or memory="given back", threads="2". Raises RuntimeError where it ends.
    """

    def __init__(
        self, recipe: str, way: str, variables: Mapping[str, str], words: Mapping[str, str] = _NOTHING
    ) -> None:
        own = {name: value for name, value in words.items() if name not in (_MEMORY, _THREADS)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cpu_stepper", recipe, way, json.dumps(dict(words))],
            cwd=Path(__file__).parents[1],
            env={**os.environ, **variables, **own},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            told = self._read()
        except RuntimeError:
            self._end()
            raise
        self.way: str = told["way"]
        self.key: str = told["key"]
        self.threads: int = told["threads"]
        self.warm_up_s: float = told["warm_up_s"]
        self.compared: dict[str, float] = told["compared"]

    def __enter__(self) -> Stepper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._end()

    def step(self) -> float:
        """Take a step: its images a second."""
        stdin = self._process.stdin
        assert stdin is not None
        stdin.write("\n")
        stdin.flush()
        return float(self._read()["images_per_s"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a step's process ended with {self._process.wait()}; see above")
        told: dict[str, Any] = json.loads(line)
        return told

    def _end(self) -> None:
        with self._process:
            self._process.kill()


def main(recipe: str, way: str, words: Mapping[str, str], orders: IO[str]) -> None:
    """Get ready, then take a step for each line of `orders`; all that is known is told as lines of JSON."""
    # Variables are read by the libraries as torch comes.
    from bench.training.device import keep_freed_memory
    from benchmarks.cpu_ways import ready, use_threads

    if words.get(_MEMORY) != "given back":
        keep_freed_memory()
    use_threads(int(words.get(_THREADS, 0)))
    started = time.perf_counter()
    training = ready(recipe, way)
    warm_up = time.perf_counter() - started
    training.step()  # the first one makes what the optimiser keeps
    tell({**training.told, "warm_up_s": warm_up})
    for _ in orders:
        start = time.perf_counter()
        training.step()
        tell({"images_per_s": training.batch / (time.perf_counter() - start)})


def tell(what: Mapping[str, object]) -> None:
    """A line for the process that asked."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), sys.stdin)

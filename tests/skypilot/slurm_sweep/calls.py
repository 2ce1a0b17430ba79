"""Calls of `bench` from outside, as a person makes them, and the records that they leave."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.record.documents import LeaseClosed, LeaseOpened, Run
from bench.store import Store, read_all
from tests.skypilot import loopback

ROOT = Path(__file__).parents[3]
Bench = Callable[..., "Call"]
_SECONDS = 900  # for one call, on a machine that has other things to do


class Call:
    """A call of `bench` that goes on; both of its outputs go to one file."""

    def __init__(self, words: Sequence[object], environment: Mapping[str, str], output: Path) -> None:
        self._output = output
        with output.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.skypilot.slurm_sweep.patient_bench", *map(str, words)],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
            )

    def ended(self, code: int) -> str:
        """What it printed; it must end with this exit code."""
        assert self.process.wait(_SECONDS) == code, self._output.read_text()
        return self._output.read_text()

    def until(self, pattern: str) -> None:
        """Wait until it has printed this."""
        loopback.wait_for(
            lambda: bool(re.search(pattern, self._output.read_text())) or self._is_over(), _SECONDS, pattern
        )
        assert not self._is_over(), self._output.read_text()

    def _is_over(self) -> bool:
        return self.process.poll() is not None


def records_in(store: Store) -> tuple[list[LeaseOpened], list[LeaseClosed], list[Run]]:
    """What the store holds; nothing of it may be damaged."""
    found, errors = read_all(store)
    assert not errors
    return (
        [each for each in found if isinstance(each, LeaseOpened)],
        [each for each in found if isinstance(each, LeaseClosed)],
        [each for each in found if isinstance(each, Run)],
    )

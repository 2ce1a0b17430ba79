"""A recipe on two fake GPUs, by a process each: `python -m tests.fake_gpu.parallel`, the record as a line."""

from __future__ import annotations

import sys

from bench.measure.progress import Progress
from bench.measure.series import Measurement
from bench.measure.signals import Interrupts
from bench.training.api import choose
from tests.fake_gpu.train import data
from tests.support.parallel_recipes import SmallWrn


def main() -> None:
    """Run it once."""
    interrupts = Interrupts()
    measurement = Measurement(data(256), choose("cuda"), Progress(quiet=True), interrupts, gpus=2)
    with interrupts.listening():
        for run in measurement.runs([SmallWrn("small", "", 0.94)], 1, 0):
            sys.stdout.write(run.model_dump_json() + "\n")


if __name__ == "__main__":
    main()

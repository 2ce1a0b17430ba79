"""A recipe on two fake GPUs, by a process each: `python -m tests.fake_gpu.parallel`, the record as a line."""

from __future__ import annotations

import sys
from functools import partial
from unittest.mock import patch

from bench.measure.machine import Size, fingerprints
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts
from bench.measure.series import Measurement
from bench.training.api import choose
from tests.fake_gpu.train import data
from tests.support.parallel_recipes import SmallWrn


def main() -> None:
    """Run it once."""
    interrupts = Interrupts()
    # What the fake one's product and copy take would be minutes.
    taken = partial(fingerprints, size=Size(rows=64, copied=2**16, seconds=0.05))
    measurement = Measurement(data(256), choose("cuda"), Progress(quiet=True), interrupts, gpus=2)
    with patch("bench.measure.series.fingerprints", taken):
        measurement.take_fingerprint()
    with interrupts.listening():
        for run in measurement.runs([SmallWrn("small", "", 0.94)], 1, 0):
            sys.stdout.write(run.model_dump_json() + "\n")


if __name__ == "__main__":
    main()

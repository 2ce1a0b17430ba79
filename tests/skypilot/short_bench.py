"""`bench` with a shorter `quick`, for what is not about the training: five steps of a narrow network.

SHORT_EPOCHS=0.15 trains the whole network for so long. SHORT_HOLD=1:FILE has the runs from seed 1 on wait as long as
there is the file. Run from a checkout's root.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

from bench.cli import main
from bench.recipes import airbench94_muon, quick
from bench.training.events import Events

NARROW = (8, 16, 16)


class Trainer(airbench94_muon.Trainer):
    """That of `quick`, which waits where it is told to."""

    def run(self, seed: int, events: Events) -> None:
        """See Training."""
        first, _, file = os.environ.get("SHORT_HOLD", "").partition(":")
        while file and seed >= int(first) and Path(file).exists():
            time.sleep(0.05)
        super().run(seed, events)


epochs = os.environ.get("SHORT_EPOCHS")
quick.SETTINGS = (
    replace(quick.SETTINGS, epochs=float(epochs)) if epochs else replace(quick.SETTINGS, epochs=0.05, widths=NARROW)
)
vars(quick)["Trainer"] = Trainer

if __name__ == "__main__":
    main()

"""`bench` with a shorter `quick`, of SHORT_EPOCHS: without, of five steps, for what is not about the training.

Run from a checkout's root.
"""

from __future__ import annotations

import os
from dataclasses import replace

from bench.cli import main
from bench.recipes import quick

quick.SETTINGS = replace(quick.SETTINGS, epochs=float(os.environ.get("SHORT_EPOCHS", "0.05")))

if __name__ == "__main__":
    main()

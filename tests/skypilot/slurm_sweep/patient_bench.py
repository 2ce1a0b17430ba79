"""`bench`, with ten minutes for what comes before a machine's tear-down. Run from a checkout's root.

Of 45 s each question has 15, in which SkyPilot does not answer where a machine has much else to do.
"""

from __future__ import annotations

from functools import partial

from bench.cli import main
from bench.sweep.orchestration import sweep_runner
from bench.sweep.orchestration.limited import Limits, Patience

vars(sweep_runner)["Patience"] = partial(Patience, limits=Limits(before_tear_down=600))

if __name__ == "__main__":
    main()

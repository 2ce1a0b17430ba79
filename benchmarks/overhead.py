"""What measuring costs: the share of each completed run that lies outside all its phases.

    python benchmarks/overhead.py STORE

Clock, progress line and the keeping of events all happen between phases; so does Python's own loop around them.
Counted from the first phase of the training itself (`prepare`) to the final accuracy.
"""

from __future__ import annotations

import sys

from bench.record.documents import Run
from bench.store import open_store, read_all


def outside(run: Run) -> float:
    """The share, 0..1, of the time from `prepare` to the final accuracy that no phase holds."""
    begin = next(phase.start for phase in run.phases if phase.name == "prepare")
    end = next(evaluation.at for evaluation in run.evaluations if evaluation.final)
    inside = sum(phase.seconds for phase in run.phases if phase.start >= begin)
    return 1 - inside / (end - begin)


def main(store: str) -> None:
    """Print the share of every completed run."""
    documents, _ = read_all(open_store(store))
    for run in documents:
        if isinstance(run, Run) and run.status == "completed":
            print(f"{run.label} seed {run.seed}: {outside(run):.6%} of the run lies outside its phases")


if __name__ == "__main__":
    main(sys.argv[1])

"""Stands in for `bench run` on the nodes of the local Slurm: leases and records are real, the training is not.

It reads what `sky/run.sh` gives it: `run RECIPE… --runs N --resume --store STORE`. Where STAND_IN_GATES names a folder,
the run of seed 1 goes on until that holds a file `1`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

from bench.lease.lease import acquire_lease, series_of
from bench.lease.machine import MachineOptions
from bench.measure.session import runs_of
from bench.recipes import find
from bench.record.documents import RecipeRef, Series
from bench.store import open_store
from tests.support import builders


def main() -> None:
    words = argparse.ArgumentParser()
    words.add_argument("run")
    words.add_argument("recipes", nargs="+")
    words.add_argument("--runs", type=int)
    words.add_argument("--resume", action="store_true", required=True)
    words.add_argument("--store")
    given = words.parse_args()
    store = open_store(given.store)
    store.check_writable()
    price, instance = os.environ["BENCH_PRICE_PER_HOUR"], os.environ["BENCH_INSTANCE"]
    lease = acquire_lease(MachineOptions(instance, price), store, os.environ)
    if lease.opened:
        store.put(lease.opened)
    series = series_of(os.environ)
    assert series is not None, "a sweep names its series"
    made = {(run.label, run.seed) for run in runs_of(series, store)}
    gates = Path(os.environ["STAND_IN_GATES"]) if "STAND_IN_GATES" in os.environ else None
    for seed in range(given.runs):
        for name in given.recipes:
            if (name, seed) not in made:
                while gates and not (gates / f"{seed}").exists():
                    time.sleep(0.1)
                run = builders.make_run(
                    seed=seed,
                    recipe=RecipeRef(name=name, source_sha256=find(name).source_sha256()),
                    series=Series(id=series, index=seed, planned=given.runs),
                    lease_id=lease.lease_id,
                )
                sys.stdout.write(f"{store.put(run)}\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main()

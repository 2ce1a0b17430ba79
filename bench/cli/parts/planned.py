"""The plan of a sweep, by records and prices: what `bench plan` shows, and `bench sweep` before it rents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from bench.errors import RecordError
from bench.store import open_store
from bench.sweep.planning.history import read_history, usual_folders
from bench.sweep.planning.plan import Plan, ask_all, plan_sweep
from bench.sweep.spec import Sweep
from bench.variables import STORE


def planned_from_records(
    sweep: Sweep, stores: Sequence[str] = (), *, offline: bool = False
) -> tuple[Plan, list[RecordError]]:
    """The plan of `sweep`, by the records in `stores`, and the records that cannot be trusted.

    Without `stores`: those of `results` and `results/local`, where they are there, and of BENCH_STORE.
    """
    usual = usual_folders() + ([named] if (named := STORE.read(os.environ)) else [])
    opened = [open_store(store) for store in stores or usual]
    history, errors = read_history(opened, sweep.recipes)
    if sweep.program and (task := sweep.task_sha256()):
        from bench.cli.parts.sampled import program_times  # scipy takes longer than a plan without it

        history = replace(history, programs=program_times(opened, sweep.program, task))
    return plan_sweep(sweep, history, partial(ask_all, offline=offline)), errors

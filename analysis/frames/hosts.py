"""Which runs are from one machine: hosts and GPUs are identified by hashes, either of which may be missing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def one_host(host_ids: pd.Series[Any], gpu_ids: pd.Series[Any]) -> pd.Series[Any]:
    """The machine of each run, as an id; missing if neither its host nor its GPUs are known.

    `gpu_ids` have spaces between. Runs that share a host, or a GPU, are of one machine: a run in a container may tell
    its GPUs alone.
    """
    if host_ids.isna().all() and gpu_ids.isna().all():  # of a million runs of before none is looked at
        return host_ids
    told = pd.DataFrame({"host": host_ids.astype(object).fillna(""), "gpus": gpu_ids.astype(object).fillna("")})
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while parent.setdefault(name, name) != name:
            name = parent[name]
        return name

    pairs = [(host, *gpus.split()) for host, gpus in told.drop_duplicates().itertuples(index=False)]
    known = [[name for name in names if name] for names in pairs]
    for names in filter(None, known):
        first = min(root(name) for name in names)  # the same whatever the order of the runs
        for name in names:
            parent[root(name)] = first
    ids = {
        (names[0], " ".join(names[1:])): root(found[0]) if found else None
        for names, found in zip(pairs, known, strict=True)
    }
    machines = [ids[host, " ".join(gpus.split())] for host, gpus in told.itertuples(index=False)]
    return pd.Series(machines, index=host_ids.index, dtype="string")


def machines_of(runs: pd.DataFrame) -> int | None:
    """How many machines `runs` (of runs_frame) are of; None where one of them does not tell."""
    hosts = runs["host_id"]
    return None if hosts.isna().any() or hosts.empty else int(hosts.nunique())


def machine_numbers(runs: pd.DataFrame) -> NDArray[np.intp] | None:
    """The number of each run's machine, counted from 0; None where one of `runs` does not tell."""
    numbers, _ = pd.factorize(runs["host_id"])
    return None if (numbers < 0).any() else numbers


def by_machine(runs: pd.DataFrame, values: pd.Series[float]) -> list[list[float]]:
    """`values` of some of the `runs`, by index, in groups of one machine; no group where one run does not tell its."""
    hosts = runs.loc[values.index, "host_id"]
    if hosts.isna().any():
        return []
    return [group.tolist() for _, group in values.groupby(hosts.to_numpy(), sort=False, observed=True)]

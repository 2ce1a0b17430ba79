"""Runs are of one machine where they share its host or a GPU; what does not tell is on no known machine."""

from __future__ import annotations

import itertools

import pandas as pd
import pytest

from analysis.frames.hosts import by_machine, machines_of, one_host
from analysis.frames.runs import runs_frame
from analysis.tables.cost_table import cost_table
from bench.record.documents import Machine
from tests.support import small_store as a

ONE, OTHER, GPU, GPU_2 = "a" * 16, "b" * 16, "c" * 16, "d" * 16


def ids(*pairs: tuple[str | None, str | None]) -> list[str | None]:
    """The machines of runs with those hosts and GPUs."""
    hosts, gpus = (pd.Series(list(each), dtype="string") for each in zip(*pairs, strict=True))
    return [None if pd.isna(host) else str(host) for host in one_host(hosts, gpus)]


def test_a_container_that_tells_its_gpus_alone_is_on_the_host_that_has_them() -> None:
    runs = [(ONE, f"{GPU} {GPU_2}"), (None, GPU_2), (OTHER, None), (None, None)]
    for order in itertools.permutations(runs):
        of = dict(zip(order, ids(*order), strict=True))
        assert of[runs[0]] == of[runs[1]] == ONE
        assert of[runs[2]] == OTHER
        assert of[runs[3]] is None


def test_two_gpus_of_which_no_run_tells_a_host_are_two_machines() -> None:
    assert len(set(ids((None, GPU), (None, GPU_2)))) == 2


def a_store(*hosts: str | None) -> pd.DataFrame:
    """Eight runs on each of the hosts, each host 1 s slower than the one before."""
    return runs_frame(
        a.a_run(8 * number + k, 60.0 + number + k / 100, machine=Machine(host=host) if host else None)
        for number, host in enumerate(hosts)
        for k in range(8)
    )


@pytest.mark.parametrize(("hosts", "machines"), [((ONE, ONE), 1), ((ONE, OTHER), 2), ((ONE, None), None), ((), None)])
def test_machines_are_counted_where_every_run_tells_its(hosts: tuple[str | None, ...], machines: int | None) -> None:
    frame = a_store(*hosts)
    assert machines_of(frame) == machines
    assert len(by_machine(frame, frame["airbench_s"])) == (machines or 0)


def test_a_row_says_how_many_machines_and_from_three_on_speaks_of_their_type() -> None:
    (two,) = cost_table(a_store(ONE, OTHER), "airbench", [])
    (three,) = cost_table(a_store(ONE, OTHER, GPU), "airbench", [])
    assert (two.machines, three.machines) == (2, 3)
    assert two.time_s_interval is not None
    assert three.time_s_interval is not None
    assert (two.time_s_interval.method, three.time_s_interval.method) == ("BCa bootstrap", "random effects of machines")
    assert three.time_s == pytest.approx(61.03, abs=0.01)
    assert three.time_s_interval.high - three.time_s_interval.low > 4  # of t with 2 degrees of freedom

"""A sweep whose process is killed at random moments and called again: nothing is lost, made twice or left standing."""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Iterator
from itertools import count
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest

from bench.record.documents import LeaseClosed, LeaseOpened, Run
from bench.store import FolderStore, read_all
from tests.support.disk_cloud import DiskCloud, call_sweep

pytestmark = pytest.mark.slow
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.support.disk_cloud"])


@pytest.fixture
def cloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DiskCloud:
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "state" / "spool"))
    return DiskCloud(tmp_path / "cloud")


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Any]:
    """A sweep of two cells."""
    machines = []
    for name in ("v100", "a100"):
        path = tmp_path / f"{name}.yaml"
        path.write_text("resources: {accelerators: V100:1}\nsetup: true\nrun: true\n")
        machines.append(str(path))
    return {"name": "trial", "recipes": ["quick"], "runs": 4, "machines": machines}


def _start(tmp_path: Path, words: dict[str, Any], cost: str | None = None) -> ForkServerProcess:
    process = _CONTEXT.Process(target=call_sweep, args=(tmp_path / "cloud", tmp_path / "store", dict(words), cost))
    process.start()
    return process


def _kills(tmp_path: Path, words: dict[str, Any], times: int, cost: str | None = None) -> Iterator[int | None]:
    """Call the sweep, and kill it: the exit code of each call, None where it was killed.

    Every tenth call is left to its end, which on a busy host none may reach before it is killed.
    """
    moments = random.Random(7)
    killed = 0
    for call in count(1):
        if killed == times:
            return
        process = _start(tmp_path, words, cost)
        process.join(60 if call % 10 == 0 else moments.uniform(0.05, 1.2))
        killed += process.is_alive()
        process.kill()
        process.join()
        yield None if process.exitcode == -signal.SIGKILL else process.exitcode


def test_thirty_kills_lose_no_run_make_none_twice_and_leave_no_machine(
    cloud: DiskCloud, words: dict[str, Any], tmp_path: Path
) -> None:
    for code in _kills(tmp_path, words, 30):
        assert code in (None, 0)
        if code == 0:
            words["runs"] += 4  # more work, so that machines are rented and given back under fire, too
    last = _start(tmp_path, words)
    last.join(60)
    assert last.exitcode == 0
    documents, errors = read_all(FolderStore(tmp_path / "store"))
    runs = [document for document in documents if isinstance(document, Run)]
    assert errors == []
    per_cell = words["runs"]
    assert len(runs) == 2 * per_cell
    assert len({(run.series.id, run.seed) for run in runs}) == 2 * per_cell
    assert {run.id for run in cloud.made() if isinstance(run, Run)} == {run.id for run in runs}
    with cloud.state() as state:
        assert state["up"] == {}
        rented = {each["lease"]: each for each in state["rented"]}
        assert len(rented) == len(state["rented"]), "one lease a machine"
        assert len(rented) > 2, "machines were rented after some had been given back"
    closed = {lease.id: lease for lease in documents if isinstance(lease, LeaseClosed)}
    opened = {lease.id for lease in documents if isinstance(lease, LeaseOpened)}
    assert {run.lease_id for run in runs} <= opened == set(closed) <= set(rented)
    for lease_id, lease in closed.items():
        assert lease.stopped.timestamp() == pytest.approx(rented[lease_id]["ended"], abs=0.01)


def test_max_cost_holds_over_all_calls_of_a_sweep_that_is_killed(
    cloud: DiskCloud, words: dict[str, Any], tmp_path: Path
) -> None:
    words["runs"] = 60  # 12 s and 12 dollars on each machine
    codes = []
    for code in _kills(tmp_path, words, 30, "8"):
        codes.append(code)
        if code is not None:
            break
    if codes[-1] is None:
        last = _start(tmp_path, words, "8")
        last.join(60)
        codes.append(last.exitcode)
    assert codes[-1] == 6
    with cloud.state() as state:
        assert state["up"] == {}
        dollars = sum(each["ended"] - each["began"] for each in state["rented"])
    # What nobody watches between two calls, and giving back itself, cost a little more: two dollars a second.
    assert 8 <= dollars <= 8 + 2 * (len(codes) * 0.5 + 1)
    rented = len(state["rented"])
    again = _start(tmp_path, words, "8")
    again.join(60)
    assert again.exitcode == 6
    with cloud.state() as state:
        assert len(state["rented"]) == rented, "nothing more is rented"

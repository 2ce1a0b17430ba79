"""`bench status`: the machines that stand, each with the runs that its own sweep's store has from it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from bench.cli import machines
from bench.record.documents import Accelerators, LeaseClosed, LeaseOpened
from bench.store import FolderStore
from bench.sweep.provisioning.provisioner import ClusterStatus, Instance, sweep_labels
from bench.sweep.spec import SWEEP_TAG
from tests.support.builders import make_run
from tests.support.types import Bench


def lease(store: Path, tag: str, runs: int = 0) -> str:
    """A lease of a sweep's cell in the store `store`, with so many runs; its id."""
    opened = LeaseOpened(provider="aws", started=datetime(2026, 11, 26, tzinfo=UTC), tags={SWEEP_TAG: tag})
    FolderStore(store).put(opened)
    for seed in range(runs):
        FolderStore(store).put(make_run(seed=seed, lease_id=opened.id))
    return opened.id


@pytest.fixture
def rented(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """SkyPilot as far as `bench status` asks it: `rented(machine, …)`."""

    def stand_in(*found: ClusterStatus) -> None:
        class Provisioner:
            def check(self) -> None:
                pass

            def clusters(self) -> list[ClusterStatus]:
                return list(found)

        monkeypatch.setattr(machines, "installed", lambda: True)
        monkeypatch.setattr(machines, "SkyPilot", Provisioner)

    return stand_in


def machine(sweep: str, store: Path, hourly: str | None = "3.06") -> ClusterStatus:
    instance = Instance(
        "aws",
        accelerators=Accelerators(name="V100", count=1),
        hourly=Decimal(hourly) if hourly else None,
        labels=sweep_labels(sweep, str(store)),
    )
    launched = datetime.now(UTC) - timedelta(minutes=60, seconds=1)
    return ClusterStatus(f"bench-{sweep}-v100", "UP", launched, instance)


def test_each_machine_s_runs_are_those_in_its_own_store(
    bench: Bench, rented: Callable[..., None], tmp_path: Path
) -> None:
    lease(tmp_path / "one", "first/v100", runs=3)
    lease(tmp_path / "two", "second/v100", runs=1)
    rented(machine("first", tmp_path / "one"), machine("second", tmp_path / "two", None))
    done = bench("status")
    assert re.sub(r"1:00:\d\d", "an hour", done.stdout).splitlines() == [
        "bench-first-v100: UP, an hour, 3.06 USD/h, 3.06 USD so far, runs: 3",
        "bench-second-v100: UP, an hour, price unknown, unknown USD so far, runs: 1",
    ]
    assert (done.returncode, done.stderr) == (0, "")


def test_a_store_that_is_named_is_the_one_that_is_counted_in(
    bench: Bench, rented: Callable[..., None], tmp_path: Path
) -> None:
    lease(tmp_path / "one", "first/v100", runs=3)
    lease(tmp_path / "here", "first/v100", runs=2)
    rented(machine("first", tmp_path / "one"))
    assert bench("status", "--store", "here").stdout.strip().endswith("runs: 2")
    assert bench("status", "other").stderr == "nothing is rented for other\n"


@pytest.mark.parametrize("command", [("status",), ("down", "--yes")])
def test_a_sweep_s_file_that_is_not_there_is_not_taken_for_a_name(bench: Bench, command: tuple[str, ...]) -> None:
    done = bench(*command, "the-clam.yaml")
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)


def test_names_that_no_file_can_have_are_no_files(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "installed", lambda: False)
    assert bench("status", "é" * 300).returncode == 0
    done = bench("status", "--store", "é" * 300)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)


@pytest.mark.parametrize("words", [("status",), ("status", "trial"), ("status", "bench-trial-v100")])
def test_without_skypilot_it_needs_it_only_where_a_lease_of_a_sweep_is_open(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    monkeypatch.setattr(machines, "installed", lambda: False)
    monkeypatch.setattr("bench.cli.machines.SkyPilot.check", lambda self: pytest.fail("asked SkyPilot"))

    def nothing() -> bool:
        done = bench(*words)
        return (done.returncode, done.stdout, done.stderr) == (
            0,
            "",
            "nothing is rented according to the leases in results/local; without SkyPilot, others are not visible\n",
        )

    assert nothing()
    store = tmp_path / "results" / "local"
    lease(store, "trial-2/v100") if len(words) > 1 else None
    FolderStore(store).put(LeaseOpened(provider="own", started=datetime(2026, 11, 26, tzinfo=UTC)))
    assert nothing()
    ours = lease(store, "trial/v100")
    with pytest.raises(pytest.fail.Exception, match="asked SkyPilot"):
        bench(*words)
    FolderStore(store).put(LeaseClosed(id=ours, stopped=datetime(2026, 11, 26, 1, tzinfo=UTC)))
    assert nothing()

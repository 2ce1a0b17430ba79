"""A sweep from its launch to its end, on machines that are not there: nothing is left, nothing is made twice."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bench.errors import BenchError
from bench.record.documents import LeaseClosed, LeaseOpened, Run
from bench.store import FolderStore
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.state import Stage, StopReason
from bench.sweep.orchestration.sweep_runner import SweepRunner
from bench.sweep.provisioning.provisioner import Job, LaunchRequest
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep


class ResourcesUnavailableError(Exception):
    """As SkyPilot's: known by its name, and by what was tried."""

    def __init__(self, message: str, *tried: str) -> None:
        super().__init__(message)
        self.failover_history = [Exception(text) for text in tried]


FULL = ResourcesUnavailableError("all failed", "Failed to acquire resources in all zones in us-east-1")


def _runs(store: FolderStore) -> list[Run]:
    return [run for run in map(store.read, store.keys("v1/runs/")) if isinstance(run, Run)]


def _closed(store: FolderStore) -> list[LeaseClosed]:
    keys = [key for key in store.keys("v1/leases/") if key.endswith("closed.json")]
    return [lease for lease in map(store.read, keys) if isinstance(lease, LeaseClosed)]


def _once(holds: Callable[[], object], action: Callable[[], object]) -> None:
    """Act as soon as it holds, from a thread beside the sweep."""

    def wait() -> None:
        end = time.monotonic() + 20
        while not holds() and time.monotonic() < end:
            time.sleep(0.005)
        action()

    threading.Thread(target=wait, daemon=True).start()


def _press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_every_cell_runs_at_once_and_all_records_come_home(run_sweep: RunSweep, store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    result, shown = run_sweep(provisioner)
    assert [cell.runs for cell in result.cells] == [4, 4, 4]
    assert result.exit_code == 0
    assert provisioner.up == {}
    assert len(_runs(store)) == 12
    assert {(lease.reason, lease.stopped_source) for lease in _closed(store)} == {("finished", "launcher")}
    assert shown.count("done, 4 of 4") == 3


def test_a_machine_is_told_what_skypilot_knows_of_it(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run", makes=0))
    seen: dict[str, str] = {}

    def look() -> None:
        seen.update(provisioner.up["bench-trial-v100"].envs)
        _press_ctrl_c()

    _once(lambda: "run bench-trial-v100" in provisioner.calls, look)
    run_sweep(provisioner, machines=sweep.machines[:1], envs={"BENCH_IMAGE": "bench:1"})
    assert seen["BENCH_PRICE_PER_HOUR"] == "3.60"
    assert seen["BENCH_PRICE_SOURCE"] == "SkyPilot catalogue"
    assert seen["BENCH_INSTANCE"] == "aws:p3.2xlarge"
    assert seen["BENCH_LEASE_STARTED"]
    assert seen["BENCH_LEASE_TAGS"] == "bench-sweep=trial/v100"
    assert seen["BENCH_IMAGE"] == "bench:1"
    request = provisioner.orders["bench-trial-v100"]
    assert request.lease_id == request.envs["BENCH_LEASE_ID"]
    assert request.secrets == {}


@pytest.mark.parametrize(
    ("plot", "reason", "words"),
    [
        (Plot(refuses=FULL), "CAPACITY", "Failed to acquire"),
        (
            Plot(refuses=ResourcesUnavailableError("x", "no zones", "VcpuLimitExceeded: you have 0")),
            "QUOTA",
            "VcpuLimit",
        ),
        (Plot(refuses=ResourcesUnavailableError("Catalog does not contain any L5")), "ERROR", "L5"),
        (Plot(refuses=OSError("no route to host")), "ERROR", "no route to host"),
        (Plot(setup_ends=Job.FAILED, log=["pip: no space left"]), "ERROR", "setup failed: pip: no space left"),
        (Plot(makes=1, fails_with="OOM", ends=Job.FAILED), "OOM", "1 run failed (OOM): OOM with batch 512"),
        (Plot(makes=1, ends=Job.FAILED, log=["Killed", "[137]"]), "OOM", "[137]"),
        (Plot(makes=0, ends=Job.FAILED), "ERROR", ""),
        (Plot(makes=1, ends=Job.GONE), "ERROR", ""),
    ],
)
def test_a_cell_that_fails_has_its_reason_and_the_others_go_on(
    run_sweep: RunSweep, plot: Plot, reason: str, words: str
) -> None:
    provisioner = FakeProvisioner(a100=plot)
    result, shown = run_sweep(provisioner)
    v100, a100, h100 = result.cells
    assert a100.failure is not None
    assert a100.failure.reason == reason
    assert words in a100.failure.words
    assert f"a100: failed {reason}: {a100.failure.words}" in shown
    assert (v100.runs, h100.runs) == (4, 4)
    assert result.exit_code == 6
    assert provisioner.up == {}


def test_a_spot_machine_that_is_gone_was_preempted(run_sweep: RunSweep, sweep: Sweep, store: FolderStore) -> None:
    result, _ = run_sweep(
        FakeProvisioner(v100_spot=Plot(ends=Job.GONE, makes=1)), machines=sweep.machines[:1], pricing=("spot",)
    )
    (cell,) = result.cells
    assert cell.failure is not None
    assert cell.failure.reason == "PREEMPTED"
    assert result.exit_code == 6
    assert [lease.reason for lease in _closed(store)] == ["preempted"]


def test_what_was_never_had_is_in_no_lease_and_costs_nothing(run_sweep: RunSweep, store: FolderStore) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(refuses=FULL)))
    assert result.cells[0].dollars() == 0
    assert len(_closed(store)) == 2


def test_a_machine_that_made_no_run_is_on_record_all_the_same(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    provisioner = FakeProvisioner(v100=Plot(setup_ends=Job.FAILED))
    run_sweep(provisioner, machines=sweep.machines[:1])
    (closed,) = _closed(store)
    opened = store.read(f"v1/leases/{closed.id}/opened.json")
    assert isinstance(opened, LeaseOpened)
    assert closed.reason == "failed"
    assert opened.price is not None
    assert opened.price.amount == Decimal("3.60")
    assert opened.started_source == "launcher"
    assert opened.tags == {"bench-lease": closed.id, "bench-sweep": "trial/v100"}
    assert {phase.name for phase in opened.phases} <= {"provision", "setup"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("where", ["launch", "setup", "run"])
def test_a_signal_gives_every_machine_back(run_sweep: RunSweep, store: FolderStore, where: str, number: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    provisioner = FakeProvisioner(v100=Plot(hangs=where, makes=1))
    there = {
        "launch": lambda: "launch bench-trial-v100" in provisioner.calls,
        "setup": lambda: "bench-trial-v100" in provisioner.up,
        "run": lambda: provisioner.up["bench-trial-v100"].runs if "bench-trial-v100" in provisioner.up else False,
    }
    _once(there[where], lambda: os.kill(os.getpid(), number))
    result, _ = run_sweep(provisioner)
    assert result.exit_code == 130
    assert provisioner.up == {}
    assert result.reason is StopReason.SIGNAL
    assert result.cells[0].stage is Stage.STOPPED
    if where == "run":
        assert result.cells[0].runs == 1, "what had ended came home"
        assert "interrupted" in {lease.reason for lease in _closed(store)}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_launch_is_broken_off_before_its_machine_is_given_back(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="launch"))
    _once(lambda: "launch bench-trial-v100" in provisioner.calls, _press_ctrl_c)
    run_sweep(provisioner, machines=sweep.machines[:1])
    assert provisioner.calls.index("cancel_launch bench-trial-v100") < provisioner.calls.index("down bench-trial-v100")


def test_jobs_end_and_records_come_before_the_machine_goes(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run", makes=1))
    _once(lambda: "bench-trial-v100" in provisioner.up and provisioner.up["bench-trial-v100"].runs, _press_ctrl_c)
    run_sweep(provisioner, machines=sweep.machines[:1])
    last = [call.split()[0] for call in provisioner.calls][-3:]
    assert last == ["cancel", "records", "down"]


def test_max_cost_gives_every_machine_back(run_sweep: RunSweep) -> None:
    result, shown = run_sweep(FakeProvisioner(v100=Plot(hangs="run"), a100=Plot(hangs="setup")), cost="0.0005")
    assert result.reason is StopReason.COST
    assert result.exit_code == 6
    assert "max_cost" in shown


def test_max_duration_gives_every_machine_back_also_without_a_price(run_sweep: RunSweep) -> None:
    plot = Plot(hangs="run", hourly=None)
    result, shown = run_sweep(FakeProvisioner(v100=plot), cost="0.01", duration=0.3)
    assert result.reason is StopReason.DURATION
    assert re.search("^v100: .*max_cost", shown, re.MULTILINE), "what max_cost cannot count is named"
    assert "unknown USD" in shown


def test_what_cannot_be_given_back_is_named_with_the_command(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(down_fails=99))
    result, _ = run_sweep(provisioner)
    (left,) = [cell for cell in result.cells if cell.left]
    assert left.left == "sky down bench-trial-v100"
    (note,) = left.notes
    assert note.endswith(": the cloud says no")
    assert result.exit_code == 1


def test_giving_back_is_tried_again(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(down_fails=2))
    result, _ = run_sweep(provisioner)
    assert result.exit_code == 0
    assert provisioner.up == {}


def test_bringing_records_home_is_tried_again(run_sweep: RunSweep, store: FolderStore) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(records_fail=2)))
    assert result.exit_code == 0
    assert len(_runs(store)) == 12


def test_a_machine_whose_records_cannot_be_had_stays(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(records_fail=99, echoes=False))
    result, _ = run_sweep(provisioner)
    assert list(provisioner.up) == ["bench-trial-v100"]
    assert result.cells[0].left == "bench collect bench-trial-v100 && bench down bench-trial-v100"
    assert result.exit_code == 1


def test_a_server_that_is_busy_for_a_moment_stops_nothing(run_sweep: RunSweep) -> None:
    result, _ = run_sweep(FakeProvisioner(v100=Plot(job_fails=4)))
    assert result.exit_code == 0


def test_a_server_that_stays_away_ends_the_cell_and_its_machine(run_sweep: RunSweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(job_fails=99))
    result, _ = run_sweep(provisioner)
    assert result.cells[0].failure == ("ERROR", "the server is busy")
    assert provisioner.up == {}


def test_a_defect_in_the_watch_leaves_no_machine(run_sweep: RunSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run"))

    def fail(*_: object) -> None:
        if "run bench-trial-v100" in provisioner.calls:
            raise ZeroDivisionError

    monkeypatch.setattr(Lines, "show", fail)
    with pytest.raises(ZeroDivisionError):
        run_sweep(provisioner)
    assert provisioner.up == {}


def test_a_second_signal_ends_it_at_once_and_names_what_is_left(
    run_sweep: RunSweep, sweep: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run"))
    slow = threading.Event()

    def wait(cluster: str) -> None:
        slow.wait(20)

    monkeypatch.setattr(provisioner, "down", wait)  # a cloud that takes its time
    _once(lambda: "run bench-trial-v100" in provisioner.calls, _press_ctrl_c)
    _once(lambda: "records bench-trial-v100" in provisioner.calls, _press_ctrl_c)
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1])
    slow.set()
    assert result.cells[0].left == "bench down bench-trial-v100"
    assert result.exit_code == 130


@pytest.mark.parametrize("remote", [False, True])
def test_the_same_call_goes_on_with_what_is_missing(
    run_sweep: RunSweep, store: FolderStore, monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    if remote:  # a folder that the machines reach too: to the sweep it is a store like S3
        monkeypatch.setattr("bench.sweep.orchestration.cell_runner.is_folder", lambda store: False)
        monkeypatch.setattr(
            "bench.sweep.orchestration.launch.store_credentials", lambda store: {"AWS_ACCESS_KEY_ID": "x"}
        )
    there = store if remote else None
    first = FakeProvisioner(there, v100=Plot(makes=3, ends=Job.FAILED), h100=Plot(refuses=FULL))
    result, _ = run_sweep(first)
    assert [cell.runs for cell in result.cells] == [3, 4, 0]
    second = FakeProvisioner(there)
    result, _ = run_sweep(second)
    assert [cell.runs for cell in result.cells] == [4, 4, 4]
    assert result.cells[1].stage is Stage.SKIPPED
    assert not any("a100" in call for call in second.calls)
    runs = _runs(store)
    assert len(runs) == len({(run.recipe.name, run.seed, run.series.id) for run in runs}) == 12
    result, _ = run_sweep(FakeProvisioner(there))
    assert result.exit_code == 0


def test_a_failed_run_counts_and_an_interrupted_one_is_made_again(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore
) -> None:
    one: dict[str, object] = {"machines": sweep.machines[:1], "recipes": ("quick",)}
    run_sweep(FakeProvisioner(v100=Plot(makes=1, fails_with="ERROR", ends=Job.FAILED)), **one)
    result, _ = run_sweep(FakeProvisioner(v100=Plot()), **one)
    assert result.cells[0].runs == 2
    assert [run.status for run in _runs(store)] == ["failed", "completed"]


def test_more_runs_are_made_where_more_are_asked_for(run_sweep: RunSweep, sweep: Sweep, store: FolderStore) -> None:
    run_sweep(FakeProvisioner(), machines=sweep.machines[:1])
    result, _ = run_sweep(FakeProvisioner(), machines=sweep.machines[:1], runs=3)
    assert result.cells[0].runs == 6
    assert len(_runs(store)) == 6


def test_a_machine_of_an_earlier_call_is_not_rented_again(sweep: Sweep, store: FolderStore) -> None:
    provisioner = FakeProvisioner()
    runner = SweepRunner(sweep, provisioner, store, {})
    runner.load_state()
    provisioner.launch(LaunchRequest("bench-trial-v100", Path("v100.yaml"), None, False, "", {}))
    with pytest.raises(BenchError, match=r"^bench-trial-v100: .*`bench down trial`"):
        runner.check()

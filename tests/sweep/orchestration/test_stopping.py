"""Ctrl-C, a budget that is reached, a defect of our own: every machine is given back."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from datetime import datetime, timedelta

import pytest

from bench.record.documents import utc_now
from bench.store import FolderStore
from bench.sweep.orchestration.progress import Lines
from bench.sweep.orchestration.state import Stage, StopReason
from bench.sweep.spec import Sweep
from tests.support.fake_provisioner import FakeProvisioner, Plot, RunSweep
from tests.support.sweeps import (
    closed_leases,
    once,
    press_ctrl_c,
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("where", ["launch", "setup", "run"])
def test_a_signal_gives_every_machine_back(run_sweep: RunSweep, store: FolderStore, where: str, number: int) -> None:
    before = signal.getsignal(signal.SIGINT)
    provisioner = FakeProvisioner(v100=Plot(hangs=where, makes=1))
    there = {
        "launch": lambda: "launch bench-trial-v100" in provisioner.calls,
        "setup": lambda: "bench-trial-v100" in provisioner.up,
        "run": lambda: provisioner.up["bench-trial-v100"].runs if "bench-trial-v100" in provisioner.up else False,
    }
    once(there[where], lambda: os.kill(os.getpid(), number))
    result, _ = run_sweep(provisioner)
    assert result.exit_code == 130
    assert provisioner.up == {}
    assert result.reason is StopReason.SIGNAL
    assert result.cells[0].stage is Stage.STOPPED
    if where == "run":
        assert result.cells[0].runs == 1, "what had ended came home"
        assert "interrupted" in {lease.reason for lease in closed_leases(store)}
    assert signal.getsignal(signal.SIGINT) is before


def test_a_launch_is_broken_off_before_its_machine_is_given_back(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="launch"))
    once(lambda: "launch bench-trial-v100" in provisioner.calls, press_ctrl_c)
    run_sweep(provisioner, machines=sweep.machines[:1])
    assert provisioner.calls.index("cancel_launch bench-trial-v100") < provisioner.calls.index("down bench-trial-v100")


def test_jobs_end_and_records_come_before_the_machine_goes(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run", makes=1))
    once(lambda: "bench-trial-v100" in provisioner.up and provisioner.up["bench-trial-v100"].runs, press_ctrl_c)
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
    once(lambda: "run bench-trial-v100" in provisioner.calls, press_ctrl_c)
    once(lambda: "records bench-trial-v100" in provisioner.calls, press_ctrl_c)
    result, _ = run_sweep(provisioner, machines=sweep.machines[:1])
    slow.set()
    assert result.cells[0].left == "bench down bench-trial-v100"
    assert result.exit_code == 130


def test_a_terminal_that_is_gone_keeps_no_machine(run_sweep: RunSweep, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr("rich.console.Console.print", gone)
    provisioner = FakeProvisioner(v100=Plot(hangs="run"))
    once(lambda: "run bench-trial-v100" in provisioner.calls, lambda: os.kill(os.getpid(), signal.SIGHUP))
    result, _ = run_sweep(provisioner)
    assert result.reason is StopReason.SIGNAL
    assert provisioner.up == {}


def test_max_duration_counts_the_hours_that_a_laptop_slept(
    run_sweep: RunSweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    provisioner = FakeProvisioner(v100=Plot(hangs="run"))

    def now() -> datetime:
        slept = timedelta(hours=3) if "run bench-trial-v100" in provisioner.calls else timedelta(0)
        return utc_now() + slept

    monkeypatch.setattr("bench.sweep.orchestration.sweep_runner.utc_now", now)
    result, _ = run_sweep(provisioner, duration=7200)
    assert result.reason is StopReason.DURATION
    assert provisioner.up == {}

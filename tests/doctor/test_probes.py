"""Probes of the doctor, each on a machine that lacks something."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.doctor import Context, Finding, findings
from bench.doctor.finding import Purpose
from bench.doctor.machine import clock, clock_error, disk, memory, training
from bench.doctor.services import credentials, spool
from bench.errors import StoreError
from bench.training import device


def of(probe: Iterator[Finding]) -> dict[str, Finding]:
    return {finding.name: finding for finding in probe}


def test_an_error_is_a_finding_and_what_to_do() -> None:
    error = StoreError("store x: the disk is full; free some space, or give another; or wait")
    assert Finding.of_error("store", error) == Finding(
        "store", "store x: the disk is full", "free some space, or give another; or wait", fails=True
    )
    assert Finding.of_error("store", StoreError("no remedy")).remedy


def test_a_probe_that_breaks_is_a_finding_and_the_others_are_asked() -> None:
    def broken(asked: Context) -> Iterator[Finding]:
        raise ZeroDivisionError("oh")
        yield

    found = list(findings(Context(), {"broken": broken, "clock": clock}))
    assert [each.name for several in found for each in several] == ["broken", "clock"]
    assert found[0][0].state == "note"


def test_a_gpu_that_torch_cannot_use_fails_with_the_remedy_that_a_run_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(device, "nvidia_driver", lambda: "535.216.01")
    found = of(training(Context("run")))
    assert set(found) == {"torch", "GPU"}
    assert found["GPU"].fails
    assert found["GPU"].remedy.startswith("update the driver, or pip install 'torch==")


def test_without_a_compiler_a_run_is_slower_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "nvidia_driver", lambda: None)
    monkeypatch.setattr("bench.doctor.machine.nvidia_on_bus", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: None)
    found = of(training(Context("run")))
    assert found["compiler"].state == "note"
    assert found["compiler"].found.startswith("no C++ compiler;")
    assert found["GPU"].state == "ok"


def test_a_gpu_that_nothing_drives_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(device, "nvidia_driver", lambda: None)
    states = []
    for there in (False, True):
        monkeypatch.setattr("bench.doctor.machine.nvidia_on_bus", lambda there=there: there)
        states.append(of(training(Context("run")))["GPU"].state)
    assert states == ["ok", "note"]


def test_torch_that_cannot_be_imported_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    found = of(training(Context("run")))
    assert (set(found), found["torch"].state) == ({"torch"}, "fails")


@pytest.mark.parametrize(("free", "state"), [(None, "ok"), (1 << 30, "note"), (64 << 30, "ok")])
def test_scarce_memory_is_a_note(monkeypatch: pytest.MonkeyPatch, free: int | None, state: str) -> None:
    monkeypatch.setattr("bench.doctor.machine.free_memory", lambda: free)
    assert [finding.state for finding in memory(Context("run"))] == [state]
    assert [finding.state for finding in memory(Context("report"))] == ["ok"]


def test_a_full_disk_is_a_note(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bench.doctor.machine.shutil.disk_usage", lambda place: type("Usage", (), {"free": 1 << 20}))
    (finding,) = disk(Context("run", str(tmp_path / "not" / "there")))
    assert finding.state == "note"
    assert "for the store" in finding.found
    (finding,) = disk(Context("run", "ftp://nowhere"))
    assert "for the store" not in finding.found


@pytest.mark.parametrize(
    ("error", "state"), [(None, "ok"), (0.01, "ok"), (float("inf"), "note")], ids=["unknown", "right", "free"]
)
def test_a_clock_that_nothing_holds_right_is_a_note(
    monkeypatch: pytest.MonkeyPatch, error: float | None, state: str
) -> None:
    monkeypatch.setattr("bench.doctor.machine.clock_error", lambda: error)
    assert [finding.state for finding in clock(Context())] == [state]


def test_the_kernel_knows_how_far_its_clock_may_be_off() -> None:
    error = clock_error()
    assert error is None or error >= 0


@pytest.mark.parametrize(("purpose", "state"), [("run", "note"), ("sweep", "fails"), ("report", "ok")])
def test_a_spool_that_takes_no_records_is_told(
    purpose: Purpose, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("BENCH_SPOOL", str(tmp_path / "file" / "spool"))
    found = of(spool(Context(purpose)))["spool"]
    assert found.state == state
    assert state == "ok" or (str(tmp_path) in found.found and "BENCH_SPOOL" in found.remedy)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_user_without_a_home_has_credentials_in_variables_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    monkeypatch.setenv("RUNPOD_API_KEY", "x")
    assert "RunPod (RUNPOD_API_KEY)" in of(credentials(Context()))["credentials"].found

"""The fingerprint of a machine is taken before the first run and is on no clock; a signal cuts it short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from bench.cli import cli
from bench.measure.machine import SIZES, Size, fingerprint
from bench.measure.progress import Progress
from bench.measure.recording import Interrupts
from bench.measure.series import Measurement
from bench.record.documents import Fingerprint, Run, policy_seconds
from bench.training import data as cifar10
from tests.support.scripted import CPU, NO_IMAGES, Scripted

SMALL = Size(rows=64, copied=2**16, seconds=0.05)


class Answering:
    """A GPU that answers what it is asked."""

    def sm_mhz(self) -> float:
        return 1410.0

    def temperature_c(self) -> float:
        return 54.0

    def power_w(self) -> float:
        return 391.5


def test_a_processor_has_a_matrix_product_and_a_copy_and_nothing_of_a_gpu() -> None:
    taken = fingerprint(CPU, None, size=SMALL)
    assert taken.matmul_tflops is not None
    assert taken.copy_gb_per_s is not None
    assert min(taken.matmul_tflops, taken.copy_gb_per_s) > 0
    assert taken.matmul_precision == "float32"
    assert (taken.sm_mhz, taken.temperature_c, taken.power_w) == (None, None, None)
    assert 2 * SMALL.seconds <= taken.seconds


def test_a_gpu_is_asked_for_its_clock_heat_and_power() -> None:
    taken = fingerprint(CPU, Answering(), size=SMALL)  # type: ignore[arg-type]  # it only answers
    assert (taken.sm_mhz, taken.temperature_c, taken.power_w) == (1410, 54, 391.5)


def test_after_a_signal_nothing_more_is_measured() -> None:
    taken = fingerprint(CPU, None, lambda: True, SMALL)
    assert (taken.matmul_tflops, taken.copy_gb_per_s) == (None, None)


@pytest.mark.slow
def test_a_cold_start_is_as_long_as_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SIZES, "cpu", Size(rows=64, copied=2**16, seconds=1.0))
    measurement = Measurement(
        NO_IMAGES, CPU, Progress(quiet=True), Interrupts(), early=[("setup", 0.0, 1.0), ("data", 1.0, 3.0)]
    )
    measurement.take_fingerprint()
    (_, start, stop), (_, began, ended) = measurement.early
    assert start >= 2
    assert (stop - start, began - start, ended - start) == pytest.approx((1, 1, 3))


def test_it_is_shown_under_one_name(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("bench.measure.series.fingerprint", lambda *given: Fingerprint(seconds=1, matmul_tflops=0.5))
    Measurement(NO_IMAGES, CPU, Progress(), Interrupts()).take_fingerprint()
    assert capsys.readouterr().err == (
        "fingerprint of the machine\nfingerprint of the machine: 0.5 TFLOP/s in a matrix product\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize(("asked", "taken"), [("--fingerprint", True), ("--no-fingerprint", False)])
def test_the_record_of_each_run_has_it_where_it_was_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str, *, taken: bool
) -> None:
    monkeypatch.setitem(SIZES, "cpu", SMALL)
    monkeypatch.setattr(cifar10, "find", lambda given: tmp_path)
    monkeypatch.setattr(cifar10, "load", lambda folder: NO_IMAGES)
    monkeypatch.setattr("bench.cli.run.find", lambda name: Scripted(name, "", 0.94))
    arguments = ["run", "instant", "--device", "cpu", "--runs", "2", "-q", "--store", str(tmp_path), asked]
    result = CliRunner().invoke(cli, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    runs = [json.loads((tmp_path / key).read_text()) for key in result.stdout.split()]
    assert [run["machine"]["fingerprint"] is not None for run in runs] == [taken, taken]
    assert all(run["machine"]["gpus"] == [] for run in runs)
    assert policy_seconds(Run.model_validate({k: v for k, v in runs[0].items() if k != "sha256"}), "cold") is not None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), "Tried to allocate 2 GiB"),
        (RuntimeError("CUDA error: all CUDA-capable devices are busy or unavailable"), "RuntimeError: CUDA error: all"),
    ],
)
def test_what_keeps_it_from_being_taken_costs_no_run_and_stands_in_the_record(
    monkeypatch: pytest.MonkeyPatch, error: Exception, words: str
) -> None:
    def fail(*given: object) -> Fingerprint:
        raise error

    monkeypatch.setattr("bench.measure.series.fingerprint", fail)
    measurement = Measurement(NO_IMAGES, CPU, Progress(quiet=True), Interrupts())
    measurement.take_fingerprint()
    runs = list(measurement.runs([Scripted("instant", "", 0.94)], 2, first_seed=0))
    assert [run.status for run in runs] == ["completed", "completed"]
    for run in runs:
        assert run.machine is not None
        assert run.machine.fingerprint is not None
        assert (run.machine.fingerprint.matmul_tflops, run.machine.fingerprint.copy_gb_per_s) == (None, None)
        [note] = [warning for warning in run.warnings if "fingerprint" in warning]
        assert words in note

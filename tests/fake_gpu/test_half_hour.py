"""The half hour on a GPU, rehearsed: its parts, and that a call goes on where the one before ended."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import gpu_half_hour as half_hour
from tests.fake_gpu.conftest import Machine

HALF_HOUR = "benchmarks/gpu_half_hour.py"


@pytest.mark.parametrize(
    ("part", "names"),
    [
        (["ceilings"], {"gpu", "capability", "torch", "cuda", "cudnn", "copied_tb_per_s", "bf16_tflop_per_s"}),
        (["values", "quick", "captured"], {"losses", "largest_difference"}),
        (["gradients", "quick"], {"relative_loss", "worst_cosine", "of"}),
        (["steps", "quick", "captured"], {"steps", "warm_up_s", "stages", "evaluation_s", "peak_gib"}),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
@pytest.mark.slow
def test_a_part_tells_what_it_found(machine: Machine, part: list[str], names: set[str]) -> None:
    done = machine.python("benchmarks/gpu_parts.py", json.dumps(part))
    assert done.returncode == 0, done.stderr
    [told] = map(json.loads, done.stdout.splitlines())
    assert told["part"] == part
    assert set(told) == {"part", "seconds", *names}, told


@pytest.mark.slow
def test_a_part_that_fails_says_so_and_the_next_one_is_made(machine: Machine) -> None:
    done = machine.python("benchmarks/gpu_parts.py", '["steps", "unknown", "captured"]', '["ceilings"]')
    failed, ceilings = map(json.loads, done.stdout.splitlines())
    assert failed["error"].startswith("UsageError: ")
    assert ceilings["gpu"] == "Fake GPU sm_90"


@pytest.mark.slow
def test_a_call_makes_what_the_one_before_did_not(machine: Machine, tmp_path: Path, cifar10: Path) -> None:
    out, runs = tmp_path / "out", half_hour.series(tmp_path / "out")
    out.mkdir()
    done: list[Any] = [list(part) for part in half_hour.parts()[1:] + half_hour.later()] + runs[1:]
    (out / "parts.jsonl").write_text("".join(json.dumps({"part": part, "exit": 0}) + "\n" for part in done))
    # What is left is the first part and the first series, for which no time is left after it.
    call = machine.python(HALF_HOUR, str(out), "--minutes", "1", "--data", str(cifar10))
    assert call.returncode == 0, call.stderr
    told = [json.loads(line) for line in (out / "parts.jsonl").read_text().splitlines()]
    assert told[len(done)]["part"] == ["ceilings"]
    assert list((out / "store").rglob("*.json")), "what was recorded stays, however the series ended"


# Makes one part in a process, then is gone; and of parts "crash" and "hang" none at all.
PARTS = """
import json, sys, time
part = json.loads(sys.argv[1])
if part == ["hang"]:
    time.sleep(600)
if part == ["crash"]:
    sys.stdout.write('{"part": ["cr')
    sys.exit(1)
print(json.dumps({"part": part}), flush=True)
"""
BENCH = """
import os, sys
with open(os.environ["CALLS"], "a") as calls:
    print(os.environ["BENCH_SERIES_ID"], *sys.argv[1:], file=calls)
sys.exit(0 if "late" in sys.argv else 1)
"""


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout whose parts and whose `bench run` are PARTS and BENCH."""
    monkeypatch.setattr(half_hour, "HERE", tmp_path / "benchmarks")
    for name, text in (("benchmarks/gpu_parts.py", PARTS), ("bench/__main__.py", BENCH), ("bench/__init__.py", "")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.slow
def test_a_part_that_ends_its_process_or_hangs_costs_no_other(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half_hour, "LIMIT", 20.0)
    wanted = [("one",), ("crash",), ("two",), ("hang",), ("three",)]
    half_hour.measure(wanted, file := program / "parts.jsonl", time.monotonic() + 60)
    told = list(half_hour.told(file))
    assert [line["part"] for line in told] == [list(part) for part in wanted]
    assert ["error" in line for line in told] == [False, True, False, True, False]


def test_a_line_that_was_cut_off_is_no_part_and_harms_none(tmp_path: Path) -> None:
    (file := tmp_path / "parts.jsonl").write_text('{"part": ["one"]}\n{"part": ["tw')
    half_hour.write({"part": ["three"]}, file)
    half_hour.write({"part": ["two"]}, file)
    assert list(half_hour.told(file)) == [{"part": [name]} for name in ("one", "three", "two")]


def test_a_series_goes_on_until_it_ends_by_itself(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CALLS", str(calls := program / "calls"))
    names = iter(["1st", "2nd"])
    monkeypatch.setattr(half_hour, "new_id", lambda: next(names))
    file, until = program / "parts.jsonl", time.monotonic() + 60
    for arguments in (["early"], ["early"], ["late"], ["late"]):
        half_hour.run(arguments, file, until)
    assert calls.read_text().splitlines() == ["1st run early --resume"] * 2 + ["2nd run late --resume"]
    assert list(half_hour.told(file)) == [
        {"part": ["early"], "series": "1st"},
        {"part": ["late"], "series": "2nd"},
        {"part": ["late"], "exit": 0},
    ]


NOISE = """
import os
from benchmarks import gpu_parts
gpu_parts.choose = lambda device: None
gpu_parts.PARTS["noise"] = lambda: {"code": os.system("echo noise")}
gpu_parts.PARTS["fault"] = lambda: 1 / 0
faults = iter([False, True])
gpu_parts.torch.cuda.synchronize = lambda: 1 / (not next(faults))
gpu_parts.main(['["noise"]', '["fault"]', '["next"]'])
"""


@pytest.mark.slow
def test_what_a_compiler_prints_is_no_part_and_a_broken_device_ends_the_process() -> None:
    done = subprocess.run([sys.executable, "-c", NOISE], capture_output=True, text=True, check=False)
    noise, fault = map(json.loads, done.stdout.splitlines())
    assert (noise["part"], noise["code"], done.stderr.splitlines()[0]) == (["noise"], 0, "noise")
    # A device that is broken for good ends the process, so that what is left is made in another.
    assert (fault["error"], done.returncode) == ("ZeroDivisionError: division by zero", 1)


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="is about a machine without a GPU")
def test_without_a_gpu_nothing_is_made_and_nothing_counts_as_made(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, HALF_HOUR, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, list(tmp_path.iterdir())) == (1, [])
    assert done.stderr.startswith("gpu_half_hour: no CUDA GPU is usable here")


def test_lines_that_come_together_are_not_waited_for() -> None:
    code = "import sys; sys.stdout.write('one\\ntwo\\n'); sys.stdout.flush(); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        lines = list(islice(half_hour._lines(process, time.monotonic() + 60), 2))
        process.kill()
    assert lines == [b"one\n", b"two\n"]


@pytest.mark.parametrize(
    ("told", "grace", "code"), [("sys.exit(3)", 60, 3), ("None", 0.5, -9)], ids=["hears SIGTERM", "is deaf"]
)
def test_a_call_that_lasts_too_long_is_ended(told: str, grace: float, code: int) -> None:
    program = f"import signal, sys, time; signal.signal(signal.SIGTERM, lambda *of: {told}); print('ready', flush=True)"
    program += "\nwhile True: time.sleep(0.1)"
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert half_hour.end_by(process, 0.1, grace) == code

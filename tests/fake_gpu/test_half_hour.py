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
    (out / "parts.jsonl").write_text("".join(json.dumps({"part": part}) + "\n" for part in done))
    # What is left is the first part and the first series, for which no time is left after it.
    call = machine.python(HALF_HOUR, str(out), "--minutes", "1", "--data", str(cifar10))
    assert call.returncode == 0, call.stderr
    told = [json.loads(line) for line in (out / "parts.jsonl").read_text().splitlines()]
    assert told[len(done)]["part"] == ["ceilings"]
    assert list((out / "store").rglob("*.json")), "what was recorded stays, however the series ended"


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

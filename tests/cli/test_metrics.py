"""bench metrics: what of a program's output is read as progress."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.types import Bench

CAPTURES = Path(__file__).parents[1] / "programs" / "captures"
# Where https://github.com/mlcommons/training_results_v5.1 lies, or the part of it below: too large to be committed.
RESULTS = os.environ.get("BENCH_TEST_MLPERF")
# Minutes from run_start to run_stop, and the last eval_accuracy at most: by submitter, in the order of the files.
MINUTES = {
    "Cisco": (0.925, [19.806, 22.827, 22.833, 22.817, 22.804, 25.845, 22.812, 22.803, 22.815, 25.828]),
    "Oracle": (3.3, [84.142, 90.484, 84.449, 84.044, 84.028, 83.962, 89.895, 83.889, 83.706, 84.264]),
}


def metrics(bench: Bench, *words: str) -> list[dict[str, Any]]:
    done = bench("metrics", "--format", "json", *words)
    assert done.returncode == 0, done.stderr
    content: list[dict[str, Any]] = json.loads(done.stdout)
    return content


def test_the_whole_answer(bench: Bench) -> None:
    """UPDATE_EXPECTED=1 writes the file anew."""
    names = ("mlperf-oracle.stdout", "bars.stderr", "trainer_state.json")
    done = bench("metrics", *(str(CAPTURES / name) for name in names))
    shown = done.stdout.replace(f"{CAPTURES}/", "")
    expected = Path(__file__).parent / "expected" / "metrics.txt"
    if os.environ.get("UPDATE_EXPECTED"):
        expected.write_text(shown, encoding="utf-8")
    assert (done.returncode, done.stderr) == (0, "")
    assert shown == expected.read_text(encoding="utf-8")


def test_the_answer_as_json(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("step 1/9 loss: 1e-05\nstep 2/9 loss: nan\n3 blind mice\n")
    assert metrics(bench, "log") == [
        {
            "file": "log",
            "lines": 3,
            "unread_lines": 1,
            "mixed": [],
            "steps_by": "key-value",
            "sources": [
                {
                    "source": "key-value",
                    "points": 2,
                    "unit": "step",
                    "first_step": 1,
                    "last_step": 2,
                    "total": 9,
                    "phases": {},
                    "trained_s": None,
                }
            ],
            "metrics": {
                "loss": {
                    "source": "key-value",
                    "count": 2,
                    "first": 1e-05,
                    "last": "nan",
                    "least": 1e-05,
                    "most": 1e-05,
                }
            },
            "unread": [{"kind": "# blind mice", "lines": 1}],
        }
    ]


def test_an_expression_reads_what_nothing_else_does(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("after 40 rounds the loss became 0.5\n")
    words = ("--metric", r"step=after (\d+)", "--metric", r"loss=became (\S+)")
    (read,) = metrics(bench, "log", *words)
    assert (read["steps_by"], read["sources"][0]["last_step"], read["metrics"]["loss"]["last"]) == ("regex", 40, 0.5)


def test_standard_input_is_read_for_a_dash(tmp_path: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "metrics", "-"],
        input="step 3 loss: 0.5\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=True,
    )
    assert done.stdout.startswith("-\n  1 line, 1 of them read\n  key-value: 1 point, step 3 to 3 of unknown")


@pytest.mark.parametrize(
    ("words", "code", "named"),
    [
        (["never.log"], 1, "never.log"),
        (["log", "--metric", "loss"], 2, "NAME=REGEX"),
        (["log", "--metric", "loss=became"], 2, "has no group"),
        (["log", "--metric", "loss=("], 2, "is not a regular expression"),
        ([], 2, "FILE"),
    ],
)
def test_mistakes(words: list[str], code: int, named: str, bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "log").write_text("the loss became 3\n")
    done = bench("metrics", *words)
    assert (done.returncode, done.stdout) == (code, "")
    assert named in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not RESULTS, reason="BENCH_TEST_MLPERF names no folder with published results")
@pytest.mark.parametrize("submitter", MINUTES)
def test_published_results_of_mlperf(submitter: str, bench: Bench) -> None:
    at_most, minutes = MINUTES[submitter]
    files = sorted(Path(str(RESULTS)).glob(f"{submitter}/results/*/*/result_?.txt"))
    read = metrics(bench, *map(str, files))
    assert [round(each["sources"][0]["trained_s"] / 60, 3) for each in read] == minutes
    assert all(each["metrics"]["eval_accuracy"]["last"] <= at_most for each in read)
    assert {each["metrics"]["eval_accuracy"]["source"] for each in read} == {"mllog"}

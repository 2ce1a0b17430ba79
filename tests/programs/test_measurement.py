"""One run of a real program as a measurement: what the record of it will say."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.programs.job import Job, Target
from bench.programs.measurement import measure
from tests.support.programs import python

LOSS = Target("loss", at_most=0.5)
TRAINING = """
import json, time
for step in range(1, 6):
    print(json.dumps({"step": step, "total_steps": 5, "loss": 1 / step}), flush=True)
"""


def measured(
    script: str, folder: Path | None, *words: str, environ: Mapping[str, str] = os.environ, **job: Any
) -> dict[str, Any]:
    """The measurement of a Python program that runs in `folder`; it is fit for JSON."""
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        found = measure(Job(python(script, *words), folder=folder, **job), environ, outputs=(null, null))
    finally:
        os.close(null)
    json.dumps(found, allow_nan=False)
    return found


def test_a_program_that_prints_json(tmp_path: Path) -> None:
    found = measured(TRAINING, tmp_path, target=LOSS, name="mine", seed=3)
    assert (found["status"], found["ended"], found["exit_code"], found["seed"]) == ("completed", "exited", 0, 3)
    assert found["target"] == {"metric": "loss", "at_least": None, "at_most": 0.5}
    assert [(e["step"], e["metrics"]["loss"], e["final"]) for e in found["evaluations"]] == [
        (1, 1.0, False),
        (2, 0.5, False),
        (3, 1 / 3, False),
        (4, 0.25, False),
        (5, 0.2, True),
    ]
    progress = found["progress"]
    assert (progress["source"], progress["target_source"]) == ("json-lines", "json-lines")
    assert (progress["first_step"], progress["last_step"], progress["total_steps"]) == (1, 5, 5)
    assert progress["total_source"] == "program"
    assert [step for _, step in progress["points"]] == [1, 2, 3, 4, 5]
    assert [phase["name"] for phase in found["phases"]] == ["process"]
    assert found["program"]["name"] == "mine"


def test_events_in_the_file_that_it_is_given_mark_phases(tmp_path: Path) -> None:
    script = """
import json, os, time
def say(**what):
    time.sleep(0.01)
    what["time"] = time.time()
    with open(os.environ["BENCH_EVENTS"], "a") as file:
        file.write(json.dumps(what) + "\\n")
say(phase="setup"); say(phase="train"); say(step=7, loss=0.5); say(phase="my own"); say(phase="final_evaluate")
"""
    found = measured(script, tmp_path)
    names = [phase["name"] for phase in found["phases"]]
    assert names[-1] == "final_evaluate"
    assert set(names) <= {"process", "setup", "train", "final_evaluate"}
    edges = [edge for phase in found["phases"] for edge in (phase["start"], phase["stop"])]
    assert edges == sorted(edges)
    assert edges[0] == 0
    assert found["progress"]["source"] == "bench-events"
    assert found["evaluations"][-1]["metrics"] == {"loss": 0.5}
    assert found["warnings"] == ["phases with a name of their own, counted as none: 1"]


def test_its_seed_and_its_output_at_once(tmp_path: Path) -> None:
    script = "import json, os; print(json.dumps({k: int(os.environ[k]) for k in ('BENCH_SEED', 'PYTHONUNBUFFERED')}))"
    found = measured(script, tmp_path, seed=11)
    assert found["evaluations"][0]["metrics"] == {"BENCH_SEED": 11, "PYTHONUNBUFFERED": 1}


@pytest.mark.parametrize(
    ("script", "job", "status", "reason", "message"),
    [
        ("raise SystemExit(3)", {}, "failed", "ERROR", "exited with 3"),
        ("import os; os.kill(os.getpid(), 9)", {}, "failed", "ERROR", "killed by SIGKILL"),
        ("import time; time.sleep(600)", {"timeout": 0.2}, "failed", "TIMEOUT", "not finished after 0.2 s"),
        (
            "print('no metric')",
            {"target": LOSS},
            "failed",
            "ERROR",
            "loss never appeared; no metric was shown",
        ),
        (
            'print(\'{"val_loss": 1, "acc": 2}\')',
            {"target": LOSS},
            "failed",
            "ERROR",
            "loss never appeared; metrics shown: val_loss, acc",
        ),
        (
            'print(\'{"acc": 2, "Loss": 1}\')',
            {"target": LOSS},
            "failed",
            "ERROR",
            "loss never appeared; did you mean Loss? metrics shown: Loss, acc",
        ),
        (
            'print(\'{"loss": 1}\\n{"loss": NaN}\')',
            {"target": LOSS},
            "failed",
            "DIVERGED",
            "loss was nan at its last appearance",
        ),
        (
            "print('{\"loss\": Infinity}')",
            {"target": LOSS},
            "failed",
            "DIVERGED",
            "loss was inf at its last appearance",
        ),
        ("print('{\"loss\": 1}')", {"target": LOSS}, "completed", None, None),
        ("raise SystemExit(3)", {"target": LOSS}, "failed", "ERROR", "exited with 3"),
    ],
)
def test_how_it_counts(
    script: str, job: dict[str, Any], status: str, reason: str | None, message: str | None, tmp_path: Path
) -> None:
    found = measured(script, tmp_path, **job)
    assert (found["status"], found["reason"], found["message"]) == (status, reason, message)
    assert not [e for e in found["evaluations"] if e["final"]] or status == "completed" or not job.get("target")


@pytest.mark.parametrize(("total", "contradicted_by"), [(5, None), (20_000, 5), (3, 5), (None, None)])
def test_a_total_that_the_program_contradicts(total: int | None, contradicted_by: int | None, tmp_path: Path) -> None:
    found = measured(TRAINING, tmp_path, total_steps=total)
    progress = found["progress"]
    assert (progress["contradicted_by"], progress["total_steps"]) == (contradicted_by, total or 5)
    assert len(found["warnings"]) == (contradicted_by is not None)


def test_a_program_that_is_over_before_its_sample(tmp_path: Path) -> None:
    assert measured(TRAINING, tmp_path, steps=50)["warnings"] == ["ended before 50 steps were seen"]
    assert measured("", tmp_path, steps=50)["warnings"] == ["no step was seen, so the sample was not stopped"]


@pytest.mark.parametrize(
    ("shown", "target", "told"),
    [
        (
            "Accuracy: 55.1",
            Target("Accuracy", at_least=0.94),
            ["Accuracy is shown in per cent, as 55.1; its target of 0.94 is not"],
        ),
        (
            "Accuracy: 0.95",
            Target("Accuracy", at_least=94),
            ["Accuracy is shown as a share of 1, as 0.95; its target of 94 is in per cent"],
        ),
        ("Accuracy: 0.95", Target("Accuracy", at_least=0.94), []),
        ("Accuracy: 95.1", Target("Accuracy", at_least=94), []),
        ("reward: 22.1", Target("reward", at_least=0.5), []),
        ("loss: 22.1", Target("loss", at_most=0.5), []),
    ],
)
def test_a_target_on_another_scale_than_what_the_program_shows(
    shown: str, target: Target, told: list[str], tmp_path: Path
) -> None:
    assert measured(f"print({shown!r})", tmp_path, target=target)["warnings"] == told


def test_a_program_that_goes_on_from_a_checkpoint(tmp_path: Path) -> None:
    script = TRAINING.replace("range(1, 6)", "range(501, 506)").replace('"total_steps": 5,', "")
    assert measured(script, tmp_path)["resumed_from"] == 500


def test_no_secret_of_argv_environment_or_output(tmp_path: Path) -> None:
    script = """
import json, os, sys
print(os.environ["MY_TOKEN"], sys.argv)
print(json.dumps({"loss": 1, os.environ["MY_TOKEN"]: 2, "step": 3}), flush=True)
print(os.environ["MY_TOKEN"], file=sys.stderr)
sys.exit(f"failed with {os.environ['MY_TOKEN']}")
"""
    environ = {**os.environ, "MY_TOKEN": "hunter2hunter2"}
    found = measured(script, tmp_path, "--password", "swordfish", "hunter2hunter2", environ=environ)
    text = json.dumps(found)
    assert "hunter2" not in text
    assert "swordfish" not in text
    assert found["program"]["argv"][3:] == ["--password", "***", "***"]


def test_the_commit_of_the_folder_that_it_runs_in(tmp_path: Path) -> None:
    assert measured("", tmp_path)["program"]["git_commit"] is None
    here = measured("", Path(__file__).parent)["program"]
    assert len(here["git_commit"]) == 40
    assert here["git_dirty"] in (True, False)


def test_the_commit_is_that_of_the_start(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        own = ("-c", "user.name=a", "-c", "user.email=a@b")
        return subprocess.run(["git", *own, *words], cwd=tmp_path, check=True, capture_output=True, text=True).stdout

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "first")
    first = git("rev-parse", "HEAD").strip()
    commit = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "second"]
    found = measured(f"import subprocess; subprocess.run({commit}, check=True)", tmp_path)
    assert git("rev-parse", "HEAD").strip() != first
    assert (found["program"]["git_commit"], found["program"]["git_dirty"]) == (first, False)


def test_a_program_that_takes_its_folder_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    found = measured("import os; os.rmdir(os.getcwd()); print('loss: 1')", None)
    assert (found["status"], found["evaluations"][0]["metrics"]) == ("completed", {"loss": 1})


def test_the_seed_is_no_part_of_the_commands_hash(tmp_path: Path) -> None:
    first, second = (measured("", tmp_path, "--seed", "{seed}", seed=seed)["program"] for seed in (1, 2))
    assert first == second
    assert first["command_sha256"] != measured("", tmp_path, "--seed", "1")["program"]["command_sha256"]


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (("python", "-u", "train.py", "--lr", "3"), "train"),
        (("torchrun", "--nproc-per-node", "8", "a/train_gpt.py"), "train_gpt"),
        (("python", "-m", "pkg.train"), "train"),
        (("bash", "-c", "x"), "bash"),
        (("python", "-m", "pkg."), "python"),
        ((sys.executable, "x"), Path(sys.executable).stem),
    ],
)
def test_what_a_program_is_called(argv: tuple[str, ...], name: str) -> None:
    assert Job(argv).program == name


def test_times_that_a_program_states_may_go_back(tmp_path: Path) -> None:
    script = """
import json, os, time
now = time.time()
with open(os.environ["BENCH_EVENTS"], "w") as file:
    for step, ago in enumerate((0, -9, 5, 0.0001, 99), 1):
        file.write(json.dumps({"step": step, "loss": 1 / step, "time": now + ago, "phase": "train"}) + "\\n")
time.sleep(0.2)
"""
    found = measured(script, tmp_path, target=LOSS)
    for times in ([at for at, _ in found["progress"]["points"]], [e["at"] for e in found["evaluations"]]):
        assert times == sorted(times)
        assert 0 <= times[0] <= times[-1] <= found["phases"][-1]["stop"]
    assert [e["step"] for e in found["evaluations"] if e["final"]] == [5]


def test_a_command_that_has_no_utf8(tmp_path: Path) -> None:
    found = measured("print(1)", tmp_path, "caf\udce9")
    assert found["program"]["argv"][-1] == "caf?"


def test_a_disk_that_takes_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "missing"))
    found = measured("import os; print({'there': 'BENCH_EVENTS' in os.environ, 'loss': 1})", tmp_path)
    assert (found["status"], found["evaluations"][0]["metrics"]["loss"]) == ("completed", 1)

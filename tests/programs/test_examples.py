"""The examples of docs/programs.md, run small: what is read of each, and by which source."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.programs.job import Job, parse_target
from bench.programs.measurement import measure

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples" / "programs"
# A Python of an environment of its own.
TRAINER = os.environ.get("BENCH_TEST_TRAINER")
# One thread: two processes that share a core wait for each other.
ENVIRON = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}


def measured(folder: Path, *argv: str, **job: Any) -> dict[str, Any]:
    """The measurement of a program in a folder; of this Python, where the first word is none."""
    command = argv if argv[0] == TRAINER else (sys.executable, *argv)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        return measure(Job(command, folder=folder, timeout=300, **job), ENVIRON, outputs=(null, null))
    finally:
        os.close(null)


def example(name: str) -> str:
    return str(EXAMPLES / f"{name}.py")


def test_a_plain_program_that_prints_json(tmp_path: Path) -> None:
    found = measured(tmp_path, example("plain_json"), target=parse_target("val_loss <= 0.01"))
    progress = found["progress"]
    assert (found["status"], found["program"]["name"]) == ("completed", "plain_json")
    assert (progress["source"], progress["last_step"], progress["total_steps"]) == ("json-lines", 2000, 2000)
    assert found["evaluations"][-1]["metrics"]["val_loss"] <= 0.01


def test_a_program_that_logs_as_mlperfs_do(tmp_path: Path) -> None:
    found = measured(tmp_path, example("mllog"), target=parse_target("eval_accuracy >= 0.9"))
    assert (found["status"], found["progress"]["source"], found["progress"]["unit"]) == ("completed", "mllog", "epoch")
    names = [phase["name"] for phase in found["phases"]]
    assert names[:12] == ["process", "build", *["train", "evaluate"] * 5]
    assert names[-1] == "idle"
    assert found["evaluations"][-1]["metrics"]["eval_accuracy"] == 1 - 0.5**5


@pytest.mark.slow
def test_two_processes_of_torchrun(tmp_path: Path) -> None:
    words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", example("two_processes"), "30"]
    found = measured(tmp_path, *words)
    assert (found["status"], found["message"]) == ("completed", None)
    assert (found["progress"]["source"], found["progress"]["last_step"]) == ("key-value", 30)
    assert found["cleanup"] == "clean"


@pytest.mark.slow
def test_the_character_model_is_sampled_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    words = [example("char_model"), "--seed", "{seed}", "--steps", "40", "--every", "10", "--checkpoint", "state.pt"]
    sample = measured(tmp_path, *words, steps=12, seed=3)
    assert (sample["ended"], sample["cleanup"]) == ("sampled", "clean")
    assert 12 <= sample["progress"]["last_step"] < 40
    rest = measured(tmp_path, *words, seed=3, target=parse_target("val_loss <= 5"))
    assert (rest["status"], rest["progress"]["last_step"], rest["progress"]["total_steps"]) == ("completed", 40, 40)
    assert rest["resumed_from"] is not None
    assert rest["resumed_from"] >= sample["progress"]["last_step"]
    assert rest["evaluations"][-1]["final"]


@pytest.mark.slow
@pytest.mark.skipif(
    TRAINER is None, reason="BENCH_TEST_TRAINER names no Python with transformers; see make trainer-venv"
)
def test_hugging_faces_trainer_is_measured_and_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    assert TRAINER is not None
    words = (TRAINER, example("hf_trainer"), "--every", "20", "--output", "out", "--steps")
    target = parse_target("eval_loss <= 5")
    first = measured(tmp_path, *words, "40", target=target)
    progress = first["progress"]
    assert (first["status"], first["message"]) == ("completed", None)
    assert (progress["last_step"], progress["total_steps"], progress["unit"]) == (40, 40, "step")
    assert progress["target_source"] in ("python-dict", "trainer-state")
    assert [reading["step"] for reading in first["evaluations"]] == [20, 40]
    assert first["evaluations"][-1]["metrics"]["eval_loss"] < 5
    second = measured(tmp_path, *words, "80", target=target)
    assert (second["status"], second["progress"]["last_step"], second["resumed_from"]) == ("completed", 80, 40)


def test_each_example_is_in_the_document() -> None:
    text = (EXAMPLES.parents[1] / "programs.md").read_text(encoding="utf-8")
    assert [path.name for path in EXAMPLES.glob("*.py") if path.name not in text] == []

"""trainer_state.json."""

import json
import os
from pathlib import Path

import pytest

from bench.programs.sources.trainer_state import TrainerState
from tests.support.progress_forms import FileForm, Shown
from tests.support.source_questions import FileQuestions


class StateForm(FileForm):
    """A state is a whole file each time, with the history of all before."""

    def __init__(self, folder: Path) -> None:
        super().__init__(TrainerState, folder)
        self.path = folder / "out" / "trainer_state.json"
        self.history: list[dict[str, float]] = []
        self.written = self.watched.started_wall

    def form(self, shown: Shown) -> bytes:
        loss = {} if shown.loss is None else {"loss": float(shown.loss)}
        self.history.append({"step": shown.step or 0, **loss})
        return json.dumps({"global_step": shown.step, "max_steps": shown.total, "log_history": self.history}).encode()

    def add(self, data: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_bytes(data)
        self.written += 0.01
        os.utime(self.path, (self.written, self.written))
        self.look()


class TestTrainerState(FileQuestions):
    def form(self, folder: Path) -> StateForm:
        return StateForm(folder)

    def test_what_is_there_in_part_is_read_when_it_is_whole(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        whole = form.form(Shown(12, 500, "0.25"))
        for end in range(0, len(whole), 7):
            form.add(whole[:end])
            assert form.track.last is None
        form.add(whole)
        assert [step for _, step in form.track.steps.items()] == [12]
        assert form.track.target_value == 0.25


@pytest.mark.parametrize("before", [100, 0.5])
def test_the_state_of_an_earlier_run_is_not_read(tmp_path: Path, before: float) -> None:
    form = StateForm(tmp_path)
    form.written -= before
    form.show([Shown(100, 400, "0.5")])
    assert form.track.last is None
    assert form.track.latest == {}


def test_of_a_history_that_goes_on_the_new_entries_count(tmp_path: Path) -> None:
    form = StateForm(tmp_path)
    form.written -= 100
    form.show([Shown(100, 400, "0.5")])
    form.written, form.path = form.watched.started_wall, tmp_path / "out" / "checkpoint-200" / "trainer_state.json"
    form.show([Shown(200, 400)])
    assert form.track.last is not None
    assert form.track.last.step == 200
    assert form.track.latest == {}


def test_each_entry_was_measured_at_its_own_step(tmp_path: Path) -> None:
    form = StateForm(tmp_path)
    form.form(Shown(10, 400, "0.25"))
    form.show([Shown(20, 400, "0.5")])
    assert [(step, value) for _, step, value, _ in form.track.evaluations.items()] == [(10, 0.25), (20, 0.5)]
    assert [step for _, step in form.track.steps.items()] == [20]


def test_a_run_that_begins_anew_beside_an_old_state_counts_from_its_start(tmp_path: Path) -> None:
    form = StateForm(tmp_path)
    form.written -= 100
    form.show([Shown(100, 400, "0.5")])
    form.written, form.history = form.watched.started_wall, []
    form.path = tmp_path / "out" / "checkpoint-50" / "trainer_state.json"
    form.show([Shown(50, 400, "0.75")])
    assert [step for _, step in form.track.steps.items()] == [50]
    assert form.track.latest == {"loss": 0.75}

"""TensorBoard's event files."""

import os
from pathlib import Path

import pytest

from bench.programs.sources.tensorboard import TensorBoard
from tests.support import event_files
from tests.support.progress_forms import FileForm, Shown
from tests.support.source_questions import FileQuestions

NAME = "events.out.tfevents.1764115200.host.17.0"


class EventFileForm(FileForm):
    def __init__(self, folder: Path) -> None:
        super().__init__(TensorBoard, folder)
        self.path = folder / "runs" / "first" / NAME
        self.wall = self.watched.started_wall

    def form(self, shown: Shown) -> bytes:
        self.wall += 0.001
        scalars = {"other": 1.0} | ({} if shown.loss is None else {"loss": float(shown.loss)})
        return event_files.event(self.wall, shown.step or 0, scalars)


class TestTensorBoard(FileQuestions):
    has_totals = False

    def form(self, folder: Path) -> EventFileForm:
        return EventFileForm(folder)


def test_a_file_begun_before_the_program_is_not_read(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    form.add(event_files.begun(form.wall - 10))
    form.show([Shown(1, loss="0.1"), Shown(2, loss="0.1")])
    assert form.track.last is None
    assert form.track.target_value is None


def test_the_files_of_many_earlier_runs_are_no_hindrance(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    old = form.wall - 100
    for number in range(1200):
        path = tmp_path / f"{number}.tfevents.0"
        path.touch()
        os.utime(path, (old, old))
    form.add(event_files.event(form.wall, 3, {"loss": 0.5}))
    form.watch.poll_all(form.now)
    assert form.track.latest == {"loss": 0.5}


@pytest.mark.slow
def test_what_is_written_at_the_very_end_is_read(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    form.watch.poll(form.now)
    for number in range(2000):
        (tmp_path / f"{number}.txt").touch()
    form.path.parent.mkdir(parents=True)
    events = (event_files.event(form.wall, step, {"loss": 0.5}) for step in range(30_000))
    form.path.write_bytes(b"".join(events))
    form.watch.poll_all(form.now)
    assert form.track.last is not None
    assert form.track.last.step == 29_999


def test_a_point_has_the_time_that_its_event_states(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    form.add(event_files.event(form.watched.started_wall + 0.25, 5, {"loss": 1.0}))
    assert form.track.last is not None
    assert form.track.last.at == pytest.approx(1000.25, abs=1e-3)


def test_tags_by_epoch_beside_tags_by_step_are_no_steps(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    for step, tag in ((100, "train"), (200, "train"), (1, "val"), (300, "train"), (400, "train"), (2, "val")):
        form.add(event_files.event(form.wall, step, {tag: 0.5}))
    assert [step for _, step in form.track.steps.items()] == [100, 200, 300, 400]
    assert form.track.latest == {"train": 0.5, "val": 0.5}


def test_tags_of_further_folders_have_the_folder_before_them(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    form.add(event_files.event(form.wall, 1, {"loss": 0.5}))
    form.path = tmp_path / "runs" / "validation" / NAME
    form.add(event_files.event(form.wall, 1, {"loss": 0.25}))
    assert form.track.latest == {"loss": 0.5, "validation/loss": 0.25}


def test_a_scalar_may_be_a_tensor(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    form.add(event_files.tensor_event(form.wall, 3, "loss", 0.25))
    assert form.track.latest == {"loss": 0.25}


def test_pictures_are_passed_over_and_what_follows_them_is_read(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    form.add(event_files.record(b"\x00" * 20_000)[:9000])
    form.add(event_files.record(b"\x00" * 20_000)[9000:])
    form.show([Shown(7)])
    assert form.track.last is not None
    assert form.track.last.step == 7


@pytest.mark.parametrize("place", [3, 9, 30, -2])
def test_nothing_behind_damage_is_read(place: int, tmp_path: Path) -> None:
    form = EventFileForm(tmp_path)
    damaged = bytearray(form.form(Shown(2)))
    damaged[place] ^= 0x10
    form.show([Shown(1)])
    form.add(bytes(damaged))
    form.show([Shown(3)])
    assert [step for _, step in form.track.steps.items()] == [1]


def test_hidden_folders_and_links_are_not_walked(tmp_path: Path) -> None:
    form = EventFileForm(tmp_path / "work")
    for folder in (tmp_path / "work" / ".cache", tmp_path / "elsewhere"):
        folder.mkdir(parents=True)
        (folder / NAME).write_bytes(form.form(Shown(9)))
    (tmp_path / "work" / "link").symlink_to(tmp_path / "elsewhere")
    form.look()
    assert form.track.last is None

"""The file of $BENCH_EVENTS."""

import os
from pathlib import Path

import pytest

from bench.programs.progress import Watched
from bench.programs.sources.objects import Events
from tests.support.progress_forms import FileForm, JsonText, Shown
from tests.support.source_questions import FileQuestions


class EventsForm(FileForm):
    def __init__(self, folder: Path) -> None:
        super().__init__(Events, folder)
        self.path = folder / "events.jsonl"

    def form(self, shown: Shown) -> bytes:
        return f"{JsonText.of(shown)}\n".encode()


class TestEvents(FileQuestions):
    def form(self, folder: Path) -> FileForm:
        return EventsForm(folder)


def test_where_no_file_is_named_nothing_is_read() -> None:
    assert list(Events(Watched()).poll(1.0)) == []


def test_a_file_that_is_replaced_is_read_from_its_start(tmp_path: Path) -> None:
    form = EventsForm(tmp_path)
    form.show([Shown(10), Shown(20)])
    form.path.unlink()
    form.show([Shown(30)])
    assert [step for _, step in form.track.steps.items()] == [10, 20, 30]


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    form = EventsForm(tmp_path)
    os.mkfifo(form.path)
    form.look()
    assert form.track.last is None


@pytest.mark.slow
def test_a_file_that_grows_fast_is_caught_up_with(tmp_path: Path) -> None:
    form = EventsForm(tmp_path)
    form.path.write_bytes(b"".join(form.form(Shown(step, loss="0.5")) for step in range(100_000)))
    for _ in range(3):
        form.look()
    assert form.track.last is not None
    assert form.track.last.step == 99_999


def test_a_line_that_never_ends_is_passed_over(tmp_path: Path) -> None:
    form = EventsForm(tmp_path)
    form.add(b'{"step": ' + b"1" * 300_000)
    form.add(b"}\n" + form.form(Shown(7)))
    assert [step for _, step in form.track.steps.items()] == [7]


def test_an_object_counts_without_an_end_of_line(tmp_path: Path) -> None:
    form = EventsForm(tmp_path)
    form.add(b'{"step": 10, "loss": 0.5')
    assert form.track.last is None
    form.add(b"}")
    assert form.track.last is not None
    form.add(b'\n{ "step" : 20 }')
    assert [step for _, step in form.track.steps.items()] == [10, 20]

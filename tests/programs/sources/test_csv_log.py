"""CSV files that grow."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bench.programs.sources.csv_log import CsvLog
from tests.support.progress_forms import FileForm, Shown
from tests.support.source_questions import FileQuestions

HEADER = "step,epoch,loss\n"


class CsvForm(FileForm):
    has_header = False

    def __init__(self, folder: Path) -> None:
        super().__init__(CsvLog, folder)
        self.path = folder / "logs" / "metrics.csv"

    def form(self, shown: Shown) -> bytes:
        step = "" if shown.step is None else f"{shown.step}" + (f"/{shown.total}" if shown.total else "")
        header, self.has_header = "" if self.has_header else HEADER, True
        return f"{header}{step},,{shown.loss or ''}\n".encode()


class TestCsvLog(FileQuestions):
    def form(self, folder: Path) -> CsvForm:
        return CsvForm(folder)


def test_a_row_counts_from_when_its_file_was_changed(tmp_path: Path) -> None:
    form = CsvForm(tmp_path)
    form.show([Shown(10, loss="0.5")])
    form.now += 100
    form.look()
    assert [at - form.watched.started < 60 for at, _ in form.track.steps.items()] == [True]


def test_of_a_file_that_was_there_before_what_is_added_counts(tmp_path: Path) -> None:
    form = CsvForm(tmp_path)
    form.path.parent.mkdir()
    form.path.write_bytes(form.form(Shown(500, loss="0.1")) + form.form(Shown(600, loss="0.1")))
    before = form.watched.started_wall - 100
    os.utime(form.path, (before, before))
    form.look()
    assert form.track.last is None
    form.show([Shown(601, loss="0.2"), Shown(602, loss="0.3")])
    assert [step for _, step in form.track.steps.items()] == [601, 602]


@pytest.mark.parametrize("ends", [b"10,,0.5\n", b"10,,0.5\n20,,0.4\n", b"10,,0.5\n20,,0.4\n30,,0.3\n"])
def test_a_file_of_an_earlier_run_that_is_written_anew_is_of_this_one(tmp_path: Path, ends: bytes) -> None:
    form = CsvForm(tmp_path)
    form.path.parent.mkdir()
    form.path.write_bytes(HEADER.encode() + b"10,,0.9\n20,,0.8\n" if len(ends) < 20 else HEADER.encode() + ends)
    before = form.watched.started_wall - 0.5
    os.utime(form.path, (before, before))
    form.look()
    assert form.track.last is None
    form.path.write_bytes(HEADER.encode() + ends)
    form.look()
    assert [step for _, step in form.track.steps.items()] == list(range(10, 10 * ends.count(b"\n") + 1, 10))


def test_a_file_that_is_written_anew_for_one_more_column_goes_on(tmp_path: Path) -> None:
    form = CsvForm(tmp_path)
    form.show([Shown(10, loss="0.5"), Shown(20, loss="0.4")])
    form.path.write_text("step,epoch,val_loss,loss\n10,,,0.5\n20,,,0.4\n20,0,0.45,\n30,,,0.3\n")
    form.look()
    assert [step for _, step in form.track.steps.items()] == [10, 20, 30]
    assert form.track.latest["val_loss"] == 0.45


def test_a_data_set_is_no_log(tmp_path: Path) -> None:
    form = CsvForm(tmp_path)
    form.add(b"id,label\n1,0\n2,1\n")
    assert form.track.last is None
    assert form.track.latest == {}


def test_a_large_file_that_is_no_log_costs_little_however_often_it_grows(tmp_path: Path) -> None:
    form = CsvForm(tmp_path)
    form.add(b"id,label\n" + b"12345,cat\n" * 1_000_000)
    begun = time.process_time()
    for _ in range(20):
        form.add(b"12345,cat\n")
    assert time.process_time() - begun < 0.5

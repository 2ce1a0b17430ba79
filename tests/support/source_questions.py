"""The questions that every source of progress is asked; a test class a source, each with its own `form`."""

from __future__ import annotations

import math
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.support.progress_forms import FileForm, Form, LineForm, Shown

NUMBERS = {
    "1.2e+32": 1.2e32,
    "1e-05": 1e-05,
    "888": 888.0,
    "-0.5": -0.5,
    "3.0": 3.0,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
}
# Lines at which an expression that goes back too often would hang.
HOSTILE = (
    "a=1 " * 16_000,
    "step 3|" + "a 1 " * 500 + "!",
    "step 3|" + "(a 1) " * 300 + "!",
    "step 3 " + "loss word " * 6000,
    "step 1 " + " " * 65_000,
    "x=1" + ",000" * 16_000,
    "1/2 [00:00" * 6000,
    "{" + "'a': 1, " * 8000 + "}",
    "{'a': " * 9000 + "}",
    '{"a":' * 10_000 + "}" * 10_000,
    "epoch " + "[ " * 30_000,
    "[rank" * 13_000,
    "\x1b[" + "1;" * 30_000,
    "9" * 65_536,
    # Such lines may follow each other.
    *("train loss " + "a-b" * 700 + "}", "loss " + "x" * 2000, "loss=[" + " " * 2000, "epoch 1 " * 250) * 10,
)
# hypothesis runs many examples in one temporary folder, where each makes a file of its own.
examples = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors], max_examples=50
)


class Questions:
    """What holds for every source."""

    has_metrics = True
    has_totals = True

    def form(self, folder: Path) -> Form:
        """A fresh source, and the program that it watches."""
        raise NotImplementedError

    @pytest.mark.parametrize("spelling", NUMBERS)
    def test_numbers_are_read_as_they_are_shown(self, spelling: str, tmp_path: Path) -> None:
        if not self.has_metrics:
            pytest.skip("this form shows no metrics")
        form = self.form(tmp_path)
        form.show([Shown(3, loss=spelling)])
        assert form.track.target_value == pytest.approx(NUMBERS[spelling], nan_ok=True)

    def test_steps_and_totals(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(step, 400) for step in (1, 120, 399)])
        assert [step for _, step in form.track.steps.items()] == [1, 120, 399]
        assert form.track.total == (400 if self.has_totals else None)
        assert not form.track.totals_differ

    def test_a_total_that_changes_is_seen(self, tmp_path: Path) -> None:
        if not self.has_totals:
            pytest.skip("this form shows no totals")
        form = self.form(tmp_path)
        form.show([Shown(1, 400), Shown(2, 300)])
        assert form.track.totals_differ

    def test_what_is_there_in_part_is_read_when_it_is_whole(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        data = b"".join(form.form(Shown(step, 500, "0.25")) for step in (12, 345))
        for at in range(len(data)):
            form.add(data[at : at + 1])
            assert form.track.last is None or form.track.last.step in (12, 345)
        assert [step for _, step in form.track.steps.items()] == [12, 345]

    def test_steps_that_go_back_are_a_program_that_did(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(step) for step in (100, 110, 120, 50, 60, 70)])
        assert form.track.went_back == (120, 50)
        assert [step for _, step in form.track.steps.items()] == [50, 60, 70]

    def test_a_program_that_resumes_shows_where(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(step) for step in (510, 520, 530)])
        assert form.track.resumed_from == 500


class LineQuestions(Questions):
    """What holds for every source that reads lines."""

    # Lines that say nothing to this source.
    silent: tuple[str, ...] = ("", "Loading 5 files", "2026-11-26 12:30:01 INFO ready", "[12/400]", "{", "a b c")

    def form(self, folder: Path) -> LineForm:
        raise NotImplementedError

    def test_a_carriage_return_ends_a_line(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        for step in (7, 8, 9):
            form.add(b"\r" + form.form(Shown(step, 10)).rstrip())
        form.add(b"\r\n")
        assert [step for _, step in form.track.steps.items()] == [7, 8, 9]

    def test_colours_and_cursor_moves_are_not_read(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        text = form.form(Shown(7, 10, "0.5")).rstrip().replace(b"0.5", b"\x1b[1;32m0.5\x1b[0m")
        form.add(b"\x1b[A\x1b[2K" + text + b"\x1b[K\n")
        assert form.track.last is not None
        assert form.track.last.step == 7
        assert form.track.target_value == (0.5 if self.has_metrics else None)

    def test_of_interleaved_ranks_the_first_is_read(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        for step in (10, 20, 30):
            for rank in (2, 0, 1):
                form.add(b"[rank%d]: " % rank + form.form(Shown(step, loss=f"{step + rank}.5")))
        assert [step for _, step in form.track.steps.items()] == [10, 20, 30]
        assert form.track.target_value == (30.5 if self.has_metrics else None)

    def test_ranks_that_nobody_tells_apart_are_no_program_that_goes_back(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(step) for step in (10, 10, 20, 10, 20, 30, 30, 20, 40)])
        assert form.track.went_back is None
        assert [step for _, step in form.track.steps.items()] == [10, 20, 30, 40]

    def test_what_says_nothing_to_it_is_refused(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        assert [line for line in self.silent if form.source.line(line, 1.0) is not None] == []

    def test_no_line_takes_long(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        begun = time.process_time()
        for line in HOSTILE:
            form.watch.line(line, 1.0)
        assert time.process_time() - begun < 2

    def test_much_output_needs_little_memory(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        megabyte = b"x: 1 " * (1 << 20 // 5)
        line = form.form(Shown(3, loss="0.5"))
        form.add(line)
        tracemalloc.start()
        try:
            for _ in range(20):
                form.add(megabyte[: 1 << 20])  # without an end of line
            form.add(b"\n")
            for step in range(4, 2000):
                form.add(form.form(Shown(step, loss="0.5")))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 12 << 20
        assert form.track.last is not None
        assert form.track.last.step == 1999

    @examples
    @given(text=st.text())
    def test_no_line_is_a_mistake(self, text: str, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.source.line(text, 1.0)
        for shown in (Shown(3, 4, "0.5"), Shown(loss="nan")):
            whole = form.text(shown)
            for place in (0, len(whole) // 2, len(whole)):
                form.source.line(whole[:place] + text + whole[place:], 1.0)

    @examples
    @given(value=st.floats(allow_nan=False), step=st.integers(0, 10**9))
    def test_any_number_comes_back(self, value: float, step: int, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(step, loss=repr(value))])
        assert form.track.last is not None
        assert form.track.last.step == step
        assert form.track.target_value == (value if self.has_metrics else None)


class FileQuestions(Questions):
    """What holds for every source that reads files."""

    def form(self, folder: Path) -> FileForm:
        raise NotImplementedError

    def test_what_is_not_there_is_no_mistake(self, tmp_path: Path) -> None:
        form = self.form(tmp_path / "never")
        form.look()
        assert form.track.last is None

    def test_a_file_that_goes_is_no_mistake(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(1), Shown(2)])
        form.path.unlink()
        form.look()
        assert [step for _, step in form.track.steps.items()] == [1, 2]

    @examples
    @given(data=st.binary())
    def test_no_content_is_a_mistake(self, data: bytes, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.path.unlink(missing_ok=True)
        form.add(data)
        form.add(form.form(Shown(3, 4, "0.5"))[: len(data) * 2])
        form.add(data)

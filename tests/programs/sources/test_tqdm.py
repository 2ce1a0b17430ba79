"""tqdm's bars."""

from collections.abc import Iterable
from pathlib import Path

import pytest

from bench.programs.progress import Watched
from bench.programs.sources.tqdm import Tqdm
from tests.support.progress_forms import LineForm, Shown
from tests.support.source_questions import LineQuestions


class BarForm(LineForm):
    def text(self, shown: Shown) -> str:
        if shown.step is None:
            return ""
        total = shown.total
        return bar(shown.step, total) if total else f"{shown.step}it [00:03, 4.20it/s]"


def bar(step: int, total: int, title: str = "", elapsed: str = "00:03", unit: str = "it") -> str:
    before = f"{title}: " if title else ""
    return f"{before}{100 * step // total:3}%|█▏   | {step}/{total} [{elapsed}<01:30,  4.20{unit}/s, loss=0.5]"


class TestTqdm(LineQuestions):
    has_metrics = False
    silent = (
        *LineQuestions.silent,
        "12/400",
        "x 12/400 [a<b, 3it/s]",
        bar(1, 9, "val"),
        bar(1, 9, "Validation DataLoader 0"),
        bar(1, 9, "Sanity Checking"),
        bar(1, 9, "Downloading data", unit="B"),
        bar(1, 9, "Map (num_proc=4)", unit=" examples"),
        bar(1, 9, unit="MB"),
    )

    def form(self, folder: Path) -> LineForm:
        return BarForm(Tqdm, folder)

    def test_a_total_that_changes_is_seen(self, tmp_path: Path) -> None:
        form = self.form(tmp_path)
        form.show([Shown(399, 400), Shown(2, 300), Shown(400, 400)])  # another bar, within this one
        assert not form.track.totals_differ
        assert [step for _, step in form.track.steps.items()] == [399, 400]


def steps(lines: Iterable[str]) -> list[tuple[int | None, int | None]]:
    source = Tqdm(Watched())
    return [(point.step, point.total) for point in (source.line(line, 1.0) for line in lines) if point]


def test_a_bar_that_loads_gives_way_to_one_that_lasts() -> None:
    lines = [bar(3, 5, elapsed="00:00"), bar(5, 5, elapsed="00:00"), bar(1, 400, elapsed="00:00"), bar(9, 400)]
    assert steps(lines) == [(3, 5), (5, 5), (1, 400), (9, 400)]


def test_an_evaluation_within_or_behind_training_is_not_read() -> None:
    lines = [bar(100, 400), bar(5, 20), bar(20, 20), bar(400, 400, elapsed="01:00"), bar(3, 20), bar(20, 20)]
    assert steps(lines) == [(100, 400), (400, 400)]


@pytest.mark.parametrize("title", ["", "train", "Epoch {}", "Epoch {}/2"])
def test_bars_of_epochs_follow_each_other(title: str) -> None:
    lines = [bar(step, 40, title.format(epoch)) for epoch in (1, 2) for step in (0, 20, 40)]
    assert [step for step, _ in steps(lines)] == [0, 20, 40, 40, 60, 80]


@pytest.mark.parametrize(("line", "title"), [("", "Epoch {}"), ("Epoch {}/3", "")])
def test_epochs_of_different_lengths_follow_each_other(line: str, title: str) -> None:
    lines = [
        text
        for epoch, length in ((1, 100), (2, 120), (3, 90))
        for text in (line.format(epoch), *(bar(step, length, title.format(epoch)) for step in (length // 2, length)))
    ]
    assert [step for step, _ in steps(lines)] == [50, 100, 160, 220, 265, 310]


def test_the_total_of_epochs_is_known_once_they_follow_each_other() -> None:
    lines = [bar(step, 40, f"Epoch {epoch}/3") for epoch in (1, 2) for step in (20, 40)]
    assert steps(lines) == [(20, None), (40, None), (60, 120), (80, 120)]


def test_bars_that_are_drawn_only_once_they_are_full_follow_each_other_too() -> None:
    assert steps(bar(40, 40, f"Epoch {epoch}/3") for epoch in (1, 2, 3)) == [(40, None), (80, 120), (120, 120)]


@pytest.mark.parametrize(
    ("line", "title"), [("Epoch {}/10", ""), ("Epoch: [{}/10]", "train"), ("", "{}/10   2.1G   640")]
)
def test_a_bar_below_a_line_that_tells_the_epoch_is_not_of_the_whole_run(line: str, title: str) -> None:
    lines = [
        text
        for epoch in (1, 2)
        for text in (line.format(epoch), bar(20, 40, title.format(epoch)), bar(40, 40, title.format(epoch)))
    ]
    assert steps(lines) == [(20, None), (40, None), (60, 400), (80, 400)]


def test_a_bar_over_all_steps_keeps_its_total_where_epochs_are_told_within_it() -> None:
    lines = ["Epoch 1/2", bar(10, 40), "Epoch 2/2", bar(30, 40), bar(40, 40)]
    assert steps(lines) == [(10, None), (30, 40), (40, 40)]


def test_a_bar_over_epochs_counts_them_until_one_over_steps_is_seen() -> None:
    source = Tqdm(Watched())
    lines = [bar(1, 10, "Epochs", unit="epoch"), bar(5, 40, "train"), bar(2, 10, "Epochs", unit="epoch")]
    assert [(point.step, point.unit) for point in (source.line(line, 1.0) for line in lines) if point] == [
        (1, "epoch"),
        (5, "step"),
    ]


@pytest.mark.parametrize("titles", [("", ""), ("Epochs", "Batches"), ("Epoch", "Iteration")])
def test_a_bar_within_one_of_epochs_counts_the_steps(titles: tuple[str, str]) -> None:
    outer, inner = titles
    lines = [bar(0, 3, outer)]
    for epoch in (1, 2, 3):
        lines += [bar(step, 40, inner, elapsed="00:00") for step in (0, 20, 40)]
        lines.append(bar(epoch, 3, outer, elapsed=f"00:0{epoch}"))
    assert [each for each in steps(lines) if each[1] != 3] == [
        (step, 120) for step in [0, *([20] if outer else []), 40, 40, 60, 80, 80, 100, 120]
    ]


def test_a_bar_that_goes_on_over_epochs_tells_the_total_itself() -> None:
    lines = [bar(0, 3, "Epochs"), bar(0, 90, "train"), bar(30, 90, "train"), bar(1, 3, "Epochs"), bar(31, 90, "train")]
    assert steps(lines)[-1] == (31, 90)


def test_an_evaluation_before_training_begins_is_no_epoch() -> None:
    lines = [bar(0, 400), *(bar(step, 13) for step in (0, 5, 13)), *(bar(step, 400) for step in (1, 2, 3))]
    assert steps(lines) == [(step, 400) for step in range(4)]


def test_a_short_bar_within_one_of_epochs_is_known_by_its_second_time() -> None:
    epochs = [line for epoch in (1, 2, 3) for line in (*(bar(step, 5) for step in (0, 2, 5)), bar(epoch, 100))]
    assert steps([bar(0, 100), *epochs]) == [
        (0, 100),
        (1, 100),
        *((step, 500) for step in (5, 7, 10, 10, 12, 15)),
    ]


def test_a_bar_that_takes_over_began_where_it_was_first_seen() -> None:
    lines = [
        bar(35, 35, "shapes", elapsed="00:17"),
        bar(0, 500),
        *(bar(n, 500, elapsed=f"00:{n // 2}") for n in (2, 36, 38)),
    ]
    assert steps(lines) == [(35, 35), (0, 500), (38, 500)]


def test_two_ranks_that_draw_one_bar_each_count_once() -> None:
    lines = [bar(step - late, 100, elapsed=f"00:{step // 10:02}") for step in (50, 98, 99, 100) for late in (0, 1)]
    assert steps(lines)[-1] == (100, 100)


@pytest.mark.parametrize(
    ("counts", "resumed_from", "done"),
    [
        ((500, 501, 502), 500, 2),
        ((2, 3, 4), 2, 2),
        ((5, 25, 45), 5, 40),
        ((0, 1, 2), None, 2),
        ((0, 40), None, 0),  # it may have gone on from 39, or from 0
        ((0, 40, 80), None, 80),
        ((0, 501, 502, 503), 500, 3),
    ],
)
def test_a_bar_stands_where_the_program_goes_on(
    counts: tuple[int, ...], resumed_from: int | None, done: int, tmp_path: Path
) -> None:
    form = BarForm(Tqdm, tmp_path)
    first, *others = counts
    for line in (f"  0%|   | {first}/1000 [00:00<?, ?it/s]", *(bar(count, 1000) for count in others)):
        form.add(f"{line}\n".encode())
    assert (form.track.resumed_from, form.track.done) == (resumed_from, done)


def test_a_bar_that_stands_at_the_start_of_a_later_epoch_goes_on_from_nowhere(tmp_path: Path) -> None:
    form = BarForm(Tqdm, tmp_path)
    for line in (bar(0, 100), *(line for n in (1, 2, 3) for line in (*(bar(step, 5) for step in (2, 5)), bar(n, 100)))):
        form.add(line.replace("2/5 [00:03<01:30,  4.20it", "2/5 [00:00<?, ?it").encode() + b"\n")
    assert form.track.resumed_from is None


def test_counts_that_are_shortened_are_read() -> None:
    assert steps([f" 45%|▌| {n}k/100k [00:03<00:09, 12.0kit/s]" for n in ("45.0", "50.0")]) == [
        (45_000, 100_000),
        (50_000, 100_000),
    ]


def test_seconds_an_iteration_are_read_too() -> None:
    assert steps(["  3%|▎ | 3/100 [1:00:03<32:20:00, 1200.50s/it]", "  4%|▍ | 4/100 [1:20:03<?, ?it/s]"]) == [
        (3, 100),
        (4, 100),
    ]


def test_bars_of_ultralytics_are_read_and_those_of_its_validation_are_not() -> None:
    names = "      Class     Images  Instances      Box(P          R      mAP50  mAP50-95)"
    lines = []
    for epoch in (1, 2):
        begun = f"        {epoch}/2      2.61G      1.1        34        640"
        lines += [
            f"{begun}: 0% \u2500\u2500\u2500\u2500 0/8  0.0s",
            f"{begun}: 25% \u2501\u2500\u2500\u2500 2/8 4.1it/s 0.5s<1.5s",
        ]
        lines += [
            f"{begun}: 100% \u2501\u2501\u2501\u2501 8/8 4.0it/s 1:02",
            f"{names}: 100% \u2501\u2501\u2501\u2501 4/4 3.1it/s 1.3s",
        ]
    source = Tqdm(Watched())
    points = [point for line in lines if (point := source.line(line, 1.0))]
    assert [(point.step, point.total) for point in points] == [
        (0, None),
        (2, None),
        (8, None),
        (8, 16),
        (10, 16),
        (16, 16),
    ]

"""What is believed of what several sources say."""

from collections.abc import Mapping

import pytest

from bench.programs.job import Target
from bench.programs.progress import Point, Source, Watched
from bench.programs.sources import open_sources
from bench.programs.watching.watch import ENOUGH, Watch


class Says(Source):
    """A source that says a point for each of some lines."""

    def __init__(self, name: str, points: Mapping[str, Point]) -> None:
        self.name = name
        self._points = points

    def line(self, text: str, at: float) -> Point | None:
        return self._points.get(text)


def test_the_best_source_of_each_counts() -> None:
    best = Says("best", {"a": Point(1, metrics={"loss": 1.0})})
    next_best = Says("next", {"a": Point(1, 7, metrics={"loss": 2.0, "accuracy": 3.0})})
    watch = Watch([best, next_best], Target("loss", at_most=0))
    assert watch.line("a", 1)
    assert not watch.line("b", 1)
    steps, target = watch.steps(), watch.target()
    assert steps is not None
    assert target is not None
    assert (steps.source, target.source, target.target_value) == ("next", "best", 1.0)
    assert list(watch.latest().items()) == [("loss", 1.0), ("accuracy", 3.0)]


def test_what_was_shown_again_comes_before_what_was_shown_once() -> None:
    shown = {"a": Point(1, metrics={"seed": 3.0}), "b": Point(2, metrics={"loss": 2.0})}
    watch = Watch([Says("says", shown)], None)
    for line in ("a", "b", "b"):
        watch.line(line, 1)
    assert list(watch.latest()) == ["loss", "seed"]


def test_steps_come_before_samples_and_epochs() -> None:
    shown = [("epochs", "epoch"), ("samples", "sample"), ("steps", "step")]
    watch = Watch([Says(name, {name: Point(1, 3, unit=unit)}) for name, unit in shown], None)
    believed = []
    for name, _ in shown:
        watch.line(name, 1)
        steps = watch.steps()
        assert steps is not None
        believed.append(steps.source)
    assert believed == ["epochs", "samples", "steps"]


def test_a_source_that_shows_few_steps_gives_way_to_one_that_shows_more() -> None:
    states = Says("states", {f"step {step}": Point(step, step) for step in range(40, 400, 40)})
    bar = Says("bar", {f"step {step}": Point(step, step, 400) for step in range(400)})
    watch, believed = Watch([states, bar], None), []
    for step in range(400):
        watch.line(f"step {step}", step)
        steps = watch.steps()
        assert steps is not None
        believed.append(steps.source)
    assert believed == ["bar"] * 40 * ENOUGH + ["states"] * (400 - 40 * ENOUGH)
    assert watch.total() == 400


def test_the_total_of_another_count_is_none_of_this_one() -> None:
    steps = Says("steps", {"a": Point(1, 300)})
    epoch = Says("epoch", {"a": Point(1, 20, 40), "b": Point(2, 300, 400, unit="sample")})
    watch = Watch([steps, epoch], None)
    watch.line("a", 1)
    assert watch.total() is None


def test_a_metric_without_a_step_was_measured_at_the_step_that_is_believed() -> None:
    bar = Says("bar", {f"step {step}": Point(step, step) for step in range(10)})
    words = Says("words", {"loss": Point(7, metrics={"loss": 0.5})})
    watch = Watch([words, bar], Target("loss", at_most=1))
    for line in ("loss", *(f"step {step}" for step in range(8)), "loss"):
        watch.line(line, 1)
    target = watch.target()
    assert target is not None
    assert [shown.step for shown in target.evaluations.items()] == [None, 7]


@pytest.mark.parametrize("prefix", ["[rank{}]: ", "[rank{}] ", "[default{}]:", "[1,{}]<stdout>:", "Rank {}: "])
def test_the_lowest_rank_that_shows_anything_is_believed(prefix: str) -> None:
    text = "\n".join(prefix.format(rank) + f"step {rank}" for rank in (3, 1, 2, 1)) + "\n"
    watch = Watch([Says("says", {f"step {rank}": Point(1, 10 * (5 - rank)) for rank in range(4)})], None)
    watch.feed(1, text.encode(), 1)
    assert [step for _, step in watch.tracks[0].steps.items()] == [20, 40]


def test_of_the_ranks_that_srun_labels_the_lowest_is_believed() -> None:
    watch = Watch([Says("says", {f"step {step}": Point(step, step) for step in range(100)})], None)
    text = "".join(f"{rank}: step {step + rank}\n" for step in (10, 20, 30) for rank in (0, 2, 1))
    watch.feed(1, text.encode(), 1)
    assert [step for _, step in watch.tracks[0].steps.items()][-2:] == [20, 30]


def test_the_last_rank_may_show_the_steps_and_the_first_its_settings() -> None:
    watch = Watch(open_sources(Watched()), None)
    lines = ["[default0]:using world size: 8", "[default7]:using world size: 8"]
    lines += [f"[default7]: iteration {step}/ 500 | lm loss: 1.5 |" for step in (10, 20)]
    assert [bool(watch.line(line, 1)) for line in lines] == [True, False, True, True]


def test_lines_numbered_by_epoch_are_all_read() -> None:
    says = Says("says", {f"{epoch}: loss": Point(epoch, epoch, unit="epoch") for epoch in range(5)})
    watch = Watch([says], None)
    assert all(watch.line(f"{epoch}: loss", 1) for epoch in range(5))


def test_of_very_many_lines_the_newest_and_those_with_the_target_are_read() -> None:
    seen: list[str] = []

    class Listens(Says):
        def line(self, text: str, at: float) -> Point | None:
            seen.append(text)
            return None

    watch = Watch([Listens("listens", {})], Target("val_loss", at_most=1))
    for second in range(100):
        lines = [f"step {second * 1000 + line}" for line in range(1000)]
        lines[3] = f"val_loss: {second}"
        watch.feed(1, "".join(f"{line}\n" for line in lines).encode(), float(second))
    watch.end(1, 100.0)
    assert len(seen) < 50_000
    assert [line for line in seen if "val_loss" in line] == [f"val_loss: {second}" for second in range(100)]
    assert seen[-1] == "step 99999"


@pytest.mark.parametrize(
    ("saved", "shown", "resumed_from", "done"),
    [
        ((20, 40), (0, 41, 42, 80), 40, 40),  # Hugging Face's bar, which stands at 0 until the checkpoint is read
        ((40,), (0, 1, 42, 80), None, 80),  # it began anew beside what an earlier run has left
        ((), (0, 41, 42, 80), None, 80),
        ((100,), (0, 41, 42, 80), None, 80),
    ],
)
def test_a_bar_that_leaps_over_a_saved_step_goes_on_from_it(
    saved: tuple[int, ...], shown: tuple[int, ...], resumed_from: int | None, done: int
) -> None:
    said = {f"saved {step}": Point(0, saved=step) for step in saved}
    said |= {f"step {step}": Point(step, step, 80) for step in shown}
    watch = Watch([Says("says", said)], None)
    for line in said:
        watch.line(line, 0)
    steps = watch.steps()
    assert steps is not None
    assert (steps.resumed_from, steps.done) == (resumed_from, done)


def test_a_final_result_gives_way_to_the_series_of_its_metric() -> None:
    final = Says("final", {"end": Point(9, metrics={"loss": 1.0})})
    series = Says("series", {f"eval {n}": Point(n, n, metrics={"loss": 3.0 - n / 10}) for n in range(1, 6)})
    watch = Watch([final, series], Target("loss", at_most=2.7))
    for n in range(1, 6):
        watch.line(f"eval {n}", n)
    watch.line("end", 9)
    target = watch.target()
    assert target is not None
    assert (target.source, target.first_hit) == ("series", (3, 3, 2.7, "step"))


def test_what_was_asked_for_by_name_counts_however_seldom_it_is_shown() -> None:
    asked = Says("regex", {"end": Point(9, metrics={"loss": 1.0})})
    series = Says("series", {f"eval {n}": Point(n, n, metrics={"loss": 0.5}) for n in range(1, 6)})
    watch = Watch([asked, series], Target("loss", at_most=0.6))
    for line in (*(f"eval {n}" for n in range(1, 6)), "end"):
        watch.line(line, 1)
    target = watch.target()
    assert target is not None
    assert (target.source, target.first_hit) == ("regex", None)


def test_what_an_epoch_s_line_says_was_measured_at_the_step_of_the_bar() -> None:
    lines = Says("lines", {f"epoch {n}": Point(n, n, unit="epoch", metrics={"acc": n / 10}) for n in (1, 2)})
    bars = Says("bars", {f"bar {n}": Point(n, n) for n in (50, 100, 150, 200)})
    watch = Watch([lines, bars], Target("acc", at_least=0.9))
    for line in ("bar 50", "bar 100", "epoch 1", "bar 150", "bar 200", "epoch 2"):
        watch.line(line, 1)
    target = watch.target()
    assert target is not None
    assert [(step, unit) for _, step, _, unit in target.evaluations.items()] == [(100, "step"), (200, "step")]

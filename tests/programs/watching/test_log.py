"""Logs read afterwards: what real programs printed, in tests/programs/captures, and what nothing is read in."""

import math
from pathlib import Path

import pytest

from bench.programs.job import Target
from bench.programs.progress import Watched
from bench.programs.sources import open_sources
from bench.programs.watching.log import LogReading, Reading, read_log
from bench.programs.watching.watch import Watch
from tests.support import event_files

CAPTURES = Path(__file__).parents[1] / "captures"


def steps_of(reading: LogReading) -> tuple[str, str | None, int, int, int | None]:
    """Who counts, what, from where to where, of how many."""
    each = next(each for each in reading.readings if each.source == reading.steps)
    assert each.track.first is not None
    assert each.track.last is not None
    return each.source, each.track.unit, each.track.first.step, each.track.last.step, each.track.total


def only(reading: LogReading, source: str) -> Reading:
    return next(each for each in reading.readings if each.source == source)


@pytest.mark.parametrize(
    ("capture", "steps"),
    [
        ("trainer.stderr", ("tqdm", "step", 0, 120, 120)),
        ("bars.stderr", ("tqdm", "step", 0, 120, None)),
        ("trainer_state.json", ("trainer-state", "step", 120, 120, 120)),
        ("lightning.tfevents.0", ("tensorboard", "step", 9, 119, None)),
        ("mlperf-cisco.stdout", ("mllog", "sample", 480, 2688, None)),
        ("mlperf-oracle.stdout", ("mllog", "step", 31, 10752, 1_200_000)),
    ],
)
def test_steps_of_real_programs(capture: str, steps: tuple[str, str | None, int, int, int | None]) -> None:
    reading = read_log(CAPTURES / capture)
    assert steps_of(reading) == steps
    assert only(reading, steps[0]).track.went_back is None


@pytest.mark.parametrize(
    ("capture", "metric", "source", "count", "last"),
    [
        ("trainer.stdout", "eval_loss", "python-dict", 3, 2.275e-05),
        ("trainer.stdout", "loss", "python-dict", 12, 2.763e-05),
        ("trainer_state.json", "eval_loss", "trainer-state", 3, 2.2745e-05),
        ("lightning.tfevents.0", "val_loss", "tensorboard", 3, 2.7745e-09),
        ("bars.stderr", "loss", "key-value", None, 0.025),
        ("mlperf-cisco.stdout", "eval_accuracy", "mllog", 4, 0.92291),
        ("mlperf-oracle.stdout", "eval_accuracy", "mllog", 1, 3.29386),
    ],
)
def test_metrics_of_real_programs(capture: str, metric: str, source: str, count: int | None, last: float) -> None:
    best = read_log(CAPTURES / capture).best(metric)
    assert best is not None
    assert best.source == source
    assert best.metrics[metric].last == pytest.approx(last, rel=1e-4)
    assert count is None or best.metrics[metric].count == count


@pytest.mark.parametrize(("capture", "minutes"), [("mlperf-cisco.stdout", 19.806), ("mlperf-oracle.stdout", 84.142)])
def test_from_run_start_to_run_stop(capture: str, minutes: float) -> None:
    reading = only(read_log(CAPTURES / capture), "mllog")
    assert reading.trained_s is not None
    assert reading.trained_s / 60 == pytest.approx(minutes, abs=5e-4)
    assert reading.phases["train"] + reading.phases["evaluate"] == pytest.approx(reading.trained_s)


def test_what_was_not_read_is_counted_by_kind(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("no number\n" + "".join(f"<{n}> the loss has now become {n}.5\n" for n in range(7)) + "loss: 3\n")
    reading = read_log(log)
    assert (reading.lines, reading.unread_lines) == (9, 8)
    assert reading.unread == [("<#> the loss has now become #.#", 7)]
    mended = read_log(log, {"loss": r"become (\S+)", "step": r"<(\d+)>"})
    assert (mended.unread, steps_of(mended)) == ([], ("regex", "step", 0, 6, None))
    assert mended.readings[0].metrics["loss"].summary() == (0.5, 6.5, 0.5, 6.5)


def test_values_that_are_no_numbers_are_kept_and_are_no_bounds(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("loss: nan\nloss: 2\nloss: -inf\nloss: nan\n")
    first, last, least, most = read_log(log).readings[0].metrics["loss"].summary()
    assert math.isnan(first)
    assert math.isnan(last)
    assert (least, most) == (-math.inf, 2.0)


@pytest.mark.slow
def test_a_folder_is_searched_for_what_frameworks_write(tmp_path: Path) -> None:
    file = tmp_path / "runs" / "a" / "events.out.tfevents.1.host"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"".join(event_files.event(1e9 + step, step, {"loss": 1 / step}) for step in range(1, 50_000)))
    reading = read_log(tmp_path)
    assert steps_of(reading) == ("tensorboard", "step", 1, 49_999, None)
    assert (reading.lines, reading.readings[0].metrics["loss"].count) == (0, 49_999)


def test_a_line_of_which_only_the_step_was_read_is_told_if_it_names_a_result(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"step {n} gave <{n}.5> as its loss\nstep {n} begins\n" for n in range(7)))
    reading = read_log(log)
    assert (reading.unread_lines, reading.unread) == (0, [("step # gave <#.#> as its loss", 7)])


def test_the_source_of_a_metric_is_the_one_that_would_be_believed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("{'eval_loss': 2.0}\n{'eval_loss': 1.5}\n***** eval metrics *****\n  eval_loss = 1.5\n")
    best = read_log(log).best("eval_loss")
    assert best is not None
    assert (best.source, best.metrics["eval_loss"].count) == ("python-dict", 2)
    watch = Watch(open_sources(Watched()), Target("eval_loss", at_most=1.6))
    for at, line in enumerate(log.read_text().splitlines()):
        watch.line(line, at)
    believed = watch.target()
    assert believed is not None
    assert (believed.source, believed.first_hit and believed.first_hit.at) == ("python-dict", 1)

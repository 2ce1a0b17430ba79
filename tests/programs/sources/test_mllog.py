"""MLPerf's lines on stdout."""

import json
from pathlib import Path

from bench.programs.progress import Watched
from bench.programs.sources.mllog import Mllog
from tests.support.progress_forms import JsonText, LineForm, Shown
from tests.support.source_questions import LineQuestions


class MllogForm(LineForm):
    def text(self, shown: Shown) -> str:
        total = "" if shown.total is None else f':::MLLOG {{"key": "max_steps", "value": {shown.total}}}\n'
        counts = {} if shown.step is None else {"step": shown.step}
        loss = JsonText.number(shown.loss)
        return (
            f'{total}:::MLLOG {{"key": "tracked_stats", "value": {{"loss": {loss}}}, "metadata": {json.dumps(counts)}}}'
        )

    def form(self, shown: Shown) -> bytes:
        counted = shown if shown.loss is None or shown.step is not None else shown._replace(step=0)
        return super().form(counted)


class TestMllog(LineQuestions):
    silent = (
        *LineQuestions.silent,
        ":::MLLOG",
        ":::MLLOG {",
        ":::MLLOG []",
        ':::MLLOG {"key": 3}',
        ':::MLLOG {"key": "seed", "value": 3}',
        ':::MLLOG {"key": "x", "value": 3, "metadata": 4}',
        ':::MLLOG {"key": "block_start", "value": null, "metadata": {"samples_count": 12288}}',
        ':::SYSJSON {"step": 3}',
    )

    def form(self, folder: Path) -> LineForm:
        return MllogForm(Mllog, folder)


def entry(key: str, value: object = None, **counts: int) -> str:
    return f"0: :::MLLOG {json.dumps({'key': key, 'value': value, 'time_ms': 5000, 'metadata': counts})}"


def test_phases_begin_with_their_keys_at_the_time_that_they_state() -> None:
    source = Mllog(Watched())
    keys = ("init_start", "init_stop", "run_start", "eval_start", "eval_stop", "run_stop")
    points = [source.line(entry(key), float("nan")) for key in keys]
    assert [(point.at, point.phase) for point in points if point] == [
        (5.0, phase) for phase in ("build", "train", "evaluate", "train", "idle")
    ]


def test_steps_of_a_warm_up_of_an_evaluation_and_of_a_block_are_none_of_training() -> None:
    source = Mllog(Watched())
    lines = [
        entry("init_start"),
        entry("tracked_stats", {"warmup_time": 40.0}, step=3),
        entry("run_start"),
        entry("block_start", samples_count=12288, step=0),
        entry("tracked_stats", {"loss": 7.0}, step=31, samples_count=512),
        entry("block_stop", samples_count=12288, step=64),
        entry("eval_start", samples_count=1024, step=64),
        entry("tracked_stats", {"validation_step_time": 0.1}, step=9, samples_count=144),
        entry("eval_accuracy", 3.5, samples_count=1024),
        entry("eval_stop", samples_count=1024, step=64),
    ]
    points = [point for point in (source.line(line, 1.0) for line in lines) if point]
    assert [point.step for point in points if point.step is not None] == [31, 64, 64]
    assert [point.metrics["eval_accuracy"] for point in points if "eval_accuracy" in point.metrics] == [3.5]


def test_samples_are_counted_where_steps_are_not_shown() -> None:
    source = Mllog(Watched())
    lines = [
        entry("global_batch_size", 8),
        entry("max_steps", 900),
        entry("train_loss", 2.0, samples_count=80),
        entry("tracked_stats", {"throughput": 2.5}, step=80),
        entry("eval_accuracy", 0.9, samples_count=160),
    ]
    points = [point for point in (source.line(line, 1.0) for line in lines) if point]
    assert [(point.step, point.total, point.unit) for point in points] == [
        (80, 7200, "sample"),
        (None, 7200, "sample"),
        (160, 7200, "sample"),
    ]

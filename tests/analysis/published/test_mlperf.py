"""MLPerf results, from a tree of logs to records: times, losses called accuracies, scores, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from analysis.published.mlperf.results import read_benchmark, read_results, target_of
from analysis.published.summary import mlperf_score, summary_lines
from bench.errors import RecordError, UsageError
from bench.record.documents import MetricTarget, PublishedRuns
from tests.support.published_trees import SYSTEM, mllog, mlperf_tree, result

LOSS = MetricTarget(metric="loss", at_least=None, at_most=0.925)


def only(root: Path) -> PublishedRuns:
    """The one result in a tree, which is read without an error."""
    (found,), errors = read_results(root)
    assert errors == []
    return found


def test_times_targets_and_systems(tmp_path: Path) -> None:
    mlperf_tree(tmp_path / "acme", [result(60.5, 0.99, 0.92), result(90, 0.95, 0.93, 0.924)])
    series = only(tmp_path)
    assert (series.label, series.machine, series.framework) == ("Acme: llama2_70b_lora", "8 x GPU-X", "PyTorch")
    assert (series.source, series.source_file) == ("MLPerf Training", "acme/results/1xMachine/llama2_70b_lora")
    assert (series.clock, str(series.measured_on), series.machines) == ("mlperf", "2025-10-09", None)
    assert series.target == LOSS
    assert [(run.seconds, run.value, run.seed, series.hit(run)) for run in series.runs] == [
        (60.5, 0.92, 3498, True),
        (90.0, 0.924, 3498, True),
    ]
    assert [run.phases for run in series.runs] == [
        {"build": 40, "evaluate": 4, "train": 56.5},
        {"build": 40, "evaluate": 6, "train": 84},
    ]


def test_a_loss_above_the_target_is_a_miss_though_it_is_called_an_accuracy(tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.93), result(60, 0.925)])
    series = only(tmp_path)
    assert [series.hit(run) for run in series.runs] == [False, True]


def test_the_target_that_a_log_states_goes_first(tmp_path: Path) -> None:
    lines = result(60, 0.91)
    mlperf_tree(tmp_path, [[*lines[:4], mllog(0, "target_accuracy", 0.9), *lines[4:]]])
    assert only(tmp_path).target == MetricTarget(metric="loss", at_least=None, at_most=0.9)


@pytest.mark.parametrize(
    ("minutes", "score"),
    [
        ([1, 2, 3, 6], 2.5),
        ([1, 2, 3, 6, None], 11 / 3),  # the one that did not converge is the slowest
        ([1, 2, 3, None, None], None),
        ([1, 2], None),
    ],
)
def test_the_score_is_the_mean_without_the_fastest_and_the_slowest(
    minutes: list[float | None], score: float | None, tmp_path: Path
) -> None:
    mlperf_tree(tmp_path, [result(None if m is None else 60 * m, 0.92) for m in minutes])
    found = mlperf_score(only(tmp_path))
    assert found == (None if score is None else pytest.approx(score))


def test_what_a_result_says_of_itself(tmp_path: Path) -> None:
    folder = mlperf_tree(tmp_path, [result(60, 0.92), result(120, 0.91), result(180, 0.9), result(None, 0.95)])
    (folder / "scaling.json").write_text('{"scaling_factor": 1.25}')
    assert summary_lines(only(tmp_path)) == [
        "4 runs as published, on an unknown number of machines; 1 of them failed or lack a time or a value, "
        "and count as misses; system: Available cloud",
        "mean 120.00 s, sd 49.0 s; mean loss 0.91000, sd 0.00816 (divisor n, as authors give them)",
        "minutes: 1.000 2.000 3.000 failed",
        "MLPerf's score: 2.500 minutes, the mean without the fastest and the slowest; times MLPerf's scaling "
        "factor of 1.2500: 3.125",
        "time: the mlperf clock, which counts prepare, train, evaluate, final_evaluate; left out (medians): build "
        "40.0 s; not reported: data, warmup",
        "price: unknown, and so is every cost; give bench import --instance or a price per hour",
    ]


def test_an_aborted_run_is_an_attempt_with_the_time_that_it_took(tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.92, status="aborted")])
    series = only(tmp_path)
    assert [(run.completed, run.seconds, series.hit(run)) for run in series.runs] == [(False, 60.0, False)]
    assert summary_lines(series)[1] == "aborted at loss 0.92000, excluded from means"


@pytest.mark.parametrize("status", ["aborted", "success"])
@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_run_that_diverged_is_a_miss_and_refuses_no_other(loss: float, status: str, tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.92), result(70, 0.93, loss, status=status)])
    series = only(tmp_path)
    assert [(run.completed, run.value, series.hit(run)) for run in series.runs] == [
        (True, 0.92, True),
        (False, None, False),
    ]


def test_what_follows_a_run_may_be_another_ranks_of_it_but_no_other_run(tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [[*result(60, 0.92), *result(60, 0.92)]])
    assert [run.seconds for run in only(tmp_path).runs] == [60]
    mlperf_tree(tmp_path, [[*result(60, 0.92), mllog(500, "run_start"), mllog(560, "run_stop", status="success")]])
    found, (error,) = read_results(tmp_path)
    assert found == []
    assert "result_0.txt: holds a second run" in str(error)


def test_a_folder_that_lies_in_no_tree_is_no_result() -> None:
    with pytest.raises(RecordError, match="cannot be read"):
        read_benchmark(Path("/nowhere"))


def test_runs_are_in_the_order_of_their_numbers_and_several_trees_are_read(tmp_path: Path) -> None:
    for name in ("one", "two"):
        mlperf_tree(tmp_path / name, [result(60 + number, 0.92) for number in range(11)])
    found, errors = read_results(tmp_path)
    assert errors == []
    assert [series.source_file.split("/")[0] for series in found] == ["one", "two"]
    assert [run.seconds for run in found[0].runs] == [60 + number for number in range(11)]


def test_several_nodes_are_one_machine_of_all_their_accelerators(tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.92)], system=SYSTEM | {"number_of_nodes": "4", "division": "open"})
    series = only(tmp_path)
    assert (series.nodes, series.machine, series.name) == (4, "32 x GPU-X", "llama2_70b_lora (open)")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["no line of it is MLLOG"], "result_1.txt: no :::MLLOG line with run_start"),
        (result(60), "no eval_accuracy"),
        ([*result(60, 0.92)[:5], mllog(90, "run_start"), mllog(60, "run_stop", status="success")], "eval_accuracy"),
        ([mllog(9, "run_start"), mllog(9, "eval_accuracy", "low")], "eval_accuracy is not a number: 'low'"),
        ([mllog(90, "run_start"), mllog(60, "run_stop", status="aborted")], "run_stop is before run_start"),
        ([':::MLLOG {"key": "run_start", "time_ms": null}'], "time_ms is not a number"),
        ([f':::MLLOG {{"key": "run_start", "time_ms": 1{"0" * 400}}}'], "time_ms is not a number"),
        ([f':::MLLOG {{"key": "run_start", "time_ms": 1{"0" * 30}}}'], "result_1.txt"),  # no calendar has that day
        (
            [
                *result(60, 0.92)[:6],
                mllog(50, "eval_accuracy", 90, metric="FID"),
                mllog(50, "eval_accuracy", 0.15, metric="CLIP"),
                mllog(60, "run_stop", status="success"),
            ],
            "eval_accuracy holds several metrics (CLIP, FID)",
        ),
    ],
)
def test_one_log_that_cannot_be_read_refuses_its_benchmark_and_no_other(
    lines: list[str], said: str, tmp_path: Path
) -> None:
    mlperf_tree(tmp_path / "bad", [result(60, 0.92), lines])
    mlperf_tree(tmp_path / "good", [result(60, 0.92)])
    found, (error,) = read_results(tmp_path)
    assert [series.source_file.split("/")[0] for series in found] == ["good"]
    assert str(error).startswith("bad/results/1xMachine/llama2_70b_lora: ")
    assert said in str(error)
    assert error.exit_code == 5


def of_target(value: float) -> list[str]:
    """A log that states its target."""
    lines = result(60, 0.91)
    return [*lines[:4], mllog(0, "target_accuracy", value), *lines[4:]]


@pytest.mark.parametrize(
    ("logs", "said"),
    [
        (
            [result(60, 0.92), result(60, 0.92, benchmark="llama31_8b")],
            "the logs are of more than one benchmark: llama2_70b_lora in result_0.txt, llama31_8b in result_1.txt",
        ),
        (
            [of_target(0.925), of_target(0.925), of_target(9.9)],
            "the logs are of more than one target: 0.925 in result_1.txt, 9.9 in result_2.txt",
        ),
    ],
)
def test_logs_of_unlike_runs_are_no_result(logs: list[list[str]], said: str, tmp_path: Path) -> None:
    mlperf_tree(tmp_path / "acme", logs)
    found, (error,) = read_results(tmp_path)
    assert found == []
    assert str(error) == f"acme/results/1xMachine/llama2_70b_lora: {said}; skipped"


def test_a_target_that_not_every_log_states_is_that_of_all(tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.91), of_target(0.9)])
    series = only(tmp_path)
    assert series.target.at_most == 0.9
    assert [series.hit(run) for run in series.runs] == [False, False]


def test_a_copy_of_a_log_is_no_run(tmp_path: Path) -> None:
    folder = mlperf_tree(tmp_path / "acme", [result(60, 0.92), result(61, 0.92)])
    (folder / "result_2.txt").write_bytes((folder / "result_0.txt").read_bytes())
    found, (error,) = read_results(tmp_path)
    assert found == []
    assert "result_2.txt is a copy of result_0.txt" in str(error)
    assert error.exit_code == 5


@pytest.mark.parametrize(
    ("system", "said"),
    [
        ({}, "division is missing"),
        (SYSTEM | {"submitter": None}, "submitter is missing"),
        (SYSTEM | {"accelerators_per_node": "many"}, "accelerators_per_node is not a count: 'many'"),
        (SYSTEM | {"number_of_nodes": "0"}, "number_of_nodes is not a count"),
        (SYSTEM | {"accelerator_model_name": ""}, "accelerator_model_name is missing"),
    ],
)
def test_a_system_that_is_not_described(system: dict[str, str], said: str, tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.92)], system=system)
    found, (error,) = read_results(tmp_path)
    assert found == []
    assert said in str(error)


@pytest.mark.parametrize("content", [None, "{", "[1]", '"text"'])
def test_a_description_that_is_no_json_object(content: str | None, tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.92)])
    file = tmp_path / "systems" / "1xMachine.json"
    file.unlink() if content is None else file.write_text(content)
    _, (error,) = read_results(tmp_path)
    assert "systems/1xMachine.json" in str(error)


def test_a_benchmark_that_is_not_known_wants_a_target(tmp_path: Path) -> None:
    mlperf_tree(tmp_path, [result(60, 0.92, benchmark="new_net")])
    found, (error,) = read_results(tmp_path)
    assert found == []
    assert "the target of new_net is not known" in str(error)
    (series,), errors = read_results(tmp_path, target=LOSS)
    assert errors == []
    assert series.target == LOSS


@pytest.mark.parametrize(
    ("benchmark", "metric", "at_least", "at_most"),
    [
        ("llama31_8b", "loss", None, 3.3),
        ("llama31_405b", "loss", None, 5.6),
        ("bert", "masked_lm_accuracy", 0.72, None),
        ("resnet", "accuracy", 0.759, None),
    ],
)
def test_what_benchmarks_are_held_to(
    benchmark: str, metric: str, at_least: float | None, at_most: float | None
) -> None:
    assert target_of(benchmark, None) == MetricTarget(metric=metric, at_least=at_least, at_most=at_most)


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_results(name: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=name):
        read_results(tmp_path / name)


def test_the_scaling_is_that_of_the_folder(tmp_path: Path) -> None:
    folder = mlperf_tree(tmp_path, [result(60, 0.92)])
    (folder / "scaling.json").write_text(json.dumps({"scaling_factor": 1.02}))
    assert only(tmp_path).scaling == 1.02
    (folder / "scaling.json").write_text(json.dumps({"scaling_factor": -1}))
    _, (error,) = read_results(tmp_path)
    assert "scaling" in str(error)

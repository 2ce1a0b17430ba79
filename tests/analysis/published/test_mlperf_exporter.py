"""Our runs as results of MLPerf, which its reader gives back as they were."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from analysis.published.mlperf.exporter import export_results, write_results
from analysis.published.mlperf.results import read_results
from bench.errors import StoreError
from bench.record.documents import AnyDocument, Device, MetricTarget, Phase, RecipeRef, policy_seconds
from tests.support import program_runs, small_store as a

AT_LEAST_94 = MetricTarget(metric="accuracy", at_least=0.94, at_most=None)


def written(folder: Path, *documents: AnyDocument) -> list[str]:
    results, _ = export_results(documents)
    return [path.relative_to(folder).as_posix() for path in write_results(results, "An Author", folder)]


def test_the_reader_of_mlperf_gives_back_times_values_and_outcomes(tmp_path: Path) -> None:
    failed = a.a_run(5, status="failed", reason="DIVERGED", message="nan", evaluations=())
    runs = [a.a_run(2, seconds=61.25), a.a_run(3, accuracy=0.93), a.a_run(4, seconds=58.5), failed]
    assert written(tmp_path, *runs, a.a_lease(1)) == [
        f"An-Author/results/1xTesla-V100-SXM2-16GB/myrtle/result_{number}.txt" for number in range(4)
    ]
    (series,), errors = read_results(tmp_path, target=AT_LEAST_94)
    assert not errors
    assert (series.label, series.author, series.hardware) == (
        "An Author: myrtle (open)",
        "An Author",
        "Tesla V100-SXM2-16GB",
    )
    assert [run.completed for run in series.runs] == [True, False, True, False]
    assert [run.value for run in series.runs] == [0.941, 0.93, 0.941, None]
    assert [run.seed for run in series.runs] == [run.seed for run in runs]
    for shown, run in zip(series.runs, runs, strict=True):
        told = policy_seconds(run, "mlperf")
        assert told is None or shown.seconds == pytest.approx(told, abs=0.002)
    assert series.runs[0].phases["build"] == pytest.approx(5.0)


def test_a_log_is_what_mlperf_writes(tmp_path: Path) -> None:
    (path,) = written(tmp_path, a.a_run(2, seconds=60.0))
    lines = (tmp_path / path).read_text().splitlines()
    assert {line.split(" ", 1)[0] for line in lines} == {":::MLLOG"}
    entries = [json.loads(line.split(" ", 1)[1]) for line in lines]
    noon = round(a.NOON.timestamp()) * 1000
    shown = [(entry["key"], entry["time_ms"] - noon, entry["event_type"]) for entry in entries]
    assert shown == [
        ("init_start", 0, "INTERVAL_START"),
        ("submission_benchmark", 0, "POINT_IN_TIME"),
        ("submission_division", 0, "POINT_IN_TIME"),
        ("submission_org", 0, "POINT_IN_TIME"),
        ("seed", 0, "POINT_IN_TIME"),
        ("target_accuracy", 0, "POINT_IN_TIME"),
        ("init_stop", 5000, "INTERVAL_END"),
        ("run_start", 5000, "INTERVAL_START"),
        ("epoch_start", 6000, "INTERVAL_START"),
        ("epoch_stop", 63000, "INTERVAL_END"),
        ("eval_start", 63000, "INTERVAL_START"),
        ("eval_stop", 65000, "INTERVAL_END"),
        ("eval_accuracy", 65000, "POINT_IN_TIME"),
        ("run_stop", 65000, "INTERVAL_END"),
    ]
    said = {entry["key"]: (entry["value"], entry["metadata"]) for entry in entries}
    assert said["eval_accuracy"] == (0.941, {"epoch_num": 24, "metric": "accuracy"})
    assert said["target_accuracy"] == (0.94, {})
    assert said["run_stop"] == (None, {"status": "success"})


def test_kinds_that_differ_in_precision_are_benchmarks_of_their_own(tmp_path: Path) -> None:
    single = Device(kind="cuda", name="Tesla V100-SXM2-16GB", precision="float32", path="graphs")
    places = written(tmp_path, a.a_run(2), a.a_run(3, device=single))
    assert [place.split("/")[3] for place in places] == ["myrtle", "myrtle-1"]


def test_a_system_is_described_by_all_that_ran_on_it(tmp_path: Path) -> None:
    of_hlb = a.a_run(3, recipe=RecipeRef(name="hlb", source_sha256="0" * 64))
    environments = [of_hlb.environment.model_copy(update={"torch": torch}) for torch in ("2.10.0", "2.11.0")]
    runs = zip((a.a_run(2), of_hlb), environments, strict=True)
    written(tmp_path, *(run.model_copy(update={"environment": environment}) for run, environment in runs))
    (path,) = tmp_path.glob("An-Author/systems/*.json")
    assert json.loads(path.read_text())["framework"] == "PyTorch 2.10.0, PyTorch 2.11.0"
    (first, second), errors = read_results(tmp_path, target=AT_LEAST_94)
    assert (first.name, second.name, errors) == ("hlb (open)", "myrtle (open)", [])


def test_what_the_clock_cannot_time_is_counted_and_left_out() -> None:
    loose = a.a_run(3)
    loose = loose.model_copy(
        update={"phases": tuple(p.model_copy(update={"synchronised": False}) for p in loose.phases)}
    )
    results, left_out = export_results([a.a_run(2), loose, program_runs.make_program_run()])
    assert (len(results), left_out) == (1, 2)
    assert [len(result.runs) for result in results] == [1]


def test_a_run_that_broke_off_while_the_device_was_at_work_is_a_miss(tmp_path: Path) -> None:
    broken = [
        a.a_broken_run(3, seed=3),
        a.a_broken_run(4, seed=4, status="interrupted", reason="USER", message=None),
    ]
    assert [run.valid for run in broken] == [False, False]
    _, left_out = export_results([a.a_run(2), *broken])
    assert left_out == 0
    written(tmp_path, a.a_run(2), *broken)
    (series,), _ = read_results(tmp_path, target=AT_LEAST_94)
    assert [(run.completed, run.seconds) for run in series.runs] == [(True, 60.0), (False, 10.0), (False, 10.0)]
    assert sum(map(series.hit, series.runs)) == 1


def test_a_program_ends_where_it_is_first_at_its_target_which_may_be_at_most(tmp_path: Path) -> None:
    phases = (
        Phase(name="build", start=0, stop=4),
        Phase(name="train", start=4, stop=19),
        Phase(name="evaluate", start=19, stop=20),
        Phase(name="train", start=20, stop=60),
    )
    run = program_runs.make_program_run(phases=phases)
    written(tmp_path, run)
    (series,), _ = read_results(tmp_path, target=program_runs.LOSS)
    (shown,) = series.runs
    assert (shown.completed, shown.seconds, shown.value) == (True, policy_seconds(run, "mlperf"), 3.25)
    assert shown.seconds == 16.0


def test_a_run_takes_as_long_in_its_log_as_in_its_record(tmp_path: Path) -> None:
    """Between phases, too, such as a recipe's weights compared before its final evaluation."""
    run = a.a_run(2, seconds=60.0)
    *before, last = run.phases
    later = last.model_copy(update={"start": last.start + 0.4, "stop": last.stop + 0.4})
    final = run.evaluations[-1].model_copy(update={"at": later.stop})
    run = run.model_copy(update={"phases": (*before, later), "evaluations": (final,)})
    written(tmp_path, run)
    (series,), _ = read_results(tmp_path, target=AT_LEAST_94)
    assert series.runs[0].seconds == 60.4
    assert policy_seconds(run, "mlperf") == pytest.approx(60.4)
    assert policy_seconds(run, "airbench") == pytest.approx(60)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    assert written(tmp_path, a.a_run(2)) == written(tmp_path, a.a_run(2))
    with pytest.raises(StoreError, match="is there already and differs"):
        written(tmp_path, a.a_run(3, seconds=70.0))

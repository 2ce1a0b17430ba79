"""A file of trials, from columns to a record: what is mapped, what is an attempt that failed, and what is refused."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from analysis.published.summary import left_out, summary_lines
from analysis.published.trials.importer import Given, read_trials
from analysis.published.trials.rows import MappedColumn, parse_map, read_rows
from bench.errors import RecordError, UsageError
from bench.record.documents import MetricTarget, PublishedRuns, from_bytes, to_bytes
from tests.support.published_trees import MAP, trial, trials_file

TARGET = MetricTarget(metric="accuracy", at_least=0.94, at_most=None)
GIVEN = Given(target=TARGET, counts="train, prepare", hardware="GPU-X")


def read(path: Path, *pairs: str, given: Given = GIVEN) -> PublishedRuns:
    """The trials in `path`, mapped as the support's file has them, and by `pairs` too."""
    return read_trials(path, [*MAP, *pairs], given)


def test_each_line_is_a_run(tmp_path: Path) -> None:
    file = trials_file(
        tmp_path / "fast.jsonl", [trial(7, 2.5, 0.941, "b"), trial(8, 2.25, 0.939, "a"), trial(9, 3, 0.94, "b")]
    )
    series = read(file)
    assert (series.name, series.source, series.source_file, series.author) == ("fast", "fast.jsonl", "fast.jsonl", None)
    assert (series.counts, series.clock, series.machines) == (("prepare", "train"), None, 2)
    assert [(run.seed, run.machine, run.seconds, run.value, series.hit(run)) for run in series.runs] == [
        (7, 0, 2.5, 0.941, True),
        (8, 1, 2.25, 0.939, False),
        (9, 0, 3.0, 0.94, True),
    ]
    assert {run.phases["final_evaluate"] for run in series.runs} == {0.5}


def test_names_of_hosts_are_in_no_record(tmp_path: Path) -> None:
    series = read(trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94, "secret-host")]))
    assert "secret-host" not in series.model_dump_json()


def test_csv_says_the_same(tmp_path: Path) -> None:
    (tmp_path / "fast.csv").write_bytes(
        b"\xef\xbb\xbfseed,time_s,graded,host,eval_s\r\n7, 2.5 ,0.941,b,0.5\r\n\r\n8,2.25,0.939,a,0.5\r\n"
    )
    lines = trials_file(tmp_path / "fast.jsonl", [trial(7, 2.5, 0.941, "b"), trial(8, 2.25, 0.939, "a")])
    assert read(tmp_path / "fast.csv").runs == read(lines).runs
    for separator in (b";", b"\t"):
        content = (tmp_path / "fast.csv").read_bytes()
        (tmp_path / "other.csv").write_bytes(content.replace(b",", separator))
        assert read(tmp_path / "other.csv").runs == read(lines).runs


def test_other_units_are_divided_and_what_lies_within_is_reached(tmp_path: Path) -> None:
    line = {"time": {"train": {"ms": 2500}}, "top1": 94.1, "eval/ms": 1}
    file = trials_file(tmp_path / "f.jsonl", [line])
    series = read_trials(file, ["seconds=time.train.ms/1000", "value=top1/100", "final_evaluate=eval/ms"], GIVEN)
    (run,) = series.runs
    assert (run.seconds, run.phases) == (2.5, {"final_evaluate": 1})
    assert run.value == pytest.approx(0.941)


def test_the_hardware_is_that_of_a_column(tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94), trial(1, 2, 0.94)])
    given = Given(target=TARGET, counts="train", accelerators=8)
    assert read(file, "hardware=gpu", given=given).machine == "8 x GPU-X"


@pytest.mark.parametrize("name", [None, "", " ", math.nan, "NaN", "N/A", "null"])
def test_a_machine_without_a_name_is_no_machine(name: Any, tmp_path: Path) -> None:
    trials = [trial(0, 2, 0.94, "a"), trial(1, 2, 0.94, name), trial(2, 2, 0.94, name), trial(3, 2, 0.94, "b")]
    series = read(trials_file(tmp_path / "f.jsonl", trials))
    assert [run.machine for run in series.runs] == [0, None, None, 1]
    assert series.machines is None


@pytest.mark.parametrize(("seconds", "accuracy"), [(None, 0.95), (2.0, None), (math.nan, 0.95), (2.0, math.nan)])
def test_a_run_without_a_time_or_a_value_is_an_attempt_that_failed(
    seconds: float | None, accuracy: float | None, tmp_path: Path
) -> None:
    series = read(trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94), trial(1, seconds, accuracy)]))
    assert [(run.completed, series.hit(run)) for run in series.runs] == [(True, True), (False, False)]


def test_a_target_that_is_better_low(tmp_path: Path) -> None:
    loss = MetricTarget(metric="val_loss", at_least=None, at_most=3.28)
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 3.27), trial(1, 2, 3.29)])
    series = read(file, given=Given(target=loss, counts="train", hardware="GPU-X"))
    assert [series.hit(run) for run in series.runs] == [True, False]


def test_what_trials_say_of_themselves(tmp_path: Path) -> None:
    trials = [trial(0, 2, 0.94), trial(1, 3, 0.95), trial(2, 6, 0.94, "b") | {"build": 12}]
    assert summary_lines(read(trials_file(tmp_path / "f.jsonl", trials), "build=build")) == [
        "3 runs as published, on 2 machines",
        "mean 3.6667 s, sd 1.70 s; sd of the means of 2 machines 1.75 s; mean accuracy 0.94333, sd 0.00471 "
        "(divisor n, as authors give them)",
        "time: its author's clock, which counts prepare, train; left out (medians): build 12.0 s (known for 1 run), "
        "final_evaluate 0.500 s; not reported: data, warmup, evaluate",
        "price: unknown, and so is every cost; give bench import --instance or a price per hour",
    ]


def test_what_is_left_out_is_what_is_told_of_every_run(tmp_path: Path) -> None:
    trials = [trial(0, 2, 0.94) | {"build": 9}, trial(1, 2, 0.94), trial(2, 2, 0.94)]
    file = trials_file(tmp_path / "f.jsonl", trials)
    assert left_out(read(file, "build=build")) == 0.5
    assert left_out(read_trials(file, ["seconds=time_s", "value=graded"], GIVEN)) is None
    assert left_out(read(file, given=Given(target=TARGET, counts="final_evaluate", hardware="GPU-X"))) is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "line 2 is not a JSON object"),
        ("[1, 2]", "line 2 is not a JSON object"),
        (json.dumps(trial(1, -0.5, 0.94)), "line 2: time_s is -0.5 s"),
        (json.dumps(trial(1, 0, 0.94)), "line 2: time_s is 0 s"),
        ('{"time_s": ' + '{"x": ' * 5000 + "0" + "}" * 5000 + "}", "line 2 is not a JSON object"),
        (
            json.dumps(trial(1, 2, 94.1)),
            "line 2: graded 94.1 is not a fraction of 1; for percentages write --map value=graded/100",
        ),
        (json.dumps(trial(1, 2, 0.94) | {"time_s": "fast"}), "line 2: time_s is not a number: 'fast'"),
        (json.dumps(trial(1, 2, 0.94) | {"time_s": True}), "line 2: time_s is not a number"),
        (json.dumps(trial(1, 2, 0.94) | {"time_s": math.inf}), "line 2: time_s is not a number"),
        (json.dumps(trial(1, 2, 0.94) | {"eval_s": -1}), "line 2: eval_s is -1 s"),
        (json.dumps(trial(1, 2, 0.94) | {"seed": 1.5}), "line 2: 1.5 is not a seed"),
        (json.dumps(trial(1, 2, 0.94) | {"seed": 1e300}), "line 2: seed"),
        (json.dumps(trial(1, 1e300, 0.94)), "line 2: seconds"),
        (json.dumps(trial(1, 2, 0.94) | {"eval_s": 1e300}), "line 2: "),
    ],
)
def test_one_line_that_cannot_be_right_refuses_the_file(line: str, said: str, tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94)])
    file.write_text(file.read_text() + line + "\n")
    with pytest.raises(RecordError) as refused:
        read(file)
    assert said in str(refused.value)


def test_phases_that_take_longer_than_the_run_are_mapped_wrong(tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94) | {"train": 2.5}])
    with pytest.raises(RecordError, match="run 1: the phases that are counted take longer"):
        read(file, "train=train")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("f.jsonl", b"", "holds no trials"),
        ("f.jsonl", b"\n \n", "holds no trials"),
        ("f.csv", b"", "holds no trials"),
        ("f.csv", b"time_s,graded\n", "holds no trials"),
        ("f.csv", b"time_s,graded\n1,2,3\n", "line 2 has 3 cells, the header 2"),
        ("f.csv", b"time_s,time_s\n1,2\n", "two columns 'time_s'"),
        ("f.csv", b'time_s\n"1\n', "not CSV"),
        ("f.jsonl", b"\xff\xfe", "not text in UTF-8"),
    ],
)
def test_a_file_that_is_none(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RecordError) as refused:
        read_rows(tmp_path / name)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([], "no column is mapped to seconds: --map seconds=COLUMN; the file has time_s, graded"),
        (["seconds=time_s"], "no column is mapped to value"),
        (["seconds=time"], "no column 'time'; did you mean time_s?"),
        (["seconds=time_s/0"], "'0' is not a valid divisor"),
        (["seconds=time_s/ms"], "'ms' is not a valid divisor"),
        (["seconds"], "is not FIELD=COLUMN"),
        (["second=time_s"], "no field 'second'; did you mean seconds?"),
        (["seconds=time_s", "seconds=graded"], "--map seconds is given twice"),
    ],
)
def test_a_map_that_does_not_fit_the_file(pairs: list[str], said: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_map(pairs, ["time_s", "graded"])
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"counts": "prepare,trian"}, "no phase 'trian'; did you mean train?"),
        ({"counts": ""}, "no phase ''"),
        ({"hardware": None}, "give either --hardware NAME or --map hardware=COLUMN"),
        ({"target": MetricTarget(metric="accuracy", at_least=94, at_most=None)}, "not a fraction of 1"),
    ],
)
def test_words_that_do_not_fit(changes: dict[str, Any], said: str, tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94)])
    words: dict[str, Any] = {"target": TARGET, "counts": "train", "hardware": "GPU-X"}
    with pytest.raises(UsageError) as refused:
        read(file, given=Given(**(words | changes)))
    assert said in str(refused.value)


def test_what_no_utf_8_can_hold_is_in_no_record(tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94) | {"gpu": "GPU\udcff-X\n"}])
    series = read(file, "hardware=gpu", given=Given(target=TARGET, counts="train", author="A\udcff"))
    assert (series.hardware, series.author) == ("GPU -X", "A")
    assert from_bytes(to_bytes(series), "here") == series


def test_two_kinds_of_hardware_are_two_results(tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(0, 2, 0.94), trial(1, 2, 0.94) | {"gpu": "GPU-Y"}])
    with pytest.raises(RecordError, match="not GPU-X, GPU-Y"):
        read(file, "hardware=gpu", given=Given(target=TARGET, counts="train"))


@given(st.floats(min_value=0, max_value=1e9), st.sampled_from([1, 100, 1000, 60]))
def test_a_number_is_the_same_in_json_and_in_text(number: float, divisor: int) -> None:
    column = MappedColumn("x", Decimal(divisor))
    assert column.number({"x": number}) == column.number({"x": repr(number)})
    assert column.number({"x": number}) == pytest.approx(number / divisor, rel=1e-15)


@pytest.mark.parametrize("written", ["{:.2f}", '"{:.2f}"'])
def test_per_cent_are_the_share_that_they_are_written_as(written: str, tmp_path: Path) -> None:
    """Each from 0.00 to 100.00 %; in binary, 94.02 / 100 lies below 0.9402, and the run would miss it."""
    file = tmp_path / "f.jsonl"
    lines = (f'{{"time_s": 2, "top1": {written.format(value / 100)}}}\n' for value in range(10_001))
    file.write_text("".join(lines))
    series = read_trials(file, ["seconds=time_s", "value=top1/100"], GIVEN)
    assert [run.value for run in series.runs] == [float(f"{value / 10_000:.4f}") for value in range(10_001)]


@pytest.mark.parametrize("seed", [2**53 + 1, 2**63 - 1])
def test_a_seed_keeps_its_digits(seed: int, tmp_path: Path) -> None:
    file = trials_file(tmp_path / "f.jsonl", [trial(seed, 2, 0.94)])
    (tmp_path / "f.csv").write_text(f"time_s,graded,seed,host,eval_s\n2,0.94,{seed},a,0.5\n")
    assert [read(path).runs[0].seed for path in (file, tmp_path / "f.csv")] == [seed, seed]


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=2)))
def test_any_value_is_a_number_missing_or_refused(value: Any) -> None:
    try:
        found = MappedColumn("x").number({"x": value})
    except ValueError:
        return
    assert found is None or math.isfinite(found)


@given(st.binary(max_size=60))
def test_any_bytes_are_rows_or_one_refusal(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for suffix in ("jsonl", "csv"):
        path = tmp_path_factory.getbasetemp() / f"any.{suffix}"
        path.write_bytes(content)
        with suppress(RecordError):
            assert read_rows(path)

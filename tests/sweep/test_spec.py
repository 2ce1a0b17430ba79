"""The sweep file: what it says, and every mistake named with its file, its line and what to do."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import jsonschema
import pytest
import yaml

from bench.errors import UsageError
from bench.sweep.spec import Sweep, load
from bench.text import duration

ROOT = Path(__file__).parents[2]
SMALL = {"name": "try", "recipes": ["quick"], "runs": 1, "machines": ["v100"]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with task files for v100 and a100, which nobody reads yet."""
    (tmp_path / "sky").mkdir()
    for name in ("v100", "a100"):
        (tmp_path / "sky" / f"{name}.yaml").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def load_text(text: str) -> Sweep:
    Path("sweep.yaml").write_text(text)
    return load("sweep.yaml")


def load_words(**changes: object) -> Sweep:
    return load_text(yaml.safe_dump({**SMALL, **changes}, sort_keys=False))


def test_all_that_a_file_can_say(here: Path) -> None:
    sweep = load_text("""
name: the-claim
recipes: [myrtle, airbench94-muon]
runs: 5
machines: [v100, a100]
clouds: [aws, gcp/us-central1]
pricing: [on-demand, spot]
store: s3://bucket/prefix
max_cost: 20.10
max_duration: 2h
envs: {BENCH_RUNTIME: venv, BENCH_GPUS: 8}
""")
    assert (sweep.name, sweep.recipes, sweep.runs) == ("the-claim", ("myrtle", "airbench94-muon"), 5)
    assert (sweep.store, sweep.max_cost, sweep.max_duration) == (
        "s3://bucket/prefix",
        Decimal("20.10"),
        timedelta(hours=2),
    )
    assert sweep.envs == {"BENCH_RUNTIME": "venv", "BENCH_GPUS": "8"}
    assert [cell.name for cell in sweep.cells()] == [
        "v100-aws",
        "v100-aws-spot",
        "v100-gcp-us-central1",
        "v100-gcp-us-central1-spot",
        "a100-aws",
        "a100-aws-spot",
        "a100-gcp-us-central1",
        "a100-gcp-us-central1-spot",
    ]
    assert sweep.cells()[1].cluster == "bench-the-claim-v100-aws-spot"


def test_what_is_left_out_is_on_demand_wherever_the_task_file_allows(here: Path) -> None:
    (cell,) = load_words().cells()
    assert (cell.name, cell.cloud, cell.spot, cell.task) == ("v100", None, False, Path("sky/v100.yaml"))


def test_a_machine_can_be_a_task_file_anywhere(here: Path) -> None:
    (here / "mine.yaml").touch()
    (here / "more").mkdir()
    (here / "more" / "Big_GPU.yaml").touch()
    sweep = load_words(machines=["mine.yaml", "more/Big_GPU.yaml", str(here / "sky" / "a100.yaml")])
    assert [cell.name for cell in sweep.cells()] == ["mine", "big-gpu", "a100"]


def test_a_machine_can_be_gpus_which_the_file_for_any_gpu_takes(here: Path) -> None:
    (here / "sky" / "gpu.yaml").touch()
    sweep = load_words(machines=["B300:1", "A100-80GB:8", "v100"])
    assert [cell.name for cell in sweep.cells()] == ["b300", "a100-80gbx8", "v100"]
    assert [str(cell.task) for cell in sweep.cells()] == ["sky/gpu.yaml", "sky/gpu.yaml", "sky/v100.yaml"]
    assert [str(cell.accelerators) for cell in sweep.cells()] == ["B300:1", "A100-80GB:8", "None"]


@pytest.mark.parametrize(
    ("changes", "place", "fact"),
    [
        ({"machine": ["v100"]}, ":7: machine:", "did you mean machines?"),
        ({"machines": ["v10"]}, ":6: machines[0]:", "sky/v10.yaml here; did you mean v100?"),
        ({"machines": ["h200"]}, ":6: machines[0]:", "sky/h200.yaml"),
        ({"machines": ["H100"]}, ":6: machines[0]:", "H100:1"),
        ({"machines": ["a100-80gb"]}, ":6: machines[0]:", "A100-80GB:1"),
        ({"envs": {"BENCH_DEADLINE": "tomorrow"}}, ":7: envs:", "BENCH_DEADLINE: 'tomorrow'"),
        ({"envs": {"BENCH_GPUS": "eight"}}, ":7: envs:", "BENCH_GPUS: 'eight'"),
        ({"machines": ["away/x.yaml"]}, ":6: machines[0]:", "folder away"),
        ({"machines": ["B300:1"]}, ":6: machines[0]:", "sky/gpu.yaml"),
        ({"machines": ["v100", "V100:1"]}, ":1:", "v100;"),
        ({"machines": ["V100:0"]}, ":6: machines[0]:", "sky/V100:0.yaml"),
        ({"machines": ["v100", "sky/v100.yaml"]}, ":1:", "v100;"),
        ({"clouds": ["aws", "aws"]}, ":1:", "v100-aws;"),
        ({"clouds": ["AWS"]}, ":8: clouds[0]:", "'AWS'"),
        ({"recipes": ["quick", "myrtl"]}, ":4: recipes[1]:", "did you mean myrtle?"),
        ({"recipes": ["quick", "quick"]}, ":1:", "`runs`"),
        ({"recipes": "quick"}, ":2: recipes:", "[one, two]"),
        ({"recipes": []}, ":2: recipes:", "`bench recipes`"),
        ({"runs": 0}, "runs:", "not 0"),
        ({"runs": True}, "runs:", "not True"),
        ({"name": "The Claim"}, ":1: name:", "'The Claim'"),
        ({"pricing": ["spot", "cheap"]}, "pricing[1]:", "'on-demand' or 'spot', not 'cheap'"),
        ({"store": "results/local"}, "store:", "s3://bucket/prefix"),
        ({"max_cost": 0}, "max_cost:", "not 0"),
        ({"max_cost": "20 USD"}, "max_cost:", "not '20 USD'"),
        ({"max_duration": 90}, "max_duration:", "90s, 45m, 2h, 1d"),
        ({"envs": {"BENCH_RUNS": 3}}, "envs.BENCH_RUNS:", "`runs`"),
        ({"envs": {"AWS_SECRET_ACCESS_KEY": "x"}}, "envs.AWS_SECRET_ACCESS_KEY:", "shell"),
        ({"envs": {"A B": "x"}}, ":8: envs.A B:", "'A B'"),
        ({"envs": {"X": True}}, "envs.X:", "not True"),
    ],
    ids=str,
)
def test_a_mistake_is_named_with_its_line_and_what_to_do(
    here: Path, changes: dict[str, object], place: str, fact: str
) -> None:
    with pytest.raises(UsageError) as raised:
        load_words(**changes)
    message = str(raised.value)
    assert message.startswith("sweep.yaml:")
    assert place in message
    assert fact in message
    assert "\n" not in message


@pytest.mark.parametrize("key", SMALL)
def test_what_must_be_there(here: Path, key: str) -> None:
    with pytest.raises(UsageError, match=rf"^sweep.yaml:1: {key}: "):
        load_text(yaml.safe_dump({name: value for name, value in SMALL.items() if name != key}))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("name: [", "sweep.yaml:1: "),
        ("name: \x07", "sweep.yaml: "),
        ("- v100", "sweep.yaml: "),
        ("", "sweep.yaml: "),
        ("runs: 1\nname: a\nruns: 2\n", "sweep.yaml:3: runs "),
        ("name: x\nrecipes: [quick]\nruns: 1\nmachines: [v100]\n7: x\n", "sweep.yaml:5: [7]: "),
        ("runs: 2026-13-45\n", "sweep.yaml: "),
    ],
)
def test_what_is_no_file_of_keys(here: Path, text: str, place: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_text(text)
    assert str(raised.value).startswith(place)


def test_a_file_that_cannot_be_read(here: Path) -> None:
    Path("bytes.yaml").write_bytes(b"\xff\xfe\x00")
    for path, why in (("none.yaml", "No such file"), ("sky", "Is a directory"), ("bytes.yaml", "UTF-8")):
        with pytest.raises(UsageError, match=f"^{path}: .*{why}"):
            load(path)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("45m", 2700), ("2h", 7200), ("1d", 86400)],
)
def test_a_length_of_time(text: str, seconds: int) -> None:
    assert duration(text).total_seconds() == seconds


@pytest.mark.parametrize("text", ["", "2", "0h", "-1h", "1.5h", "2 h", "2H", "1h30m", "1:30", "٢h", "9" * 30 + "d", 2])
def test_no_length_of_time(text: object) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(text))):
        duration(text)


def test_the_example_is_a_sweep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here beside task files of this repository."""
    monkeypatch.chdir(ROOT)
    examples = sorted((ROOT / "docs" / "examples").glob("*.yaml"))
    assert examples
    for example in examples:
        sweep = load(example)
        assert sweep.cells()
        jsonschema.validate(yaml.safe_load(example.read_text()), Sweep.model_json_schema())


def test_the_exported_schema_is_up_to_date() -> None:
    """Mend it with `bench schema sweep > docs/schema/sweep.json`."""
    assert json.loads((ROOT / "docs" / "schema" / "sweep.json").read_text()) == Sweep.model_json_schema()


def test_an_editor_with_the_schema_sees_a_mistake() -> None:
    schema = Sweep.model_json_schema()
    jsonschema.validate(SMALL | {"max_cost": 20.5, "max_duration": "2h", "envs": {"BENCH_GPUS": "8"}}, schema)
    for mistake in ({"recipes": ["myrtl"]}, {"max_duration": "2 hours"}, {"machine": "v100"}, {"max_cost": 0}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(SMALL | mistake, schema)


@pytest.mark.parametrize("machine", ["é" * 300, "9" * 400, f"{'x' * 300}/y", "a/\0.yaml"])
def test_a_machine_whose_name_no_file_can_have_has_no_task_file(here: Path, machine: str) -> None:
    with pytest.raises(UsageError, match=r"sweep\.yaml:\d: machines\[0\]"):
        load_words(machines=[machine])

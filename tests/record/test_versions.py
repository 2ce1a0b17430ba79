"""Records of earlier versions are read for ever, and keep their bytes."""

import json
from pathlib import Path

import jsonschema
import pytest

from bench.record.documents import Run, from_bytes, policy_seconds, to_bytes
from tests.support.builders import make_run
from tests.support.program_runs import make_program_run

ROOT = Path(__file__).parents[2]
VERSION_1 = json.loads((ROOT / "docs" / "schema" / "record-1.json").read_text())
OLD = sorted((ROOT / "results" / "v1" / "runs").rglob("*.json"))[:20]


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.stem)
def test_a_run_of_version_1_is_read(path: Path) -> None:
    run = from_bytes(path.read_bytes(), path.name)
    assert isinstance(run, Run)
    content = json.loads(path.read_bytes())
    assert content["schema_version"] == run.schema_version == 1
    assert [each.metrics["accuracy"] for each in run.evaluations] == [
        each["accuracy"] for each in content["evaluations"]
    ]


def test_a_run_of_version_1_keeps_its_shape_and_its_bytes() -> None:
    raw = to_bytes(make_run(schema_version=1))
    jsonschema.Draft202012Validator(VERSION_1).validate(json.loads(raw))
    assert b'"accuracy":0.948' in raw
    assert b'"metrics"' not in raw
    assert to_bytes(from_bytes(raw, "x.json")) == raw


def test_a_run_of_today_is_of_version_3() -> None:
    raw = to_bytes(make_run())
    assert json.loads(raw)["schema_version"] == 3
    assert json.loads(raw)["evaluations"][0]["metrics"] == {"accuracy": 0.9}


def test_both_versions_have_the_same_times() -> None:
    old, new = (make_run(schema_version=version) for version in (1, 3))
    assert policy_seconds(old, "mlperf") == policy_seconds(new, "mlperf")


def test_a_program_is_of_today_too() -> None:
    assert json.loads(to_bytes(make_program_run()))["schema_version"] == 3


def test_a_run_of_version_2_has_no_machine_and_keeps_its_bytes() -> None:
    raw = to_bytes(make_run(schema_version=2))
    assert not {"machine", "peak_memory"} & json.loads(raw).keys()
    again = from_bytes(raw, "x.json")
    assert to_bytes(again) == raw
    assert isinstance(again, Run)
    assert (again.machine, again.peak_memory) == (None, None)

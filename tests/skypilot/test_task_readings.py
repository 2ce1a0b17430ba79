"""Our reading of task files beside SkyPilot's own parser: the same machines, in the same order, as long idle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.errors import UsageError
from bench.record.documents import Accelerators
from bench.sweep import skypilot_parser, task_file
from bench.sweep.yaml_file import YamlFile, read
from tests.skypilot import loopback

pytestmark = loopback.WANTED

RESOURCES: list[dict[str, Any]] = [
    {"accelerators": "V100"},
    {"accelerators": "V100:8"},
    {"gpus": "V100:8"},
    {"accelerators": {"A100:1": None, "V100:1": None}},
    {"accelerators": {"A100": 1, "V100": 2}},
    {"accelerators": ["V100:1", "T4:1"]},
    {"ordered": [{"infra": "aws", "gpus": "V100:1"}, {"infra": "gcp/us-central1", "accelerators": "T4:1"}]},
    {"max_hourly_cost": 4, "any_of": [{"infra": "aws", "gpus": "V100"}, {"infra": "gcp", "gpus": "L4"}]},
    {"accelerators": ["V100:1"], "infra": "aws/us-east-1/us-east-1a"},
    *(
        {"accelerators": "V100", "autostop": autostop}
        for autostop in (10, "10", "30m", "10h", "1d", "1w", False, True, 0)
    ),
    *({"accelerators": "V100", "autostop": {"down": True, **idle}} for idle in ({"idle_minutes": 7}, {})),
    {"accelerators": "V100", "disk_size": "1TB"},
    {"accelerators": "V100", "cpus": "32+"},
    {"accelerators": "V100", "cpus": 8, "memory": "4x"},
    {"accelerators": {"T4": 1.0}},
]


@pytest.fixture(scope="module", autouse=True)
def _all_at_once() -> None:
    skypilot_parser.parse(RESOURCES)


def write(folder: Path, resources: dict[str, Any]) -> YamlFile:
    path = folder / "m.yaml"
    path.write_text(yaml.safe_dump({"resources": resources}, sort_keys=False))
    return read(path)


@pytest.mark.parametrize("resources", RESOURCES, ids=str)
def test_both_read_the_same(tmp_path: Path, resources: dict[str, Any]) -> None:
    assert skypilot_parser.parsed(resources) is not None
    file = write(tmp_path, resources)
    theirs, ours = task_file._read_resources(file, None), task_file._read_plainly(file, None)
    assert len(theirs.requests) == 1 or ours.ordered == theirs.ordered
    if theirs.ordered:
        assert ours.requests == theirs.requests
    assert set(ours.requests) == set(theirs.requests)
    assert (ours.idle_s, ours.disk_gb) == (theirs.idle_s, theirs.disk_gb)


def test_gpus_that_a_sweep_gives_take_the_place_of_those_of_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, {"gpus": "T4", "any_of": [{"infra": "aws", "gpus": "V100"}, {"infra": "gcp"}]})
    given = Accelerators(name="L4", count=1)
    theirs, ours = task_file._read_resources(file, given), task_file._read_plainly(file, given)
    assert set(theirs.requests) == set(ours.requests)
    assert {each.gpu for each in theirs.requests} == {"L4"}


@pytest.mark.parametrize("resources", [{"acelerators": "V100"}, {"accelerators": "V100", "autostop": "soon"}], ids=str)
def test_what_skypilot_refuses_is_refused_with_its_words(tmp_path: Path, resources: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="SkyPilot refuses them"):
        task_file._read_resources(write(tmp_path, resources), None)

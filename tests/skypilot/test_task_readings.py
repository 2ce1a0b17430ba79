"""Our reading of task files beside SkyPilot's own parser: the same machines, in the same order, as long idle."""

from __future__ import annotations

import copy
import importlib
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.sweep.spec import Cell
from bench.sweep.task_file import ResourceRequest, task_of
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
]


@pytest.mark.parametrize("resources", RESOURCES, ids=str)
def test_both_read_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resources: dict[str, Any]) -> None:
    sky: Any = importlib.import_module("sky")  # of an environment of its own

    monkeypatch.chdir(tmp_path)
    (tmp_path / "sky").mkdir()
    (tmp_path / "sky" / "m.yaml").write_text(yaml.safe_dump({"resources": resources}, sort_keys=False))
    ours = task_of(Cell("s", "m"), {}, ("quick",))
    theirs = sky.Task.from_yaml_config({"resources": copy.deepcopy(resources), "run": "true"}).resources
    assert len(theirs) == 1 or ours.ordered == isinstance(theirs, list)
    read = [_request(each) for each in theirs]
    assert list(ours.requests) == read if isinstance(theirs, list) else set(ours.requests) == set(read)
    stops = [each.autostop_config for each in theirs]
    # A launch takes 1 minute for 0.
    assert ours.idle_s == 60 * max(max(1, stop.idle_minutes) if stop and stop.enabled else 0 for stop in stops)
    if "disk_size" in resources:
        assert [ours.disk_gb] == [each.disk_size for each in theirs]


def _request(resources: Any) -> ResourceRequest:
    ((gpu, gpus),) = resources.accelerators.items()
    cloud = str(resources.cloud).lower() if resources.cloud else None
    cap = None if resources.max_hourly_cost is None else Decimal(str(resources.max_hourly_cost))
    return ResourceRequest(gpu, int(gpus), cloud, resources.region, resources.instance_type, cap)

"""What a task file asks for, in all the ways in which one can be written."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from bench.errors import UsageError
from bench.sweep.spec import Cell
from bench.sweep.task_file import ResourceRequest, task_of

WriteTask = Callable[..., Path]
ROOT = Path(__file__).parents[2]


def requests(cloud: str | None = None) -> tuple[ResourceRequest, ...]:
    return task_of(Cell("s", "m", cloud), {}, ("quick",)).requests


@pytest.mark.parametrize(
    ("said", "machines"),
    [
        ("V100:8", [("V100", 8)]),
        ("V100", [("V100", 1)]),
        ({"V100": 4}, [("V100", 4)]),
        ({"V100": None}, [("V100", 1)]),
        ({"T4": 1.0}, [("T4", 1)]),
        ("T4:4.0", [("T4", 4)]),
        ("T4:0.5", [("T4", 1)]),
        ({"T4": 0.5}, [("T4", 1)]),
        # A set has no order, and a test needs one name.
        pytest.param({"V100", "A100:8"}, [("A100", 8), ("V100", 1)], id="a set"),
        (["V100:1", "A100:8"], [("V100", 1), ("A100", 8)]),
        ({"A100:8": None, "V100:1": None}, [("A100", 8), ("V100", 1)]),
        (None, [(None, 0)]),
    ],
    ids=str,
)
def test_accelerators_in_all_their_forms(task: WriteTask, said: object, machines: list[tuple[str | None, int]]) -> None:
    for name in ("accelerators", "gpus"):
        task("m", {name: said})
        assert [(machine.gpu, machine.gpus) for machine in requests()] == machines


@pytest.mark.parametrize("choices", [[], [{"infra": "aws", "accelerators": "V100:1"}, {"infra": "gcp"}]])
def test_gpus_that_the_sweep_names_outrank_those_of_the_file(task: WriteTask, choices: list[dict[str, str]]) -> None:
    task("gpu", {"accelerators": "L4:1", **({"any_of": choices} if choices else {})})
    found = task_of(Cell("s", "B300:8"), {}, ("quick",)).requests
    assert {(machine.gpu, machine.gpus) for machine in found} == {("B300", 8)}
    assert [machine.provider for machine in found] == ([choice["infra"] for choice in choices] if choices else [None])


@pytest.mark.parametrize("key", ["any_of", "ordered"])
def test_each_choice_takes_over_what_stands_above_it(task: WriteTask, key: str) -> None:
    choices = [
        {"infra": "aws/us-east-1/us-east-1a"},
        {"infra": "lambda", "accelerators": "A100:1", "max_hourly_cost": 2},
    ]
    task("m", {"accelerators": "V100:1", "max_hourly_cost": 4.5, key: choices})
    assert requests() == (
        ResourceRequest("V100", 1, "aws", "us-east-1", None, Decimal("4.5")),
        ResourceRequest("A100", 1, "lambda", None, None, Decimal(2)),
    )


def test_the_older_words_for_a_place_and_an_instance(task: WriteTask) -> None:
    task("m", {"cloud": "AWS", "region": "us-east-1", "instance_type": "p3.2xlarge"})
    assert requests() == (ResourceRequest(None, 0, "aws", "us-east-1", "p3.2xlarge"),)


@pytest.mark.parametrize(
    ("words", "provider", "region"),
    [
        ({"zone": "us-east-1a"}, None, "us-east-1"),
        ({"infra": "aws/*/us-gov-west-1b"}, "aws", "us-gov-west-1"),
        ({"infra": "gcp/*/us-central1-a"}, "gcp", "us-central1"),
        ({"cloud": "gcp", "zone": "northamerica-northeast1-c"}, "gcp", "northamerica-northeast1"),
        ({"infra": "aws/us-west-2/us-east-1a"}, "aws", "us-west-2"),  # SkyPilot refuses it
        ({"infra": "azure/*/1"}, "azure", None),
        ({"infra": "*/*/AD-1"}, None, None),
    ],
)
def test_a_zone_alone_tells_its_region(
    task: WriteTask, words: dict[str, object], provider: str | None, region: str | None
) -> None:
    task("m", {"accelerators": "V100:1", **words})
    assert requests() == (ResourceRequest("V100", 1, provider, region),)


def test_a_cell_s_cloud_leaves_what_it_offers(task: WriteTask) -> None:
    task("m", {"accelerators": "V100:1", "any_of": [{"infra": "aws"}, {"infra": "gcp/us-central1"}, {}]})
    assert [(m.provider, m.region) for m in requests("gcp")] == [("gcp", "us-central1"), ("gcp", None)]
    assert [(m.provider, m.region) for m in requests("aws/eu-west-1")] == [("aws", "eu-west-1"), ("aws", "eu-west-1")]


def test_a_cloud_that_the_file_does_not_name_is_a_mistake(task: WriteTask) -> None:
    task("m", {"accelerators": "V100:1", "any_of": [{"infra": "aws/us-east-1"}, {"infra": "gcp"}]})
    for cloud in ("lambda", "aws/eu-west-1"):
        with pytest.raises(UsageError, match=rf"^sky/m\.yaml:1: resources: .*{cloud}.*aws/us-east-1, gcp$"):
            requests(cloud)


def test_disk_and_idle_time(task: WriteTask) -> None:
    task("m", {"disk_size": 100, "autostop": {"idle_minutes": 5, "down": True}})
    found = task_of(Cell("s", "m"), {}, ("quick",))
    assert (found.disk_gb, found.idle_s) == (Decimal(100), 300)
    task("m", {"autostop": 10})
    found = task_of(Cell("s", "m"), {}, ("quick",))
    assert (found.disk_gb, found.idle_s) == (None, 600)


@pytest.mark.parametrize(
    ("said", "minutes"),
    [
        (10, 10),
        ("10", 10),
        ("30m", 30),
        ("10h", 600),
        ("1.5H", 90),
        ("1d", 1440),
        ("1w", 10080),
        (True, 1),
        (0, 1),
        (False, 0),
        (None, 0),
        ({"idle_minutes": 7}, 7),
        ({"down": True}, 1),
    ],
    ids=str,
)
def test_autostop_in_all_its_forms(task: WriteTask, said: object, minutes: int) -> None:
    task("m", {"accelerators": "V100", "autostop": said})
    assert task_of(Cell("s", "m"), {}, ("quick",)).idle_s == 60 * minutes


def test_the_longest_idle_time_and_the_largest_disk_of_the_choices_count(task: WriteTask) -> None:
    task("m", {"autostop": 5, "any_of": [{"disk_size": "100GB"}, {"autostop": "1h", "disk_size": "1TB"}]})
    found = task_of(Cell("s", "m"), {}, ("quick",))
    assert found.idle_s == 3600
    assert found.disk_gb == 1024


def test_gpus_at_once_are_those_of_the_sweep_or_else_of_the_file(task: WriteTask) -> None:
    task("m", {"accelerators": "V100:8"}, envs={"BENCH_GPUS": 8})
    assert task_of(Cell("s", "m"), {}, ("fastai-wrn",)).ranks == 8
    assert task_of(Cell("s", "m"), {"BENCH_GPUS": "4"}, ("fastai-wrn",)).ranks == 4
    task("m", {"accelerators": "V100:8"}, envs={"BENCH_GPUS": None})
    assert task_of(Cell("s", "m"), {}, ("myrtle",)).ranks == 1


@pytest.mark.parametrize(
    ("resources", "more", "recipes", "place", "fact"),
    [
        ({"accelerators": "V100:half"}, {}, ("quick",), "resources", "accelerators"),
        ({"accelerators": "V100", "max_hourly_cost": "cheap"}, {}, ("quick",), "resources", "max_hourly_cost"),
        ({"accelerators": "V100", "max_hourly_cost": "nan"}, {}, ("quick",), "resources", "max_hourly_cost"),
        ({"gpus": "V100", "accelerators": "V100"}, {}, ("quick",), "resources", "gpus"),
        ({"autostop": "soon"}, {}, ("quick",), "resources", "autostop"),
        ({"autostop": 10**400}, {}, ("quick",), "resources", "autostop"),
        ({"any_of": "aws"}, {}, ("quick",), "resources.any_of", "list"),
        ({"any_of": [{}], "ordered": [{}]}, {}, ("quick",), "resources.ordered", "any_of"),
        ({"infra": "aws", "cloud": "gcp"}, {}, ("quick",), "resources", "infra"),
        ({"infra": "aws", "any_of": [{"region": "us-east-1"}]}, {}, ("quick",), "resources", "region"),
        ({"accelerators": "V100:1.5"}, {}, ("quick",), "resources", "accelerators"),
        ({"accelerators": "V100:0.0"}, {}, ("quick",), "resources", "accelerators"),
        ({"accelerators": True}, {}, ("quick",), "resources", "accelerators"),
        ({"accelerators": [8]}, {}, ("quick",), "resources", "accelerators"),
        ({}, {"num_nodes": 0}, (), "num_nodes", "0 is not a number of machines"),
        ({"any_of": ["aws"]}, {}, ("quick",), "resources.any_of", "list"),
        (["V100"], {}, ("quick",), "resources", "mapping"),
        ({}, {"envs": "A=1"}, ("quick",), "envs", "mapping"),
        ({}, {"num_nodes": 2}, ("quick",), "num_nodes", "one machine"),
        ({}, {"envs": {"BENCH_GPUS": "all"}}, ("fastai-wrn",), "envs.BENCH_GPUS", "'all'"),
        ({"accelerators": "V100:8"}, {"envs": {"BENCH_GPUS": 8}}, ("myrtle",), "envs.BENCH_GPUS", "myrtle"),
        ({"accelerators": "V100:4"}, {"envs": {"BENCH_GPUS": 8}}, ("fastai-wrn",), "envs.BENCH_GPUS", "4"),
    ],
    ids=str,
)
def test_what_cannot_be_planned_is_named_with_its_place(
    task: WriteTask, resources: object, more: dict[str, object], recipes: tuple[str, ...], place: str, fact: str
) -> None:
    task("m", resources, **more)
    with pytest.raises(UsageError, match=rf"^sky/m\.yaml:\d+: {re.escape(place)}: ") as raised:
        task_of(Cell("s", "m"), {}, recipes)
    assert fact in str(raised.value).rpartition(f" {place}: ")[2]


@pytest.mark.parametrize("path", sorted((ROOT / "sky").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_task_file_of_the_repository_can_be_planned(path: Path) -> None:
    recipe = "fastai-wrn" if path.stem == "v100x8" else "myrtle"
    found = task_of(Cell("s", str(path)), {}, (recipe,))
    assert found.requests
    assert found.idle_s == 300
    if path.stem != "gpu":  # any GPU on any cloud: no price fits all
        assert all(machine.provider and machine.at_most for machine in found.requests)

"""A task file with what a cell sets in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.errors import UsageError
from bench.sweep.provisioning.jobs import run_config, setup_config, task_config
from bench.sweep.provisioning.provisioner import LaunchRequest

_FILE = """\
name: bench-v100
workdir: .
resources:
  any_of:
    - {infra: aws, accelerators: V100:1}
    - {infra: aws/us-west-2, accelerators: V100:1, use_spot: true}
    - {infra: gcp, accelerators: V100:1}
    - {accelerators: V100:1, disk_size: 200}
  disk_size: 100
  labels: {bench-lease: by-hand, team: ours}
envs: {BENCH_RUNS: 5, BENCH_STORE: ""}
secrets: {AWS_ACCESS_KEY_ID: ""}
setup: bash sky/setup.sh
run: bash sky/run.sh
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "v100.yaml"
    path.write_text(_FILE)
    return path


def _config(file: Path, cloud: str | None = None, *, spot: bool = False, **more: Any) -> dict[str, Any]:
    return task_config(LaunchRequest("bench-x-v100", file, cloud, spot, "the-id", {"BENCH_RUNS": "2"}, **more))


def test_what_the_cell_says_outranks_the_file(file: Path) -> None:
    config = _config(file, secrets={"AWS_ACCESS_KEY_ID": "x"})
    assert config["name"] == "bench-x-v100"
    assert config["envs"] == {"BENCH_RUNS": "2", "BENCH_STORE": ""}
    assert config["secrets"] == {"AWS_ACCESS_KEY_ID": "x"}
    assert config["resources"]["labels"] == {"bench-lease": "the-id", "team": "ours"}
    assert config["resources"]["disk_size"] == 100
    assert config["workdir"] == "."


def test_gpus_that_the_sweep_names_outrank_those_of_the_file(file: Path) -> None:
    resources = _config(file, accelerators="B300:1")["resources"]
    assert resources["accelerators"] == "B300:1"
    assert resources["any_of"]
    assert not any("accelerators" in choice for choice in resources["any_of"])


@pytest.mark.parametrize("spot", [False, True])
def test_the_pricing_is_the_cells(file: Path, spot: bool) -> None:
    resources = _config(file, spot=spot)["resources"]
    assert resources["use_spot"] is spot
    assert not any("use_spot" in choice for choice in resources["any_of"])


@pytest.mark.parametrize(
    ("cloud", "places"),
    [
        (None, ["aws", "aws/us-west-2", "gcp", None]),
        ("aws", ["aws", "aws/us-west-2", "aws"]),
        ("aws/us-west-2", ["aws/us-west-2", "aws/us-west-2", "aws/us-west-2"]),
        ("aws/eu-central-1", ["aws/eu-central-1", "aws/eu-central-1"]),
        ("slurm/ci", ["slurm/ci"]),
    ],
)
def test_only_the_cells_cloud_is_asked(file: Path, cloud: str | None, places: list[str | None]) -> None:
    assert [choice.get("infra") for choice in _config(file, cloud)["resources"]["any_of"]] == places


def test_a_file_without_choices_is_put_on_the_cloud(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("resources: {cloud: gcp, region: us-east1, accelerators: L4:1}\nrun: x\n")
    assert _config(file, "aws")["resources"] == {
        "accelerators": "L4:1",
        "infra": "aws",
        "use_spot": False,
        "labels": {"bench-lease": "the-id"},
    }


def test_a_region_in_the_older_words_is_kept_on_its_own_cloud(tmp_path: Path) -> None:
    """The plan prices that region, so the machine has to be rented there."""
    file = tmp_path / "one.yaml"
    file.write_text("resources: {cloud: gcp, region: us-east1, accelerators: L4:1}\nrun: x\n")
    assert _config(file, "gcp")["resources"]["infra"] == "gcp/us-east1"


def test_a_choice_without_a_place_keeps_the_region_above_it(tmp_path: Path) -> None:
    file = tmp_path / "one.yaml"
    file.write_text("resources: {infra: aws/us-west-2, any_of: [{accelerators: V100:1}, {infra: gcp}]}\nrun: x\n")
    assert [choice["infra"] for choice in _config(file, "aws")["resources"]["any_of"]] == ["aws/us-west-2"]


PLACES = {
    "a region alone": ("{region: us-west-2}", "aws", "aws/us-west-2"),
    "a region of any cloud": ('{infra: "*/us-east-1"}', "aws", "aws/us-east-1"),
    "a zone": ("{infra: aws/us-east-1/us-east-1a}", "aws/us-east-1", "aws/us-east-1/us-east-1a"),
    "a zone of any region": ("{cloud: aws, zone: us-east-1a}", "aws", "aws/*/us-east-1a"),
    "capital letters": ("{infra: AWS/us-west-2}", "aws", "aws/us-west-2"),
    "another cloud": ("{infra: gcp/us-east1}", "aws", "aws"),
    "a cluster by its short name": ("{infra: k8s/my-context}", "kubernetes", "kubernetes/my-context"),
    "a cluster by its long name": ("{infra: kubernetes}", "k8s", "k8s"),
}


@pytest.mark.parametrize(("said", "cloud", "infra"), PLACES.values(), ids=PLACES)
def test_what_the_file_says_beyond_the_sweep_is_kept(tmp_path: Path, said: str, cloud: str, infra: str) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(f"resources: {said}\nrun: x\n")
    resources = _config(file, cloud)["resources"]
    assert (resources["infra"], {"cloud", "region", "zone"} & set(resources)) == (infra, set())


@pytest.mark.parametrize("key", ["any_of", "ordered"])
def test_the_regions_of_choices_are_kept(tmp_path: Path, key: str) -> None:
    file = tmp_path / "one.yaml"
    choices = '[{region: us-west-2}, {infra: "*/eu-west-1"}, {infra: gcp}]'
    file.write_text(f"resources: {{accelerators: V100:1, {key}: {choices}}}\nrun: x\n")
    assert [choice["infra"] for choice in _config(file, "aws")["resources"][key]] == ["aws/us-west-2", "aws/eu-west-1"]
    file.write_text(f"resources: {{{key}: [{{infra: k8s}}, {{infra: aws}}]}}\nrun: x\n")
    assert [choice["infra"] for choice in _config(file, "kubernetes")["resources"][key]] == ["kubernetes"]


@pytest.mark.parametrize("key", ["any_of", "ordered"])
def test_the_lease_is_on_the_machine_whatever_labels_a_choice_has(tmp_path: Path, key: str) -> None:
    file = tmp_path / "one.yaml"
    choices = "[{infra: aws, labels: {bench-lease: by-hand, team: ours}}, {infra: gcp, labels: }, {infra: oci}]"
    file.write_text(f"resources: {{accelerators: V100:1, {key}: {choices}}}\nrun: x\n")
    resources = _config(file, labels={"bench-sweep": "x"})["resources"]
    ours = {"bench-lease": "the-id", "bench-sweep": "x"}
    assert resources["labels"] == ours
    assert [choice.get("labels") for choice in resources[key]] == [{"team": "ours", **ours}, None, None]


@pytest.mark.parametrize("key", ["any_of", "ordered"])
def test_no_choice_is_not_the_same_as_any_machine(tmp_path: Path, key: str) -> None:
    file = tmp_path / "one.yaml"
    file.write_text(f"resources: {{infra: aws, {key}: }}\nrun: x\n")
    assert key not in _config(file, "aws")["resources"]
    file.write_text(f"resources: {{{key}: [{{infra: gcp}}]}}\nrun: x\n")
    with pytest.raises(UsageError, match=f"one.yaml: resources: {key}: nothing here for aws"):
        _config(file, "aws")


def test_set_up_does_not_run_and_the_run_does_not_set_up(file: Path) -> None:
    config = _config(file)
    assert "run" not in setup_config(config)
    assert setup_config(config)["setup"] == "bash sky/setup.sh"
    assert run_config(config, "V100:8") == {
        "name": "bench-x-v100",
        "envs": config["envs"],
        "secrets": config["secrets"],
        "run": "bash sky/run.sh",
        "resources": {"accelerators": "V100:8"},
    }
    assert run_config(config, None)["resources"] == {}


def test_earlier_records_go_to_the_machine(file: Path, tmp_path: Path) -> None:
    assert _config(file, records=tmp_path)["file_mounts"] == {"~/bench-results": str(tmp_path)}


def test_the_file_itself_is_left_alone(file: Path) -> None:
    _config(file, "aws")
    assert yaml.safe_load(file.read_text())["resources"]["labels"] == {"bench-lease": "by-hand", "team": "ours"}

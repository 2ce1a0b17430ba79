"""The folder sky/ at the repository's root has the name of SkyPilot's package, and never stands in its place."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.billing.prices import catalogue_extract, price_book
from tests.skypilot import loopback

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
TASKS: dict[str, dict[str, Any]] = {
    path.stem: yaml.safe_load(path.read_text()) for path in sorted((ROOT / "sky").glob("*.yaml"))
}


def test_the_folder_holds_no_python() -> None:
    assert {path.suffix for path in (ROOT / "sky").rglob("*")} <= {".yaml", ".sh", ".md"}


def test_the_task_files_differ_in_nothing_but_their_machines_and_what_they_run() -> None:
    def alike(task: dict[str, Any]) -> dict[str, Any]:
        own = {"any_of", "accelerators", "cpus", "max_hourly_cost"}
        resources = {key: value for key, value in task["resources"].items() if key not in own}
        own = {"BENCH_RECIPES", "BENCH_GPUS", "BENCH_ACCELERATORS"}
        envs = {key: value for key, value in task["envs"].items() if key not in own}
        return {**task, "name": "", "resources": resources, "envs": envs}

    first, *others = map(alike, TASKS.values())
    for task in others:
        assert task == first
    for name, task in TASKS.items():
        assert task["name"] == f"bench-{name}"


def test_a_first_launch_is_two_recipes_and_three_runs_at_most() -> None:
    for task in TASKS.values():
        assert len(task["envs"]["BENCH_RECIPES"].split()) <= 2
        assert task["envs"]["BENCH_RUNS"] <= 3


def test_bench_is_told_the_gpus_that_are_rented() -> None:
    for task in TASKS.values():
        rented = {choice.get("accelerators") for choice in task["resources"].get("any_of", [])}
        assert rented <= {task["envs"].get("BENCH_ACCELERATORS")}


def test_the_scripts_know_when_the_machine_goes() -> None:
    (minutes,) = re.findall(r"IDLE_MINUTES=(\d+)", (ROOT / "sky" / "run.sh").read_text())
    assert {task["resources"]["autostop"]["idle_minutes"] for task in TASKS.values()} == {int(minutes)}


def test_each_gpu_is_called_as_the_cloud_s_catalogue_has_it() -> None:
    """accelerators.csv: skypilot-catalog, catalogs/v8/common/accelerators.csv at 001ca549, the clouds used here."""
    with (HERE / "accelerators.csv").open() as file:
        catalogue = {(cloud, row["accelerator"]) for row in csv.DictReader(file) for cloud in row["clouds"].split(" ")}
    with (HERE / "machines.csv").open() as file:
        named = {(row["cloud"], row["accelerator"]) for row in csv.DictReader(file) if row["accelerator"]}
    for task in TASKS.values():
        choices = task["resources"].get("any_of", [])
        named |= {(each["infra"], each["accelerators"].split(":")[0]) for each in choices if "accelerators" in each}
    assert named - catalogue == set()


def test_each_machine_that_comes_with_a_price_is_below_its_file_s_cap() -> None:
    """The book and the extract of SkyPilot's catalogue."""
    priced = [offer for offer in (*price_book(), *catalogue_extract()) if offer.category == "Standard"]
    without = set()
    for name, task in TASKS.items():
        for choice in task["resources"].get("any_of", []):
            asked = (choice.get("infra"), choice.get("accelerators"))
            hourly = [
                each.hourly for each in priced if each.hourly and (each.provider, str(each.accelerators)) == asked
            ]
            assert min(hourly, default=0) <= task["resources"]["max_hourly_cost"]
            without |= set() if hourly or not asked[1] else {(name, asked[0])}
    assert without == set()


def test_bench_knows_whether_skypilot_is_installed() -> None:
    try:
        installed = bool(version("skypilot"))
    except PackageNotFoundError:
        installed = False
    assert _python("from bench.billing.offers.skypilot import installed; print(installed())") == str(installed)


@pytest.mark.slow
@loopback.WANTED
def test_import_sky_in_the_repository_is_skypilot() -> None:
    module, file = _python("import sky; print(sky.Task.__module__, sky.__file__)").split()
    assert module == "sky.task"
    assert not Path(file).is_relative_to(ROOT / "sky")


def _python(code: str) -> str:
    """What it prints in the repository's root, which stands first on its path."""
    words = [sys.executable, "-c", code]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

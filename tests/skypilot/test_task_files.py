"""The task files: SkyPilot itself parses each, and finds and prices each machine that it names."""

from __future__ import annotations

import json
import subprocess
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from bench.billing.prices import catalogue_extract, price_book
from tests.skypilot import loopback

pytestmark = loopback.WANTED

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "sky").glob("*.yaml"))
NAMES = ["cpu", "gpu", "v100", "v100x8"]
# For gpu.yaml: names of one catalogue and of another, and of one GPU that several clouds have.
GPUS = ["A10:1", "A10G:1", "A100:1", "A100-80GB-SXM:1", "B200:1", "GH200:1", "H100:1", "H200-SXM:1", "L40S:1", "V100:8"]
Book = dict[tuple[str, str], Decimal]
Machines = list[dict[str, Any]]
# What bench brings no price of costs this much in the catalogue of these tests: a GPU, and a machine without.
ANY_GPU, ANY_MACHINE = Decimal("0.80"), Decimal("0.10")


@pytest.fixture(scope="module")
def book() -> Book:
    """The on-demand price of a machine for an hour that comes with bench, by cloud and type; the book goes first."""
    offers = [offer for offer in (*catalogue_extract(), *price_book()) if offer.category == "Standard"]
    return {(offer.provider, offer.instance_type): offer.hourly for offer in offers if offer.hourly}


@pytest.fixture(scope="module")
def machines(book: Book, tmp_path_factory: pytest.TempPathFactory) -> Machines:
    """What SkyPilot says of all files: see optimise.py."""
    with loopback.sky_home(tmp_path_factory.mktemp("sky")) as environment:
        _write_catalogue(Path(environment["HOME"]), book)
        done = subprocess.run(
            [
                *(str(loopback.BIN / "python"), str(Path(__file__).with_name("optimise.py")), *map(str, FILES)),
                *("--gpus", str(ROOT / "sky" / "gpu.yaml"), *GPUS),
            ],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-5000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def test_there_is_a_file_for_each_machine() -> None:
    assert sorted(path.stem for path in FILES) == NAMES


def test_each_machine_of_each_file_has_a_price_and_is_affordable(machines: Machines, book: Book) -> None:
    assert {Path(found["file"]).stem for found in machines} == set(NAMES)
    for found in machines:
        most = yaml.safe_load(Path(found["file"]).read_text())["resources"].get("max_hourly_cost", 100)
        assert 0 < found["hourly"] <= most, found
        if (found["cloud"], found["instance_type"]) in book:
            assert found["hourly"] == pytest.approx(float(book[found["cloud"], found["instance_type"]])), found
        wanted = found["wanted"] or {}
        assert found["cloud"] == wanted.get("infra", found["cloud"])
        if "accelerators" in wanted:
            name, _, count = wanted["accelerators"].partition(":")
            assert found["accelerators"] == {name: int(count)}


def test_the_cheapest_of_a_file_s_machines_is_taken(machines: Machines) -> None:
    for name in set(NAMES) - {"gpu"}:
        taken, *each = [found["hourly"] for found in machines if Path(found["file"]).stem == name]
        assert taken == min(each)


def test_every_file_gives_the_machine_back_and_can_be_run_as_it_stands(machines: Machines) -> None:
    for found in machines:
        assert found["autostop"]["idle_minutes"] == 5
        assert found["autostop"]["down"] is True
        assert found["labels"] == {"bench-lease": "by-hand"}
        assert found["envs"]["BENCH_RECIPES"]
        assert None not in found["envs"].values()


def test_any_gpu_can_be_asked_for(machines: Machines) -> None:
    asked = {
        found["wanted"]["accelerators"] for found in machines if found["file"].endswith("gpu.yaml") and found["wanted"]
    }
    assert asked == set(GPUS)


def test_v100_is_not_left_to_aws_alone(machines: Machines) -> None:
    for name in ("v100", "v100x8"):
        assert len({found["cloud"] for found in machines if Path(found["file"]).stem == name}) > 1


def _write_catalogue(home: Path, book: Book) -> None:
    """SkyPilot's tables of the machines in machines.csv."""
    table = pd.read_csv(Path(__file__).with_name("machines.csv"), keep_default_na=False)
    gpus = table["count"].replace("", "0").astype(int)
    invented = [ANY_GPU * int(count) if count else ANY_MACHINE for count in gpus]
    keys = zip(table["cloud"], table["instance_type"], strict=True)
    price = [book.get(key, other) for key, other in zip(keys, invented, strict=True)]
    wide = pd.DataFrame(
        {
            "InstanceType": table["instance_type"],
            "AcceleratorName": table["accelerator"],
            "AcceleratorCount": table["count"],
            "vCPUs": table["vcpus"],
            "MemoryGiB": table["memory"],
            "GpuInfo": table["accelerator"],
            "Price": price,
            "SpotPrice": price,
            "Region": table["region"],
            "AvailabilityZone": table["zone"],
            "Arch": "x86_64",
            "Generation": "V2",
        }
    )
    for cloud, rows in wide.groupby(table["cloud"]):
        loopback.catalogue(
            home, str(cloud), vms=rows.replace("", None).dropna(axis="columns", how="all").to_csv(index=False)
        )
    loopback.catalogue(home, "aws", instance_quota_mapping="InstanceType,SpotInstanceCode,OnDemandInstanceCode\n")
    known = table[table["accelerator"] != ""].groupby("accelerator")["cloud"].agg(lambda of: str(sorted(set(of))))
    names = known.rename("Clouds").rename_axis("AcceleratorName").reset_index()
    loopback.catalogue(home, "common", accelerators=names.to_csv(index=False))

"""SkyPilot's catalogue: with the package itself where it is installed, else with a stand-in of its three functions."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from bench.billing.offers import skypilot
from bench.billing.offers.query import Answer, Query
from bench.errors import BenchError

HEADER = (
    "InstanceType,AcceleratorName,AcceleratorCount,vCPUs,MemoryGiB,GpuInfo,Price,SpotPrice,Region,AvailabilityZone,Arch"
)
GPU = "\"{'Gpus': [{'Name': 'V100', 'Count': 1, 'MemoryInfo': {'SizeInMiB': 16384}}], 'TotalGpuMemoryInMiB': 16384}\""
STAND_IN = """
import time
from collections import namedtuple
Info = namedtuple("Info", "cloud instance_type accelerator_name accelerator_count price spot_price region")
nan = float("nan")

def list_accelerators(gpus_only=True, name_filter=None, region_filter=None, quantity_filter=None, clouds=None,
                      case_sensitive=True, all_regions=False, require_price=True):
    print("Updating the catalogue…")
    if clouds in ("azure", "gcp"):
        raise ConnectionError(f"no way to {clouds}")
    if clouds == "oci":
        time.sleep(600)
    rows = [("p3.2xlarge", 1.0, 3.06, 0.56, "us-east-1"), ("p3.2xlarge", 1.0, 3.305, 0.48, "eu-west-1"),
            ("p3.16xlarge", 8.0, 24.48, nan, "us-east-1"), ("part", 0.5, 1.0, 0.1, "us-east-1"),
            ("free", 1.0, 0.0, 0.0, "us-east-1"), (nan, 1.0, 1.0, 1.0, "us-east-1")]
    return {"V100": [Info("AWS", name, "V100", n, price, spot, region) for name, n, price, spot, region in rows]}
"""


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A package `sky` with as much of the catalogue as is asked for; some of its clouds fail, one hangs."""
    (tmp_path / "sky" / "catalog").mkdir(parents=True)
    (tmp_path / "sky" / "skylet").mkdir()
    for folder in ("sky", "sky/skylet"):
        (tmp_path / folder / "__init__.py").write_text("")
    (tmp_path / "sky" / "catalog" / "__init__.py").write_text(STAND_IN)
    (tmp_path / "sky" / "catalog" / "common.py").write_text(
        f"def get_catalog_path(name):\n    return {str(tmp_path)!r} + '/' + name.replace('/', '-')\n"
    )
    (tmp_path / "aws-vms.csv").write_text("")
    os.utime(tmp_path / "aws-vms.csv", (1_760_000_000, 1_760_000_000))

    def clouds(*names: str) -> None:
        (tmp_path / "sky" / "skylet" / "constants.py").write_text(f"ALL_CLOUDS = {(*names, 'kubernetes')!r}\n")
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))

    return clouds


def ask(query: Query, seconds: float = 120) -> Answer:
    return skypilot.ask(query, time.monotonic() + seconds)


def test_a_machine_has_the_price_of_its_cheapest_region(stand_in: Callable[..., None]) -> None:
    stand_in("aws")
    found = {q.instance_type: q for q in ask(Query(gpu="v100")).offers}
    assert (found["p3.2xlarge"].hourly, found["p3.2xlarge"].region) == (Decimal("3.06"), "us-east-1")
    assert (found["p3.16xlarge"].hourly, found["p3.16xlarge"].accelerators.count) == (Decimal("24.48"), 8)


def test_the_cheapest_region_for_spot_may_be_another(stand_in: Callable[..., None]) -> None:
    stand_in("aws")
    found = {q.instance_type: q for q in ask(Query(gpu="V100", spot=True)).offers}
    assert (found["p3.2xlarge"].hourly, found["p3.2xlarge"].region) == (Decimal("0.48"), "eu-west-1")
    assert found["p3.16xlarge"].hourly is None


def test_a_region_that_was_asked_for_is_kept_to(stand_in: Callable[..., None]) -> None:
    stand_in("aws")
    assert {q.region for q in ask(Query(region="eu-west-1")).offers} == {"eu-west-1"}


def test_zero_is_unknown_and_a_share_of_a_gpu_or_a_nameless_machine_is_left_out(stand_in: Callable[..., None]) -> None:
    stand_in("aws")
    found = {q.instance_type: q for q in ask(Query()).offers}
    assert found["free"].hourly is None
    assert set(found) == {"p3.2xlarge", "p3.16xlarge", "free"}


def test_a_price_was_seen_when_the_catalogue_was_fetched(stand_in: Callable[..., None]) -> None:
    stand_in("aws")
    assert ask(Query()).offers[0].seen_at == datetime.fromtimestamp(1_760_000_000, UTC)


def test_clouds_that_fail_alike_are_named_in_one_line_and_the_others_count(stand_in: Callable[..., None]) -> None:
    stand_in("aws", "azure", "gcp")
    answer = ask(Query())
    assert {q.provider for q in answer.offers} == {"aws"}
    assert [(f.source, f.why) for f in answer.failures] == [
        ("skypilot (azure, gcp)", "ConnectionError: no way to azure")
    ]


def test_only_the_cloud_that_was_asked_for_is_looked_up(stand_in: Callable[..., None]) -> None:
    stand_in("aws", "azure")
    answer = ask(Query(cloud="aws"))
    assert answer.offers
    assert not answer.failures


def test_a_cloud_that_skypilot_does_not_know_is_no_failure(stand_in: Callable[..., None]) -> None:
    stand_in("aws")
    assert ask(Query(cloud="acme")) == Answer([], [])


@pytest.mark.slow
def test_a_cloud_that_hangs_does_not_take_the_others_with_it(stand_in: Callable[..., None]) -> None:
    stand_in("aws", "oci")
    answer = ask(Query(), seconds=5)
    assert [f.source for f in answer.failures] == ["skypilot (oci)"]
    assert {q.provider for q in answer.offers} == {"aws"}


def test_a_broken_installation_is_an_error_in_one_line(stand_in: Callable[..., None], tmp_path: Path) -> None:
    stand_in("aws")
    (tmp_path / "sky" / "catalog" / "__init__.py").write_text("import not_there\n")
    with pytest.raises(BenchError, match="not_there"):
        ask(Query())


def test_an_import_that_takes_too_long_is_cut_short(stand_in: Callable[..., None], tmp_path: Path) -> None:
    stand_in("aws")
    (tmp_path / "sky" / "__init__.py").write_text("import time; time.sleep(600)\n")
    with pytest.raises(BenchError, match="in time"):
        ask(Query(), seconds=2)


def test_a_folder_without_python_is_no_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sky").mkdir()
    (tmp_path / "sky" / "v100.yaml").write_text("resources: {}\n")
    already = skypilot.installed()
    monkeypatch.syspath_prepend(tmp_path)
    assert skypilot.installed() is already


@pytest.mark.slow
@pytest.mark.skipif(not skypilot.installed(), reason="SkyPilot is not installed")
def test_the_catalogue_of_skypilot_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a catalogue of three rows, as SkyPilot keeps it; nothing is fetched for a file put there by hand."""
    folder = tmp_path / ".sky" / "catalogs" / "v8" / "aws"
    folder.mkdir(parents=True)
    rows = [
        ("3.06", "0.56", "us-east-1", "use1-az1"),
        ("3.06", "0.48", "us-east-1", "use1-az2"),
        ("3.305", "0.0", "eu-west-1", "euw1-az1"),
    ]
    lines = [
        f"p3.2xlarge,V100,1,8,61,{GPU},{price},{spot},{region},{zone},x86_64" for price, spot, region, zone in rows
    ]
    (folder / "vms.csv").write_text("\n".join([HEADER, *lines, ""]))
    monkeypatch.setenv("HOME", str(tmp_path))
    answer = ask(Query(gpu="V100", spot=True, cloud="aws"))
    assert not answer.failures
    assert [(q.instance_type, q.hourly, q.region) for q in answer.offers] == [
        ("p3.2xlarge", Decimal("0.48"), "us-east-1")
    ]

"""What a machine is told when it is launched: the S3 its records go to, whose settings may lie anywhere; its price.

And which runs of a store a sweep counts as they come: also those of days on which nobody looked.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import yaml

from bench.errors import UsageError
from bench.record.documents import LeaseOpened, Run, Series, derived_id, new_id
from bench.store import FolderStore, read_all
from bench.sweep.orchestration.launch import RunIndex, launch_request
from bench.sweep.orchestration.state import CellState
from bench.sweep.provisioning.provisioner import Instance, LaunchRequest
from bench.sweep.spec import Sweep
from tests.support.builders import make_run
from tests.support.fake_provisioner import FakeProvisioner, RunSweep

PROFILE = """
[profile lab]
region = eu-central-1
services = lab-services

[services lab-services]
s3 =
  endpoint_url = http://minio.lab:9000
"""
PLAIN = "[profile lab]\nregion = eu-central-1\n"
ELSEWHERE = {"AWS_DEFAULT_REGION": "eu-central-1", "AWS_ENDPOINT_URL_S3": "http://minio.lab:9000"}
ENCRYPTED = {"BENCH_S3_SSE": "aws:kms", "BENCH_S3_SSE_KMS_KEY_ID": "alias/bench"}


def _asked(sweep: Sweep, **envs: str) -> LaunchRequest:
    asked = sweep.model_copy(update={"envs": envs})
    state = CellState(asked.cells()[0], planned=4, lease_id=new_id())
    return launch_request(asked, state, "s3://bucket/p", {}, None)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of boto3's profiles, one of which has the keys; no other setting is there."""
    for name in os.environ:
        if name.startswith(("AWS_", "BENCH_")):
            monkeypatch.delenv(name)
    file, keys = tmp_path / "config", tmp_path / "credentials"
    keys.write_text("[lab]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(keys))
    monkeypatch.setenv("AWS_PROFILE", "lab")
    return file


@pytest.mark.parametrize(
    ("profile", "variables", "told"),
    [
        (PROFILE, {}, ELSEWHERE),
        (PLAIN, {}, {"AWS_DEFAULT_REGION": "eu-central-1"}),
        (PLAIN, {"AWS_ENDPOINT_URL": "http://minio.lab:9000"}, ELSEWHERE),
        (PLAIN, {"AWS_DEFAULT_REGION": "us-west-2"}, {"AWS_DEFAULT_REGION": "us-west-2"}),
        ("[profile lab]\n", {"AWS_REGION": "us-west-2"}, {"AWS_DEFAULT_REGION": "us-west-2"}),
        (PLAIN, ENCRYPTED, {"AWS_DEFAULT_REGION": "eu-central-1", **ENCRYPTED}),
    ],
)
def test_a_machine_is_led_to_the_s3_that_is_used_here(
    sweep: Sweep,
    config: Path,
    monkeypatch: pytest.MonkeyPatch,
    profile: str,
    variables: dict[str, str],
    told: dict[str, str],
) -> None:
    config.write_text(profile)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    request = _asked(sweep)
    about_s3 = {name: value for name, value in request.envs.items() if name.startswith(("AWS_", "BENCH_S3_"))}
    assert about_s3 == told
    assert request.secrets == {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": ""}


@pytest.mark.parametrize(
    ("said", "outranked"),
    [
        ({"AWS_ENDPOINT_URL_S3": "http://10.0.0.7:9000"}, None),
        ({"AWS_ENDPOINT_URL": "http://10.0.0.7:9000"}, "AWS_ENDPOINT_URL_S3"),
        ({"AWS_DEFAULT_REGION": "us-west-2"}, None),
        ({"AWS_REGION": "us-west-2"}, "AWS_DEFAULT_REGION"),
    ],
)
def test_what_the_sweep_says_of_s3_outranks_what_is_used_here(
    sweep: Sweep, config: Path, said: dict[str, str], outranked: str | None
) -> None:
    config.write_text(PROFILE)
    request = _asked(sweep, **said)
    assert said.items() <= request.envs.items()
    assert outranked not in request.envs


@pytest.mark.parametrize("where", ["sweep", "task file"])
def test_a_price_that_the_user_gives_outranks_the_catalogue(
    run_sweep: RunSweep, sweep: Sweep, store: FolderStore, where: str
) -> None:
    given = {"BENCH_PRICE_PER_HOUR": "1.25", "BENCH_CURRENCY": "EUR"}
    cell = sweep.cells()[0]
    task = {"resources": {"accelerators": "V100:1"}, "envs": {"BENCH_PRICE_PER_HOUR": 1.25, "BENCH_CURRENCY": "EUR"}}
    if where == "task file":
        cell.task.write_text(yaml.safe_dump(task))
    seen: dict[str, str] = {}

    class Noted(FakeProvisioner):
        def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
            seen.update(envs)
            super().run(request, instance, envs)
            self.up[request.cluster].opened = None  # it has nothing of bench: the launcher opens its lease
            return 2

    run_sweep(Noted(), machines=sweep.machines[:1], envs=given if where == "sweep" else {})
    assert not seen.keys() & {"BENCH_PRICE_PER_HOUR", "BENCH_PRICE_SOURCE", "BENCH_CURRENCY"}
    assert seen["BENCH_INSTANCE"] == "aws:p3.2xlarge"
    (opened,) = (lease for lease in read_all(store, "leases")[0] if isinstance(lease, LeaseOpened))
    assert opened.price is not None
    assert (opened.price.amount, opened.price.currency) == (Decimal("1.25"), "EUR")


def test_the_catalogue_s_dollars_are_dollars_whatever_currency_the_sweep_names(
    run_sweep: RunSweep, sweep: Sweep
) -> None:
    seen: dict[str, str] = {}

    class Noted(FakeProvisioner):
        def run(self, request: LaunchRequest, instance: Instance, envs: Mapping[str, str]) -> int:
            seen.update({**request.envs, **envs})
            return super().run(request, instance, envs)

    run_sweep(Noted(), machines=sweep.machines[:1], envs={"BENCH_CURRENCY": "EUR"})
    assert (seen["BENCH_PRICE_PER_HOUR"], seen["BENCH_CURRENCY"]) == ("3.60", "USD")


def test_a_price_that_is_none_is_refused_before_anything_is_rented(run_sweep: RunSweep, sweep: Sweep) -> None:
    provisioner = FakeProvisioner()
    with pytest.raises(UsageError):
        run_sweep(provisioner, envs={"BENCH_PRICE_PER_HOUR": "cheap"})
    assert not any(call.startswith("launch") for call in provisioner.calls)


SERIES = new_id()
FRIDAY = datetime(2026, 11, 20, 18, tzinfo=UTC)
Clock = Callable[[timedelta], None]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """`clock(later)`: it is so much later than that Friday."""

    def show(later: timedelta) -> None:
        monkeypatch.setattr("bench.sweep.orchestration.launch.utc_now", lambda: FRIDAY + later)

    show(timedelta(0))
    return show


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    store.put(_run(-10))
    return store


def _run(day: int) -> Run:
    """One of the series, made so many days after that Friday."""
    run_id = derived_id((FRIDAY + timedelta(days=day)).date(), str(day))
    return make_run(id=run_id, series=Series(id=SERIES, index=0, planned=9))


@pytest.mark.parametrize("max_age", [0.0, 1e-9])
def test_runs_of_a_weekend_on_which_the_laptop_slept_are_counted(
    store: FolderStore, clock: Clock, max_age: float
) -> None:
    index = RunIndex(store)
    index.refresh()
    for day in range(4):
        store.put(_run(day))
    clock(timedelta(days=3, hours=2))
    index.refresh(max_age)
    assert len(index.runs(SERIES)) == 5


def test_a_run_that_comes_days_after_it_was_made_is_counted_in_the_end(store: FolderStore, clock: Clock) -> None:
    index = RunIndex(store)
    for day in range(5):
        clock(timedelta(days=day))
        index.refresh(1e-9)
    store.put(_run(0))
    index.refresh(1e-9)
    index.refresh()
    assert len(index.runs(SERIES)) == 2


@pytest.mark.parametrize("days", [6, 400])
def test_what_a_machine_made_before_this_call_is_counted(store: FolderStore, clock: Clock, days: int) -> None:
    index = RunIndex(store)
    index.reach_back(FRIDAY - timedelta(days=days))
    index.refresh()
    store.put(_run(-days))
    index.refresh()
    assert len(index.runs(SERIES)) == 2

"""What the adapter makes of SkyPilot's answers, on a `sky` that answers as 0.14.1 does: no machine, no server."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bench.sweep.provisioning.failure import failure_of_error
from bench.sweep.provisioning.provisioner import ForeignMachineError, Job, LaunchRequest, sweep_labels
from bench.sweep.provisioning.skypilot import SkyPilot
from tests.support.sweeps import ResourcesUnavailableError

REQUEST = LaunchRequest("bench-x", Path("v100.yaml"), None, spot=True, lease_id="id", envs={})
RAN = datetime(2026, 11, 25, 12, tzinfo=UTC)


RESOURCES = {
    "cloud": "AWS",
    "region": "us-east-1",
    "zone": None,
    "instance_type": "p3.2xlarge",
    "accelerators": {"V100": 1},
    "use_spot": True,
    "get_cost": lambda seconds: 0.48,
}


class ClusterNotUpError(Exception):
    """As SkyPilot's, where a cluster is INIT or STOPPED."""


@pytest.fixture
def sky(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package, whose requests are their own answers; an answer that is an error is raised."""
    package, sdk = ModuleType("sky"), ModuleType("sky.client.sdk")
    client, server, common = ModuleType("sky.client"), ModuleType("sky.server"), ModuleType("sky.server.common")
    requests, payloads = ModuleType("sky.server.requests"), ModuleType("sky.server.requests.payloads")

    def get(answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    vars(package).update(get=get, StatusRefreshMode=SimpleNamespace(FORCE="force", NONE="none"))
    vars(sdk)["get"] = get
    vars(client)["sdk"], vars(server)["common"] = sdk, common
    for module in (package, client, sdk, server, common, requests, payloads):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr("bench.sweep.provisioning.skypilot.task_config", lambda request: {})
    return package


@pytest.mark.parametrize("state", ["INIT", "STOPPED", "AUTOSTOPPING", "UP"])
def test_a_machine_that_is_there_and_does_not_answer_is_not_gone(sky: Any, state: str) -> None:
    asked: list[str] = []

    def status(names: list[str], refresh: str) -> list[dict[str, object]]:
        asked.append(refresh)
        return [{"name": names[0], "status": SimpleNamespace(name=state)}]

    sky.job_status, sky.status = lambda cluster, jobs: ClusterNotUpError(f"status: {state}"), status
    with pytest.raises(ClusterNotUpError):
        SkyPilot().job("bench-x", 1)
    assert asked == ["force"], "the cloud is asked"


def test_a_machine_without_a_record_is_gone(sky: Any) -> None:
    sky.job_status, sky.status = lambda cluster, jobs: ValueError("does not exist"), lambda names, refresh: []
    assert SkyPilot().job("bench-x", 1) is Job.GONE


def test_a_cloud_that_cannot_be_asked_does_not_make_a_machine_gone(sky: Any) -> None:
    sky.job_status = lambda cluster, jobs: ClusterNotUpError("status: INIT")
    sky.status = lambda names, refresh: ConnectionError("no network")
    with pytest.raises(ConnectionError):
        SkyPilot().job("bench-x", 1)


def test_a_refusal_that_only_the_log_of_the_launch_holds_is_found(sky: Any) -> None:
    def tail_provision_logs(cluster: str, *, follow: bool, tail: int, output_stream: io.StringIO) -> int:
        output_stream.write(
            "Provision config: {}\n"
            "create_instances: Attempt failed with An error occurred (InsufficientInstanceCapacity)\n"
        )
        return 0

    sys.modules["sky.client.sdk"].__dict__["tail_provision_logs"] = tail_provision_logs
    _launches(sky, ResourcesUnavailableError("none", "Failed to acquire resources in all zones in us-east-1."))
    with pytest.raises(ResourcesUnavailableError) as raised:
        SkyPilot().launch(REQUEST)
    assert failure_of_error(raised.value).reason == "CAPACITY"
    assert len(raised.value.__notes__) == 1


@pytest.mark.parametrize("answers", [True, False])
def test_a_machine_knows_since_when_it_runs(sky: Any, answers: bool) -> None:
    common, payloads = vars(sys.modules["sky.server.common"]), vars(sys.modules["sky.server.requests.payloads"])
    asked: list[dict[str, object]] = []

    class ClusterEventsBody(SimpleNamespace):
        def model_dump(self, mode: str) -> dict[str, object]:
            return vars(self)

    def make_authenticated_request(method: str, path: str, json: dict[str, object]) -> object:
        asked.append({"path": path, **json})
        return [
            {"reason": "Provisioning on AWS in us-east-1", "transitioned_at": RAN.timestamp() - 40},
            {"reason": "Instances launched on AWS in us-east-1", "transitioned_at": RAN.timestamp()},
            {"reason": "Setting up SkyPilot runtime on cluster", "transitioned_at": RAN.timestamp() + 1},
        ]

    payloads["ClusterEventsBody"] = ClusterEventsBody
    if answers:
        common.update(make_authenticated_request=make_authenticated_request, get_request_id=lambda answer: answer)
    resources = SimpleNamespace(**RESOURCES, labels=None)
    _launches(sky, (1, SimpleNamespace(launched_resources=resources, launched_nodes=1, cached_cluster_info=None)))
    assert SkyPilot().launch(REQUEST).running == (RAN if answers else None)
    assert [words["cluster_name"] for words in asked] == ["bench-x"] * answers


def _launches(sky: Any, answer: object) -> None:
    launch: Callable[..., object] = lambda task, cluster_name: answer  # noqa: E731 -- an answer, not a function
    sky.launch, sky.Task = launch, SimpleNamespace(from_yaml_config=lambda config: config)
    sky.status = lambda names, refresh, all_users: []


def test_a_name_that_another_user_s_sweep_has_is_not_launched(sky: Any) -> None:
    asked: list[tuple[list[str], bool]] = []

    def status(names: list[str], refresh: str, all_users: bool) -> list[dict[str, object]]:
        asked.append((names, all_users))
        resources = SimpleNamespace(**RESOURCES, labels=sweep_labels("trial", "/home/another/store"))
        return [{"handle": SimpleNamespace(launched_resources=resources, launched_nodes=1, cached_cluster_info=None)}]

    _launches(sky, AssertionError("launched"))
    sky.status = status
    with pytest.raises(ForeignMachineError):
        SkyPilot().launch(replace(REQUEST, labels=sweep_labels("trial", "/home/me/store")))
    assert asked == [(["bench-x"], True)]


def test_the_jobs_of_an_earlier_call_are_known_by_their_names(sky: Any) -> None:
    jobs = [(4, "bench-collect"), (2, "bench-run"), (1, "bench-x"), (3, "bench-run")]
    sky.queue = lambda cluster, all_users: [{"job_id": job, "job_name": name} for job, name in jobs]
    assert SkyPilot().standing_jobs("bench-x") == (1, 3)
    jobs[:] = [(1, "bench-x")]
    assert SkyPilot().standing_jobs("bench-x") == (1, None)

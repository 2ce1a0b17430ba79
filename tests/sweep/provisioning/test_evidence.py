"""What a cloud says of a machine that is gone: EC2 played by moto's server, Compute Engine by its answers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from bench.sweep.provisioning.evidence import cloud_evidence
from bench.sweep.provisioning.provisioner import Instance
from tests.support.moto_server import moto_server, point_clients

REGION = "us-east-1"


@pytest.fixture(scope="module")
def ec2_url() -> Iterator[str]:
    with moto_server() as address:
        yield address


@pytest.fixture
def machine(ec2_url: str, monkeypatch: pytest.MonkeyPatch) -> Instance:
    """A spot machine that runs on EC2."""
    point_clients(monkeypatch, "AWS_ENDPOINT_URL", ec2_url)
    (launched,) = _ec2().run_instances(ImageId="ami-12c6146b", InstanceType="p3.2xlarge", MinCount=1, MaxCount=1)[
        "Instances"
    ]
    return Instance("aws", REGION, spot=True, resource_id=launched["InstanceId"])


def _ec2() -> Any:
    return boto3.client("ec2", region_name=REGION)


def test_a_machine_that_its_user_ended_was_not_taken_back(machine: Instance) -> None:
    assert cloud_evidence(machine) is None
    _ec2().terminate_instances(InstanceIds=[machine.resource_id])
    assert cloud_evidence(machine) is None


def test_ec2_says_that_it_took_a_spot_machine_back(machine: Instance) -> None:
    from moto.ec2.models import ec2_backends  # takes two seconds, and no other test needs it

    _ec2().terminate_instances(InstanceIds=[machine.resource_id])
    taken = ec2_backends["123456789012"][REGION].get_instance(str(machine.resource_id))
    taken.state_reason.code = "Server.SpotInstanceTermination"
    assert cloud_evidence(machine) == "EC2 says Server.SpotInstanceTermination"


def test_a_machine_that_ec2_has_forgotten_raises(machine: Instance) -> None:
    with pytest.raises(ClientError, match=r"InvalidInstanceID\.NotFound"):
        cloud_evidence(Instance("aws", REGION, spot=True, resource_id="i-0123456789abcdef0"))


@pytest.mark.parametrize(("target", "taken"), [("bench-head-1", True), ("bench-head-2", False)])
def test_compute_engine_keeps_the_operation_that_took_it_back(
    monkeypatch: pytest.MonkeyPatch, target: str, taken: bool
) -> None:
    asked: list[tuple[str, dict[str, str]]] = []
    link = f"https://www.googleapis.com/compute/v1/projects/p/zones/us-central1-a/instances/{target}"

    class Session:
        def __init__(self, credentials: object) -> None:
            assert credentials == "credentials"

        def get(self, url: str, params: dict[str, str], timeout: float) -> SimpleNamespace:
            asked.append((url, params))
            items = [{"operationType": "compute.instances.preempted", "targetLink": link}]
            return SimpleNamespace(raise_for_status=lambda: None, json=lambda: {"items": items})

    auth, requests = ModuleType("google.auth"), ModuleType("google.auth.transport.requests")
    vars(auth)["default"] = lambda scopes: ("credentials", "p")
    vars(requests)["AuthorizedSession"] = Session
    google = ModuleType("google")
    vars(google)["auth"] = auth
    for module in (google, auth, ModuleType("google.auth.transport"), requests):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    machine = Instance("gcp", "us-central1", "us-central1-a", spot=True, resource_id="bench-head-1")
    assert (cloud_evidence(machine) is not None) == taken
    ((url, params),) = asked
    assert url.endswith("/projects/p/zones/us-central1-a/operations")
    assert params["filter"] == 'operationType="compute.instances.preempted"'


@pytest.mark.parametrize("provider", ["azure", "lambda", "slurm"])
def test_of_others_only_the_notice_is_evidence(provider: str) -> None:
    assert cloud_evidence(Instance(provider, spot=True, resource_id="x")) is None

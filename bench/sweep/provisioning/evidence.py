"""Evidence from outside a machine: its cloud's reason for its end, and what SkyPilot's server logged about its launch.

A cloud is asked after the machine is gone, from where the sweep runs. EC2 keeps the reason on the terminated instance
for about an hour, Compute Engine in the operations of the zone. Azure and the others offer nothing of that kind: there
the only evidence is the notice that the machine saw and recorded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from bench.sweep.provisioning.provisioner import Instance

_SECONDS = 10
_LINES = 1000
_REFUSAL = re.compile(r"failed|error|return code", re.IGNORECASE)
_LAUNCHED = "Instances launched on"  # SkyPilot's event once the cloud reports that they run
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_StateReason.html: the others are the user's, or errors
_EC2_TOOK_BACK = ("Server.SpotInstanceTermination", "Server.SpotInstanceShutdown")
_GCE_TOOK_BACK = "compute.instances.preempted"
_GCE = "https://compute.googleapis.com/compute/v1/projects"


def cloud_evidence(instance: Instance) -> str | None:
    """The cloud's statement that it took this machine back; None if it says otherwise, or nothing.

    Raises whatever its library raises.
    """
    ask = _BY_PROVIDER.get(instance.provider)
    return ask(instance) if ask and instance.resource_id else None


def _aws(instance: Instance) -> str | None:
    import boto3
    from botocore.config import Config

    limits = Config(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 3})
    ec2 = boto3.client("ec2", region_name=instance.region, config=limits)
    groups = ec2.describe_instances(InstanceIds=[instance.resource_id])["Reservations"]
    codes = [machine.get("StateReason", {}).get("Code") for group in groups for machine in group["Instances"]]
    return next((f"EC2 says {code}" for code in codes if code in _EC2_TOOK_BACK), None)


def _gcp(instance: Instance) -> str | None:
    import google.auth
    from google.auth.transport.requests import AuthorizedSession

    credentials, project = google.auth.default(scopes=["https://www.googleapis.com/auth/compute.readonly"])
    answer = AuthorizedSession(credentials).get(
        f"{_GCE}/{project}/zones/{instance.zone}/operations",
        params={"filter": f'operationType="{_GCE_TOOK_BACK}"', "orderBy": "creationTimestamp desc"},
        timeout=_SECONDS,
    )
    answer.raise_for_status()
    operations: list[dict[str, Any]] = answer.json().get("items", [])
    targets = [operation.get("targetLink", "").rpartition("/")[2] for operation in operations]
    return f"Compute Engine says {_GCE_TOOK_BACK}" if instance.resource_id in targets else None


_BY_PROVIDER: Final[Mapping[str, Callable[[Instance], str | None]]] = {"aws": _aws, "gcp": _gcp}


def refusals(cluster: str) -> list[str]:
    """The clouds' answers to a failed launch: SkyPilot's log contains more than its exception."""
    printed = io.StringIO()
    try:
        from sky.client import sdk

        sdk.tail_provision_logs(cluster, follow=False, tail=_LINES, output_stream=printed)
    except Exception:  # no log, or an older server: the exception has to suffice
        return []
    return list(dict.fromkeys(line for line in printed.getvalue().splitlines() if _REFUSAL.search(line)))


def running_since(cluster: str) -> datetime | None:
    """When the newest machine was running, by SkyPilot's history; None if it does not say."""
    try:
        from sky.client import sdk
        from sky.server import common
        from sky.server.requests.payloads import ClusterEventsBody

        body = ClusterEventsBody(cluster_name=cluster, event_type="STATUS_CHANGE", include_timestamps=True)
        answer = common.make_authenticated_request("POST", "/cluster_events", json=body.model_dump(mode="json"))
        events = sdk.get(common.get_request_id(answer))
        seconds = [event["transitioned_at"] for event in events if event["reason"].startswith(_LAUNCHED)]
    except Exception:  # not part of its documented interface
        return None
    return datetime.fromtimestamp(max(seconds), UTC) if seconds else None

"""Identifies this machine by the metadata service of its cloud, queried over plain HTTP within a time limit.

It uses no proxy, follows no redirect and raises no error: a service that is late, or answers otherwise, is ignored.
"""

from __future__ import annotations

import http.client
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

ADDRESS = "http://169.254.169.254"  # the same link-local address at AWS, Google and Azure
_LONGEST = 64 * 1024
# Amazon EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html, version 2, read
# 2026-11-22. botocore's variables for it are kept.
_AWS_ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
# Google Compute Engine: https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys, read 2026-11-22. It
# does not say when an instance was launched. The variable is that of Google's own clients.
_GCP_ENDPOINT = "GCE_METADATA_HOST"
# Azure: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service, read 2026-11-22. It does not say
# when a machine was launched, and has one address and no variable of its own: this one is ours.
_AZURE_ENDPOINT = "AZURE_METADATA_ENDPOINT"
_AZURE_COMPUTE = "/metadata/instance/compute?api-version=2021-02-01&format=json"
_AZURE_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"


class Answer(NamedTuple):
    """An answer with status 200; header names are in lower case."""

    text: str
    headers: Mapping[str, str]


class Metadata:
    """The server at `endpoint`, such as `http://169.254.169.254`, for `seconds` from now on."""

    def __init__(self, endpoint: str, seconds: float) -> None:
        self._endpoint = endpoint
        self._until = time.monotonic() + seconds

    def ask(self, path: str, headers: Mapping[str, str], method: str = "GET") -> Answer | None:
        """The answer for `path`; None if there is none in time, or its status is not 200."""
        left = self._until - time.monotonic()
        if left <= 0:
            return None
        try:
            address = urlsplit(self._endpoint)
            if address.scheme != "http" or not address.hostname:
                return None
            connection = http.client.HTTPConnection(address.hostname, address.port, timeout=left)
            try:
                connection.request(method, address.path.rstrip("/") + path, headers=dict(headers))
                response = connection.getresponse()
                text = response.read(_LONGEST).decode()
                lower = {key.lower(): value for key, value in response.getheaders()}
                return Answer(text, lower) if response.status == 200 else None
            finally:
                connection.close()
        except (OSError, ValueError, http.client.HTTPException):
            return None


def json_object(text: str | None) -> dict[str, Any]:
    """The JSON object in `text`; empty if there is none."""
    try:
        content = json.loads(text) if text else None
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def text_of(content: Mapping[str, Any], key: str) -> str | None:
    """The text under `key`; None if there is none."""
    value = content.get(key)
    return value if isinstance(value, str) else None


# The answers of a metadata server go into records: only what can be a name is accepted.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class Machine:
    """A rented machine. None: the provider did not say."""

    provider: str
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    resource_id: str | None = None
    launched: datetime | None = None
    spot: bool | None = None
    # A container shares its host, whose boot says nothing about when it was rented.
    container: bool = False


def valid_name(text: str | None) -> str | None:
    """`text`, if it can be the name of a region, a type or a machine."""
    return text if text is not None and _NAME.fullmatch(text) else None


def _find_aws(environ: Mapping[str, str], seconds: float) -> Machine | None:
    """This EC2 instance."""
    get = _aws_session(environ, seconds)
    identifier = get and valid_name(get("meta-data/instance-id"))
    if not get or not identifier:
        return None
    life_cycle = get("meta-data/instance-life-cycle")
    return Machine(
        provider="aws",
        region=valid_name(get("meta-data/placement/region")),
        zone=valid_name(get("meta-data/placement/availability-zone")),
        instance_type=valid_name(get("meta-data/instance-type")),
        resource_id=identifier,
        launched=_aws_launched(get("dynamic/instance-identity/document")),
        spot=None if life_cycle is None else life_cycle == "spot",
    )


def _aws_preempted(environ: Mapping[str, str], seconds: float) -> bool:
    """Whether EC2 has given notice that it will take this spot instance back; it does so two minutes before."""
    get = _aws_session(environ, seconds)
    return get is not None and get("meta-data/spot/instance-action") is not None


def _aws_session(environ: Mapping[str, str], seconds: float) -> Callable[[str], str | None] | None:
    """A function that queries a path below `latest` with a token; None if no token is issued."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    server = Metadata(environ.get(_AWS_ENDPOINT) or ADDRESS, seconds)
    token = server.ask("/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")
    if token is None or not token.text.isascii() or not token.text.isprintable():
        return None
    headers = {"X-aws-ec2-metadata-token": token.text}

    def get(path: str) -> str | None:
        answer = server.ask(f"/latest/{path}", headers)
        return answer.text if answer else None

    return get


def _aws_launched(document: str | None) -> datetime | None:
    """`pendingTime` of the instance identity document: when the instance was launched or last started."""
    pending = text_of(json_object(document), "pendingTime")
    try:
        return datetime.fromisoformat(pending).astimezone(UTC) if pending else None
    except (ValueError, OverflowError):
        return None


def _find_gcp(environ: Mapping[str, str], seconds: float) -> Machine | None:
    """This Compute Engine instance."""
    server = _gcp_server(environ, seconds)
    identifier = valid_name(_get_gcp(server, "id"))
    if identifier is None:
        return None
    zone = valid_name(_last_part(_get_gcp(server, "zone")))
    preemptible = _get_gcp(server, "scheduling/preemptible")
    return Machine(
        provider="gcp",
        region=zone.rpartition("-")[0] or None if zone else None,
        zone=zone,
        instance_type=valid_name(_last_part(_get_gcp(server, "machine-type"))),
        resource_id=identifier,
        spot=None if preemptible is None else preemptible.upper() == "TRUE",
    )


def _gcp_preempted(environ: Mapping[str, str], seconds: float) -> bool:
    """Whether Compute Engine is taking this spot instance back; it does so 30 s before."""
    return (_get_gcp(_gcp_server(environ, seconds), "preempted") or "").upper() == "TRUE"


def _gcp_server(environ: Mapping[str, str], seconds: float) -> Metadata:
    host = environ.get(_GCP_ENDPOINT)
    return Metadata(f"http://{host}" if host else ADDRESS, seconds)


def _get_gcp(server: Metadata, path: str) -> str | None:
    answer = server.ask(f"/computeMetadata/v1/instance/{path}", {"Metadata-Flavor": "Google"})
    # Other clouds answer at the same address; only Google's server sends this header.
    return answer.text if answer and answer.headers.get("metadata-flavor") == "Google" else None


def _last_part(path: str | None) -> str | None:
    """`us-central1-a` of `projects/123/zones/us-central1-a`: the project must not get into records."""
    return path.rpartition("/")[2] if path else None


def _find_azure(environ: Mapping[str, str], seconds: float) -> Machine | None:
    """This Azure machine. It is identified by its `vmId`: its own name may contain a person's."""
    compute = json_object(_get_azure(environ, seconds, _AZURE_COMPUTE))
    identifier = valid_name(text_of(compute, "vmId"))
    if identifier is None:
        return None
    priority = text_of(compute, "priority")
    return Machine(
        provider="azure",
        region=valid_name(text_of(compute, "location")),
        zone=valid_name(text_of(compute, "zone")),
        instance_type=valid_name(text_of(compute, "vmSize")),
        resource_id=identifier,
        spot=None if priority is None else priority in ("Spot", "Low"),
    )


def _azure_preempted(environ: Mapping[str, str], seconds: float) -> bool:
    """Whether Azure has announced that it will evict this spot machine; it does so 30 s before."""
    events = json_object(_get_azure(environ, seconds, _AZURE_EVENTS)).get("Events")
    listed = events if isinstance(events, list) else []
    return any(isinstance(event, dict) and event.get("EventType") == "Preempt" for event in listed)


def _get_azure(environ: Mapping[str, str], seconds: float, path: str) -> str | None:
    answer = Metadata(environ.get(_AZURE_ENDPOINT) or ADDRESS, seconds).ask(path, {"Metadata": "true"})
    return answer.text if answer else None


class Provider(NamedTuple):
    """A cloud's metadata service; `endpoint` is the variable that names another server than the usual one.

    `find` returns this machine, or None if the service does not answer in time or as expected; `preempted` says whether
    it has announced that it will take the machine back. Both take the environment and a time limit in seconds.
    """

    endpoint: str
    find: Callable[[Mapping[str, str], float], Machine | None]
    preempted: Callable[[Mapping[str, str], float], bool]


PROVIDERS: Mapping[str, Provider] = {
    "aws": Provider(_AWS_ENDPOINT, _find_aws, _aws_preempted),
    "gcp": Provider(_GCP_ENDPOINT, _find_gcp, _gcp_preempted),
    "azure": Provider(_AZURE_ENDPOINT, _find_azure, _azure_preempted),
}

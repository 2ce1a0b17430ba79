"""Amazon EC2, by its instance metadata service, version 2.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-instance-metadata.html, read 2026-11-22. botocore's
variables for it are kept: AWS_EC2_METADATA_DISABLED and AWS_EC2_METADATA_SERVICE_ENDPOINT.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from bench.lease.metadata import ADDRESS, Machine, Metadata, json_object, text_of, valid_name

ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


def find(environ: Mapping[str, str], seconds: float) -> Machine | None:
    """The EC2 instance this is."""
    get = _session(environ, seconds)
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
        launched=_launched(get("dynamic/instance-identity/document")),
        spot=None if life_cycle is None else life_cycle == "spot",
    )


def preempted(environ: Mapping[str, str], seconds: float) -> bool:
    """Whether EC2 has given notice that it takes this spot instance back; it does so two minutes before."""
    get = _session(environ, seconds)
    return get is not None and get("meta-data/spot/instance-action") is not None


def _session(environ: Mapping[str, str], seconds: float) -> Callable[[str], str | None] | None:
    """How to ask for a path below `latest`, with a token; None where no token is given out."""
    if environ.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        return None
    server = Metadata(environ.get(ENDPOINT) or ADDRESS, seconds)
    token = server.ask("/latest/api/token", {"X-aws-ec2-metadata-token-ttl-seconds": "60"}, "PUT")
    if token is None or not token.text.isascii() or not token.text.isprintable():
        return None
    headers = {"X-aws-ec2-metadata-token": token.text}

    def get(path: str) -> str | None:
        answer = server.ask(f"/latest/{path}", headers)
        return answer.text if answer else None

    return get


def _launched(document: str | None) -> datetime | None:
    """`pendingTime` of the instance identity document: when the instance was launched or last started."""
    pending = text_of(json_object(document), "pendingTime")
    try:
        return datetime.fromisoformat(pending).astimezone(UTC) if pending else None
    except (ValueError, OverflowError):
        return None

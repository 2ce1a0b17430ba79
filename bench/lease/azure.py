"""Azure virtual machines, by the Instance Metadata Service.

https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service, read 2026-11-22. It does not say
when a machine was launched. The service has one address and no variable of its own: AZURE_METADATA_ENDPOINT
is ours.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.lease.metadata import ADDRESS, Machine, Metadata, json_object, text_of, valid_name

ENDPOINT = "AZURE_METADATA_ENDPOINT"
_COMPUTE = "/metadata/instance/compute?api-version=2021-02-01&format=json"
_EVENTS = "/metadata/scheduledevents?api-version=2020-07-01"


def find(environ: Mapping[str, str], seconds: float) -> Machine | None:
    """The Azure machine this is. Its `vmId` names it: its own name may hold a person's."""
    compute = json_object(_get(environ, seconds, _COMPUTE))
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


def preempted(environ: Mapping[str, str], seconds: float) -> bool:
    """Whether Azure has announced that it evicts this spot machine; it does so 30 s before."""
    events = json_object(_get(environ, seconds, _EVENTS)).get("Events")
    listed = events if isinstance(events, list) else []
    return any(isinstance(event, dict) and event.get("EventType") == "Preempt" for event in listed)


def _get(environ: Mapping[str, str], seconds: float, path: str) -> str | None:
    answer = Metadata(environ.get(ENDPOINT) or ADDRESS, seconds).ask(path, {"Metadata": "true"})
    return answer.text if answer else None

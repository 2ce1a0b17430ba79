"""Google Compute Engine, by its metadata server.

https://cloud.google.com/compute/docs/metadata/predefined-metadata-keys, read 2026-11-22. It does not say when
an instance was launched. GCE_METADATA_HOST, known from Google's own clients, names another server.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.lease.metadata import ADDRESS, Machine, Metadata, valid_name

ENDPOINT = "GCE_METADATA_HOST"


def find(environ: Mapping[str, str], seconds: float) -> Machine | None:
    """The Compute Engine instance this is."""
    server = _server(environ, seconds)
    identifier = valid_name(_get(server, "id"))
    if identifier is None:
        return None
    zone = valid_name(_last(_get(server, "zone")))
    preemptible = _get(server, "scheduling/preemptible")
    return Machine(
        provider="gcp",
        region=zone.rpartition("-")[0] or None if zone else None,
        zone=zone,
        instance_type=valid_name(_last(_get(server, "machine-type"))),
        resource_id=identifier,
        spot=None if preemptible is None else preemptible.upper() == "TRUE",
    )


def preempted(environ: Mapping[str, str], seconds: float) -> bool:
    """Whether Compute Engine is taking this spot instance back; it does so 30 s before."""
    return (_get(_server(environ, seconds), "preempted") or "").upper() == "TRUE"


def _server(environ: Mapping[str, str], seconds: float) -> Metadata:
    host = environ.get(ENDPOINT)
    return Metadata(f"http://{host}" if host else ADDRESS, seconds)


def _get(server: Metadata, path: str) -> str | None:
    answer = server.ask(f"/computeMetadata/v1/instance/{path}", {"Metadata-Flavor": "Google"})
    # Other clouds answer at the same address; only Google's server signs like this.
    return answer.text if answer and answer.headers.get("metadata-flavor") == "Google" else None


def _last(path: str | None) -> str | None:
    """`us-central1-a` of `projects/123/zones/us-central1-a`: the project stays out of records."""
    return path.rpartition("/")[2] if path else None

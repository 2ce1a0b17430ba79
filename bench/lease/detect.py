"""Detection of the rented machine this is, by its firmware, SkyPilot and the provider's metadata server.

The metadata servers share one link-local address. It is asked only where the machine's firmware, SkyPilot or
the user names the provider, so a laptop waits for nothing and nobody else's network sees a request.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

from bench.concurrency import answers_within
from bench.lease import aws, azure, gcp
from bench.lease.metadata import Machine, json_object, text_of, valid_name

PATIENCE = 0.8  # s, for all that is asked together
DMI = Path("/sys/class/dmi/id")


class Provider(Protocol):
    """What each provider's module offers. `ENDPOINT` is the variable that names another metadata server."""

    ENDPOINT: str

    def find(self, environ: Mapping[str, str], seconds: float) -> Machine | None:
        """The machine this is; None where the provider does not answer in time, or not as it does."""

    def preempted(self, environ: Mapping[str, str], seconds: float) -> bool:
        """Whether it has announced that it takes the machine back."""


_PROVIDERS: Mapping[str, Provider] = {"aws": aws, "gcp": gcp, "azure": azure}
# What stands in the firmware's tables. EC2 on Xen, such as p3, is seen in its BIOS version only; a Hyper-V
# machine is Azure's by its asset tag.
_FIRMWARE = {"amazon": "aws", "google compute engine": "gcp", "7783-7084-3265-9085-8269-3286-77": "azure"}
_TABLES = ("sys_vendor", "bios_version", "product_name", "chassis_asset_tag")
# SkyPilot's clouds that rent out a container or a share of a host, not a machine that boots for its tenant.
_CONTAINERS = {"kubernetes", "slurm", "ssh", "runpod", "vast"}


def find_machine(environ: Mapping[str, str], dmi: Path = DMI) -> Machine | None:
    """The rented machine this is; None for one's own, and for one that nothing here knows. Takes under 1 s."""
    launched = _from_skypilot(environ)
    questions = {name: partial(p.find, environ, PATIENCE) for name, p in _asked(environ, dmi, launched).items()}
    detected = next((machine for _, machine in answers_within(PATIENCE, questions) if machine), None)
    if detected is None or launched is None or detected.provider != launched.provider:
        return launched or detected
    return replace(detected, region=detected.region or launched.region, zone=detected.zone or launched.zone)


def preempted(environ: Mapping[str, str], dmi: Path = DMI) -> bool:
    """Whether the provider has announced that it takes this machine back. Takes under 1 s."""
    asked = _asked(environ, dmi, _from_skypilot(environ))
    questions = {name: partial(provider.preempted, environ, PATIENCE) for name, provider in asked.items()}
    return any(announced for _, announced in answers_within(PATIENCE, questions))


def _from_skypilot(environ: Mapping[str, str]) -> Machine | None:
    """What SkyPilot tells the tasks it runs: the cloud, the region and the zone."""
    cluster = json_object(environ.get("SKYPILOT_CLUSTER_INFO"))
    cloud = valid_name(text_of(cluster, "cloud"))
    if cloud is None:
        return None
    provider = cloud.lower()
    return Machine(
        provider=provider,
        region=valid_name(text_of(cluster, "region")),
        zone=valid_name(text_of(cluster, "zone")),
        container=provider in _CONTAINERS,
    )


def _asked(environ: Mapping[str, str], dmi: Path, launched: Machine | None) -> dict[str, Provider]:
    if launched is not None:
        return {key: provider for key, provider in _PROVIDERS.items() if key == launched.provider}
    firmware = " ".join(_read(dmi / table) for table in _TABLES).lower()
    named = {provider for words, provider in _FIRMWARE.items() if words in firmware}
    return {key: provider for key, provider in _PROVIDERS.items() if key in named or environ.get(provider.ENDPOINT)}


def _read(file: Path) -> str:
    try:
        return file.read_text(errors="replace").strip()
    except OSError:
        return ""

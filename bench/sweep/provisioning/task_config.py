"""A task file with what a cell sets in it: the task as SkyPilot is given it."""

from __future__ import annotations

import copy
from typing import Any

from bench.record.documents import LEASE_TAG
from bench.sweep.provisioning.provisioner import LaunchRequest
from bench.sweep.task_file import infra, place
from bench.sweep.yaml_file import read

_PLACE = ("infra", "cloud", "region", "zone", "use_spot")
_GPUS = ("accelerators", "gpus")  # two names of one thing, of which SkyPilot takes one
_RECORDS = "~/bench-results"


def task_config(request: LaunchRequest) -> dict[str, Any]:
    """The whole task of `request`, as its YAML would say it."""
    config = copy.deepcopy(read(request.task).content)
    config["name"] = request.cluster
    config["envs"] = {**(config.get("envs") or {}), **request.envs}
    config["secrets"] = {**(config.get("secrets") or {}), **request.secrets}
    config["resources"] = _resources(request, config.get("resources") or {})
    if request.records:
        config["file_mounts"] = {**(config.get("file_mounts") or {}), _RECORDS: str(request.records)}
    return config


def setup_config(config: dict[str, Any]) -> dict[str, Any]:
    """The part that rents the machine and prepares it."""
    return {key: value for key, value in config.items() if key != "run"}


def run_config(config: dict[str, Any], accelerators: str | None) -> dict[str, Any]:
    """The part that measures, on the machine as it was prepared, with its `accelerators`, such as V100:1."""
    kept = {key: value for key, value in config.items() if key in ("name", "envs", "secrets", "run")}
    return kept | {"resources": {"accelerators": accelerators} if accelerators else {}}


def _resources(request: LaunchRequest, of_file: dict[str, Any]) -> dict[str, Any]:
    """The resources of the file, on the request's cloud and at its pricing."""
    resources = _placed(request, of_file, of_file)
    for key in ("any_of", "ordered"):
        if key in of_file:
            # A choice that names no place is where the words above it say.
            choices = [(choice, {**of_file, **choice}) for choice in of_file[key]]
            resources[key] = [_placed(request, choice, whole) for choice, whole in choices if _fits(request, whole)]
    if request.accelerators:
        for choice in (*resources.get("any_of", ()), *resources.get("ordered", ())):
            for key in _GPUS:
                choice.pop(key, None)
        for key in _GPUS:
            resources.pop(key, None)
        resources["accelerators"] = request.accelerators
    resources["use_spot"] = request.spot
    resources["labels"] = {**(resources.get("labels") or {}), **request.labels, LEASE_TAG: request.lease_id}
    return resources


def _fits(request: LaunchRequest, whole: dict[str, Any]) -> bool:
    """Whether a choice is on the request's cloud, in its region where it names one."""
    return place(whole).meets(place({"infra": request.cloud}))


def _placed(request: LaunchRequest, words: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """`words` with the request's cloud, if it names one, in place of that of `whole`, and without their own pricing."""
    dropped = _PLACE if request.cloud else ("use_spot",)
    kept = {key: value for key, value in words.items() if key not in dropped}
    if request.cloud is None:
        return kept
    own = infra(whole)
    # A file that says more than the sweep, such as the region, keeps it.
    return {**kept, "infra": own if own.lower().startswith(f"{request.cloud.lower()}/") else request.cloud}

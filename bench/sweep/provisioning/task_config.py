"""A task file with what a cell sets in it: the task as SkyPilot is given it."""

from __future__ import annotations

import copy
from typing import Any

from bench.sweep.provisioning.provisioner import LaunchRequest
from bench.sweep.task_file import infra, place
from bench.sweep.yaml_file import read

_PLACE = ("infra", "cloud", "region", "zone", "use_spot")
_RECORDS = "~/bench-results"


def task_config(request: LaunchRequest) -> dict[str, Any]:
    """The whole task of `order`, as its YAML would say it."""
    config = copy.deepcopy(read(request.task).content)
    config["name"] = request.cluster
    config["envs"] = {**(config.get("envs") or {}), **request.envs}
    config["secrets"] = {**(config.get("secrets") or {}), **request.secrets}
    config["resources"] = _resources(request, config.get("resources") or {})
    if request.records:
        config["file_mounts"] = {**(config.get("file_mounts") or {}), _RECORDS: str(request.records)}
    return config


def preparing(config: dict[str, Any]) -> dict[str, Any]:
    """The part that rents the machine and prepares it."""
    return {key: value for key, value in config.items() if key != "run"}


def measuring(config: dict[str, Any], accelerators: str | None) -> dict[str, Any]:
    """The part that measures, on the machine as it was prepared, with its `accelerators`, such as V100:1."""
    kept = {key: value for key, value in config.items() if key in ("name", "envs", "secrets", "run")}
    return kept | {"resources": {"accelerators": accelerators} if accelerators else {}}


def _resources(request: LaunchRequest, said: dict[str, Any]) -> dict[str, Any]:
    """The resources, on the order's cloud and at its pricing."""
    made = _placed(request, said, said)
    for key in ("any_of", "ordered"):
        if key in said:
            # A choice that names no place is where the words above it say.
            both = [(choice, {**said, **choice}) for choice in said[key]]
            made[key] = [_placed(request, choice, whole) for choice, whole in both if _fits(request, whole)]
    made["use_spot"] = request.spot
    made["labels"] = {**(made.get("labels") or {}), **request.labels}
    return made


def _fits(request: LaunchRequest, whole: dict[str, Any]) -> bool:
    """Whether a choice is on the order's cloud, in its region where it names one."""
    return place(whole).meets(place({"infra": request.cloud}))


def _placed(request: LaunchRequest, words: dict[str, Any], whole: dict[str, Any]) -> dict[str, Any]:
    """`words` with the order's cloud, if it names one, in place of that of `whole`, and without their own pricing."""
    dropped = _PLACE if request.cloud else ("use_spot",)
    kept = {key: value for key, value in words.items() if key not in dropped}
    if request.cloud is None:
        return kept
    own = infra(whole)
    # A file that says more than the sweep, such as the region, keeps it.
    return {**kept, "infra": own if own.lower().startswith(f"{request.cloud.lower()}/") else request.cloud}

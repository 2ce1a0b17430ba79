"""What a task file requests: the machines that fit, and what else the plan needs.

Resources are read by SkyPilot's own parser if it is installed, otherwise according to its documentation.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from bench.errors import UsageError
from bench.recipes import find
from bench.record.documents import Accelerators
from bench.sweep.place import Place, place
from bench.sweep.skypilot_parser import parse, parsed
from bench.sweep.spec import Cell
from bench.sweep.yaml_file import YamlFile, read
from bench.variables import GPUS

_GPUS = ("envs", GPUS.name)
# As in sky/resources.py of SkyPilot 0.14.1.
_ALIASES = {"gpus": "accelerators"}
_MINUTES = {"": 1, "m": 1, "h": 60, "d": 24 * 60, "w": 7 * 24 * 60}
_LENGTH = re.compile(r"(\d{1,9}(?:\.\d+)?)([mhdw]?)")
_WHOLE = re.compile(r"(:\d+)\.0+$", re.ASCII)  # T4:1.0 is T4:1
_PART = re.compile(r":0?\.\d*[1-9]\d*$", re.ASCII)  # half a GPU is part of a machine with one
_DISK = re.compile(r"(\d{1,9})(?:gb?|(tb?))?\+?")
_LEAST_IDLE_MINUTES = 1  # instead of 0, the meaning of `true`: otherwise the machine would go before its job arrives


@dataclass(frozen=True)
class ResourceRequest:
    """One of the machines that a task file accepts. None: not specified, any will do.

    `gpus` are those of the machine; 0: it has none. `sized`: which of cpus and memory are specified.
    """

    gpu: str | None
    gpus: int
    provider: str | None = None
    region: str | None = None
    instance_type: str | None = None
    at_most: Decimal | None = None  # USD an hour
    sized: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """A cell's task file. Runs use `ranks` GPUs at once; the machine is given back after `idle_s` without work.

    `nodes` machines are rented at once, each of them one of `requests`.
    SkyPilot takes the cheapest of `requests`, or the first available one if they are `ordered`.
    """

    requests: tuple[ResourceRequest, ...]
    ranks: int
    disk_gb: Decimal | None
    idle_s: float
    ordered: bool = False
    nodes: int = 1


def envs_of(cell: Cell, envs: Mapping[str, str]) -> dict[str, str]:
    """The variables of a cell's task as text: those of its file, overridden by the sweep's `envs`."""
    given = {**read(cell.task).mapping(("envs",)), **envs}
    return {str(name): "" if value is None else str(value) for name, value in given.items()}


def task_of(cell: Cell, envs: Mapping[str, str], recipes: tuple[str, ...]) -> Task:
    """The task of a cell: its file, restricted to the cell's cloud; the sweep's `envs` override those of the file.

    Raises UsageError, with the file and what to do, for a file that cannot be planned or run.
    """
    file = read(cell.task)
    nodes = _nodes(file)
    if nodes != 1 and recipes:
        raise UsageError(f"{file.at(('num_nodes',))}: bench trains recipes on one machine; leave it out")
    reading = _read_resources(file, cell.accelerators)
    requests = tuple(_narrowed(cell, file, list(reading.requests)))
    ranks = _ranks(file, envs_of(cell, envs))
    alone = [name for name in recipes if not find(name).parallel]
    if ranks > 1 and alone:
        raise UsageError(
            f"{file.at(_GPUS)}: {ranks} GPUs at once, and {', '.join(alone)} trains on one only; "
            "give it a machine with one GPU"
        )
    for machine in requests:
        if 0 < machine.gpus < ranks:
            raise UsageError(f"{file.at(_GPUS)}: {ranks} GPUs at once, and {machine.gpus} to be had")
    return Task(requests, ranks, reading.disk_gb, reading.idle_s, reading.ordered, nodes)


def _nodes(file: YamlFile) -> int:
    nodes = file.content.get("num_nodes")
    if nodes is None:
        return 1
    if isinstance(nodes, bool) or not isinstance(nodes, int) or nodes < 1:
        raise UsageError(f"{file.at(('num_nodes',))}: {nodes!r} is not a number of machines, such as 2")
    return nodes


class _Reading(NamedTuple):
    """What `resources` contain, before they are restricted to a cell; the fields are those of Task."""

    requests: tuple[ResourceRequest, ...]
    disk_gb: Decimal | None
    idle_s: float
    ordered: bool


def have_skypilot_read(cells: Iterable[Cell]) -> None:
    """Let SkyPilot, if installed, read the task files of all `cells` at once: its import takes seconds."""
    parse(_resources_of(read(cell.task), cell.accelerators) for cell in cells)


def _resources_of(file: YamlFile, given: Accelerators | None) -> dict[str, Any]:
    """The resources of a file, with the GPUs `given` in place of its own."""
    resources = file.mapping(("resources",))
    return resources if given is None else on_gpus(resources, str(given))


def on_gpus(resources: dict[str, Any], given: str) -> dict[str, Any]:
    """`resources` with the GPUs `given`, such as B300:1, in place of its own and those of each choice."""
    kept = _without_gpus(resources)
    for key in ("any_of", "ordered"):
        if isinstance(kept.get(key), list):
            kept[key] = [_without_gpus(choice) if isinstance(choice, dict) else choice for choice in kept[key]]
    return {**kept, "accelerators": given}


def _without_gpus(words: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in words.items() if _ALIASES.get(key, key) != "accelerators"}


def _read_resources(file: YamlFile, given: Accelerators | None) -> _Reading:
    theirs = parsed(_resources_of(file, given))
    if theirs is not None and theirs.refused is not None:
        raise UsageError(f"{file.at(('resources',))}: SkyPilot refuses them ({theirs.refused}); see its task files")
    ours = _read_plainly(file, given)
    if theirs is None:
        return ours
    idle = [
        max(_LEAST_IDLE_MINUTES, each["idle_minutes"]) for each in theirs.machines if each["idle_minutes"] is not None
    ]
    # The disk is read here: SkyPilot gives a size even if the file does not.
    return _Reading(tuple(map(_as_request, theirs.machines)), ours.disk_gb, 60.0 * max(idle, default=0), theirs.ordered)


def _as_request(machine: dict[str, Any]) -> ResourceRequest:
    """The request for a machine as SkyPilot's parser returns it."""
    region, at_most = machine["region"], machine["at_most"]
    return ResourceRequest(
        machine["gpu"],
        math.ceil(machine["gpus"]),  # half a GPU is part of a machine with one
        machine["provider"],
        region and region.lower(),
        machine["instance_type"],
        None if at_most is None else Decimal(at_most),
        _sized(machine),
    )


def _sized(words: Mapping[str, Any]) -> tuple[str, ...]:
    """Which of `cpus` and `memory` are requested; an instance type determines both."""
    return tuple(key for key in ("cpus", "memory") if words.get(key)) if not words.get("instance_type") else ()


def _read_plainly(file: YamlFile, given: Accelerators | None) -> _Reading:
    """What the resources contain, read without SkyPilot."""
    resources = _canonical(file, file.mapping(("resources",)))
    choices = [{**resources, **choice} for choice in _choices(file, resources)]
    requests = tuple(_requests(file, choices, given))
    disks = [size for size in map(_disk, choices) if size is not None]
    ordered = bool(resources.get("ordered")) or (
        isinstance(resources.get("accelerators"), list) and not given and "any_of" not in resources
    )
    return _Reading(requests, max(disks, default=None), max(_idle(file, choice) for choice in choices), ordered)


def _canonical(file: YamlFile, words: dict[str, Any]) -> dict[str, Any]:
    """`words` with SkyPilot's alias `gpus` under its own name."""
    if "gpus" in words and "accelerators" in words:
        raise UsageError(f"{file.at(('resources',))}: gpus and accelerators are the same; leave one out")
    return {_ALIASES.get(key, key): value for key, value in words.items()}


def _choices(file: YamlFile, resources: dict[str, Any]) -> list[dict[str, Any]]:
    """What each choice of `any_of` or `ordered` specifies itself."""
    if "any_of" in resources and "ordered" in resources:
        raise UsageError(
            f"{file.at(('resources', 'ordered'))}: any_of and ordered are two ways to choose; leave one out"
        )
    key = "any_of" if "any_of" in resources else "ordered"
    choices = resources.get(key) or [{}]
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise UsageError(f"{file.at(('resources', key))}: is no list of mappings; see SkyPilot's task files")
    return [_canonical(file, choice) for choice in choices]


def _requests(file: YamlFile, choices: list[dict[str, Any]], given: Accelerators | None) -> Iterator[ResourceRequest]:
    """Every machine of `choices`, which include what they share; `given` overrides the file's GPUs."""
    for whole in choices:
        if whole.get("infra") and (others := [key for key in ("cloud", "region", "zone") if whole.get(key)]):
            raise UsageError(f"{file.at(('resources',))}: infra says {others[0]} too; leave one out")
        provider, region = place(whole)
        try:
            at_most = _dollars(whole.get("max_hourly_cost"))
            for gpu, gpus in _accelerators(str(given) if given else whole.get("accelerators")):
                yield ResourceRequest(gpu, gpus, provider, region, whole.get("instance_type"), at_most, _sized(whole))
        except (ValueError, InvalidOperation):
            raise UsageError(
                f"{file.at(('resources',))}: accelerators are such as V100:1, max_hourly_cost is a number"
            ) from None


def _dollars(value: Any) -> Decimal | None:
    """Raises ValueError or InvalidOperation for an invalid amount."""
    if value is None:
        return None
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise ValueError(value)
    return amount


def _accelerators(value: Any) -> Iterator[tuple[str | None, int]]:
    """Names and numbers in `V100`, `V100:8`, `{V100: 8}`, `{V100:8, A100:1}`, lists, sets; else raises ValueError."""
    if not value:
        yield None, 0
        return
    if isinstance(value, dict):  # {V100:8}, without a space, is the key "V100:8" without a value
        value = [str(name) if count is None else f"{name}:{count}" for name, count in value.items()]
    elif isinstance(value, set):
        value = sorted(value, key=str)
    for each in value if isinstance(value, list) else [value]:
        if not isinstance(each, str):
            raise ValueError(each)
        gpus = Accelerators.parse(_PART.sub(":1", _WHOLE.sub(r"\1", each.replace(" ", ""))))
        yield gpus.name, gpus.count


def _narrowed(cell: Cell, file: YamlFile, requests: list[ResourceRequest]) -> Iterator[ResourceRequest]:
    """The requests on the cell's cloud, and in its region if it names one."""
    asked = place({"infra": cell.cloud})
    fitting = [machine for machine in requests if Place(machine.provider, machine.region).meets(asked)]
    if not fitting:
        held = ", ".join(sorted({"/".join(filter(None, (m.provider, m.region))) for m in requests}))
        raise UsageError(f"{file.at(('resources',))}: nothing here for {cell.cloud}; it names {held}")
    for machine in fitting:
        yield replace(machine, provider=asked.provider or machine.provider, region=asked.region or machine.region)


def _ranks(file: YamlFile, envs: Mapping[str, str]) -> int:
    try:
        return GPUS.parse(envs.get(GPUS.name) or "1")
    except ValueError as error:
        raise UsageError(f"{file.at(_GPUS)}: {error}") from None


def _disk(resources: Mapping[str, Any]) -> Decimal | None:
    size = _DISK.fullmatch(str(resources.get("disk_size", "")).lower())
    return Decimal(size[1]) * (1024 if size[2] else 1) if size else None


def _idle(file: YamlFile, resources: Mapping[str, Any]) -> float:
    """The seconds of `autostop: 5`, `10m`, `10h`, `1d`, `true` or `{idle_minutes: 5}`; 0 for false or none."""
    autostop = resources.get("autostop")
    if isinstance(autostop, dict):
        autostop = autostop.get("idle_minutes", True)
    if autostop is None or autostop is False:
        return 0.0
    if autostop is True:
        return 60.0 * _LEAST_IDLE_MINUTES
    length = _LENGTH.fullmatch(str(autostop).lower())
    if not length:
        raise UsageError(f"{file.at(('resources',))}: autostop {autostop!r} is not such as 10, 30m, 10h or 1d")
    return 60.0 * max(_LEAST_IDLE_MINUTES, math.ceil(float(length[1]) * _MINUTES[length[2]]))

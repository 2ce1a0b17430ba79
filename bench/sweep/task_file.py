"""What a task file asks for, read without SkyPilot: the machines that fit, and what the plan needs beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

from bench.errors import UsageError
from bench.recipes import find
from bench.record.documents import Accelerators
from bench.sweep.spec import Cell
from bench.sweep.yaml_file import YamlFile, read
from bench.variables import GPUS

_GPUS = ("envs", GPUS.name)


class Place(NamedTuple):
    """A cloud and a region of it, in small letters. None: any."""

    provider: str | None
    region: str | None

    def meets(self, other: Place) -> bool:
        """Whether one machine can be in both."""
        return all(None in pair or pair[0] == pair[1] for pair in zip(self, other, strict=True))


def infra(words: Mapping[str, Any]) -> str:
    """The place that `words` name, as SkyPilot's `infra` says it: cloud/region/zone, * for any, empty for all."""
    named = words.get("infra") or "/".join(str(words.get(key) or "*") for key in ("cloud", "region", "zone"))
    return str(named).rstrip("/*")


def place(words: Mapping[str, Any]) -> Place:
    """The place that `words` name."""
    provider, region = (*infra(words).lower().split("/"), "", "")[:2]
    return Place(*(None if word in ("", "*") else word for word in (provider, region)))


@dataclass(frozen=True)
class ResourceRequest:
    """One of the machines that a task file would take. None: it does not say, and any will do.

    `gpus` are those of the machine; 0 is one without.
    """

    gpu: str | None
    gpus: int
    provider: str | None = None
    region: str | None = None
    instance_type: str | None = None
    at_most: Decimal | None = None  # USD an hour


@dataclass(frozen=True)
class Task:
    """A cell's task file. Runs use `ranks` GPUs at once; the machine is given back after `idle_s` without work."""

    requests: tuple[ResourceRequest, ...]
    ranks: int
    disk_gb: Decimal | None
    idle_s: float


def task_of(cell: Cell, envs: Mapping[str, str], recipes: tuple[str, ...]) -> Task:
    """The task of a cell: its file, narrowed to the cell's cloud, with the sweep's `envs` over those of the file.

    Raises UsageError, with the file and what to do, for a file that cannot be planned or run.
    """
    file = read(cell.task)
    resources = _mapping(file, ("resources",))
    if file.content.get("num_nodes", 1) != 1:
        raise UsageError(f"{file.at(('num_nodes',))}: bench trains on one machine; leave it out")
    requests = tuple(_narrowed(cell, file, list(_requests(file, resources, cell.accelerators))))
    ranks = _ranks(file, {**_mapping(file, ("envs",)), **envs})
    alone = [name for name in recipes if not find(name).parallel]
    if ranks > 1 and alone:
        raise UsageError(
            f"{file.at(_GPUS)}: {ranks} GPUs at once, and {', '.join(alone)} trains on one only; "
            "give it a machine with one GPU"
        )
    for machine in requests:
        if 0 < machine.gpus < ranks:
            raise UsageError(f"{file.at(_GPUS)}: {ranks} GPUs at once, and {machine.gpus} to be had")
    return Task(requests, ranks, _disk(resources), _idle(resources))


def _mapping(file: YamlFile, place: tuple[str, ...]) -> dict[str, Any]:
    mapping: Any = file.content
    for step in place:
        mapping = mapping.get(step) or {}
    if not isinstance(mapping, dict):
        raise UsageError(f"{file.at(place)}: is no mapping; write `key: value`, a line each")
    return mapping


def _requests(file: YamlFile, resources: dict[str, Any], given: Accelerators | None) -> Iterator[ResourceRequest]:
    """Every machine of `any_of` or `ordered`, each with what stands above them; `given` outranks the file's GPUs."""
    key = "any_of" if "any_of" in resources else "ordered"
    choices = resources.get(key) or [{}]
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices):
        raise UsageError(f"{file.at(('resources', key))}: is no list of mappings; see SkyPilot's task files")
    for choice in choices:
        whole = {**resources, **choice}
        provider, region = place(whole)
        try:
            at_most = _dollars(whole.get("max_hourly_cost"))
            for gpu, gpus in _accelerators(str(given) if given else whole.get("accelerators")):
                yield ResourceRequest(gpu, gpus, provider, region, whole.get("instance_type"), at_most)
        except (ValueError, InvalidOperation):
            raise UsageError(
                f"{file.at(('resources',))}: accelerators are such as V100:1, max_hourly_cost is a number"
            ) from None


def _dollars(value: Any) -> Decimal | None:
    """Raises ValueError or InvalidOperation for what is no amount."""
    if value is None:
        return None
    amount = Decimal(str(value))
    if not amount.is_finite():
        raise ValueError(value)
    return amount


def _accelerators(value: Any) -> Iterator[tuple[str | None, int]]:
    """Names and numbers, of `V100`, `V100:8`, `{V100: 8}` or a list of such. Raises ValueError for what is neither."""
    if not value:
        yield None, 0
    elif isinstance(value, dict):
        yield from ((str(name), 1 if count is None else int(count)) for name, count in value.items())
    else:
        for each in value if isinstance(value, list) else [value]:
            gpus = Accelerators.parse(str(each).replace(" ", ""))
            yield gpus.name, gpus.count


def _narrowed(cell: Cell, file: YamlFile, requests: list[ResourceRequest]) -> Iterator[ResourceRequest]:
    """Those on the cell's cloud, in its region where it names one."""
    asked = place({"infra": cell.cloud})
    fitting = [machine for machine in requests if Place(machine.provider, machine.region).meets(asked)]
    if not fitting:
        held = ", ".join(sorted({"/".join(filter(None, (m.provider, m.region))) for m in requests}))
        raise UsageError(f"{file.at(('resources',))}: nothing here for {cell.cloud}; it names {held}")
    for machine in fitting:
        yield replace(machine, provider=asked.provider or machine.provider, region=asked.region or machine.region)


def _ranks(file: YamlFile, envs: Mapping[str, Any]) -> int:
    try:
        return GPUS.parse(str(envs.get(GPUS.name) or 1))
    except ValueError as error:
        raise UsageError(f"{file.at(_GPUS)}: {error}") from None


def _disk(resources: Mapping[str, Any]) -> Decimal | None:
    size = str(resources.get("disk_size", "")).lower().removesuffix("gb").removesuffix("+")
    return Decimal(size) if size.isdecimal() else None


def _idle(resources: Mapping[str, Any]) -> float:
    """Seconds, of `autostop: {idle_minutes: 5}` or `autostop: 5`."""
    autostop = resources.get("autostop")
    minutes = autostop.get("idle_minutes") if isinstance(autostop, dict) else autostop
    return 60.0 * minutes if isinstance(minutes, int | float) and not isinstance(minutes, bool) else 0.0

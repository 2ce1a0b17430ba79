"""The sweep file: what to run, on which machines, and what it may cost. YAML, checked before anything is rented."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictInt,
    StrictStr,
    ValidationError,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from bench import variables
from bench.billing import gpu_table
from bench.errors import UsageError
from bench.recipes import RECIPES, find
from bench.record.documents import Accelerators
from bench.sweep.program import OfProgram
from bench.sweep.yaml_file import YamlFile, is_file, is_folder, read
from bench.text import DURATION, did_you_mean, duration

Pricing = Literal["on-demand", "spot"]

TASKS = Path("sky")
SWEEP_TAG = "bench-sweep"  # on every lease of a sweep
CLUSTER_PREFIX = "bench-"
_GPUS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*:[1-9][0-9]*", re.ASCII)


@dataclass(frozen=True)
class Cell:
    """One machine of a sweep. `cloud` is an `infra` of SkyPilot; None: whatever the task file allows.

    `machine` is GPUs with their number, `B300:1`; or a task file, by its name in sky/ or its path. `own_task` is the
    task file of the user's program, used in place of sky/gpu.yaml.
    """

    sweep: str
    machine: str
    cloud: str | None = None
    spot: bool = False
    own_task: str | None = None

    @property
    def name(self) -> str:
        """Such as `v100-aws-us-east-1-spot`: determined by the words of the sweep file, unique within it."""
        gpus = self.accelerators
        machine = self.task.stem if gpus is None else f"{gpus.name}x{gpus.count}" if gpus.count > 1 else gpus.name
        words = filter(None, (machine, self.cloud, "spot" if self.spot else None))
        return "-".join(re.sub(r"[^a-z0-9]+", "-", word.lower()).strip("-") for word in words)

    @property
    def cluster(self) -> str:
        """SkyPilot's name of the machine: `bench-<sweep>-<cell>`."""
        return cluster_of(self.tag)

    @property
    def tag(self) -> str:
        """The value of the tag `SWEEP_TAG` of its leases: `<sweep>/<cell>`."""
        return f"{self.sweep}/{self.name}"

    @property
    def accelerators(self) -> Accelerators | None:
        """The GPUs that replace those of the task file; None: those of the file."""
        return Accelerators.parse(self.machine) if _GPUS.fullmatch(self.machine) else None

    @property
    def task(self) -> Path:
        """`sky/<machine>.yaml`, or the file that the sweep names; `sky/gpu.yaml` accepts any GPU.

        It is relative to the working directory unless the sweep gives a full path.
        """
        if self.own_task:
            return Path(self.own_task)
        if self.accelerators:
            return TASKS / "gpu.yaml"
        named = Path(self.machine)
        return named if len(named.parts) > 1 or named.suffix else TASKS / f"{self.machine}.yaml"


def cluster_of(tag: str) -> str:
    """SkyPilot's name of the machine of the cell whose leases have that `SWEEP_TAG`."""
    return f"{CLUSTER_PREFIX}{tag.replace('/', '-', 1)}"


def cells(
    sweep: str,
    machines: Sequence[str],
    clouds: Sequence[str],
    pricing: Sequence[Pricing],
    own_task: str | None = None,
) -> Iterator[Cell]:
    """Every machine on every cloud at every pricing, in the given order; without clouds the task file decides."""
    for machine, cloud, kind in product(machines, clouds or (None,), pricing):
        yield Cell(sweep, machine, cloud, spot=kind == "spot", own_task=own_task)


# Set by the sweep itself for every cell.
_SET_BY_SWEEP = {variables.RECIPES.name: "recipes", variables.RUNS.name: "runs", variables.STORE.name: "store"}
_SECRETS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"}


def _recipe(name: str) -> str:
    try:
        return find(name).name
    except UsageError as error:
        raise ValueError(str(error)) from None


def _settable(name: str) -> str:
    if name in _SET_BY_SWEEP:
        raise ValueError(f"the sweep sets this itself, from `{_SET_BY_SWEEP[name]}`")
    if name in _SECRETS:
        raise ValueError("a key does not belong in a file; set it in the shell, from where the task files take it")
    return name


def _text(value: object) -> object:
    """A number as text, as in the environment."""
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


_Recipe = Annotated[
    StrictStr,
    AfterValidator(_recipe),
    WithJsonSchema({"enum": [recipe.name for recipe in RECIPES], "type": "string"}),
]
_Duration = Annotated[
    timedelta,
    BeforeValidator(duration),
    WithJsonSchema({"pattern": f"^{DURATION.pattern}$", "type": "string"}),
]
_Dollars = Annotated[
    Decimal,
    Field(gt=0, allow_inf_nan=False),
    WithJsonSchema({"exclusiveMinimum": 0, "type": "number"}),
]
_Variable = Annotated[StrictStr, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"), AfterValidator(_settable)]
_Value = Annotated[StrictStr, BeforeValidator(_text), WithJsonSchema({"type": ["string", "number"]})]


class Sweep(OfProgram):
    """A sweep. Every cell runs all recipes in turn, or the user's task, `runs` times each, on one machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", title="bench sweep")

    name: StrictStr = Field(
        pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$", max_length=40, description="small letters, digits and -"
    )
    recipes: tuple[_Recipe, ...] = Field((), min_length=1, description="recipes, as `bench recipes` lists them")
    runs: StrictInt = Field(ge=1, le=10_000, description="runs of each recipe in each cell")
    machines: tuple[Annotated[StrictStr, Field(min_length=1)], ...] = Field(
        min_length=1,
        description="GPUs such as B300:1; v100 for sky/v100.yaml in the working directory; or the path of a task file",
    )
    clouds: tuple[Annotated[StrictStr, Field(pattern=r"^[a-z][a-z0-9]*(/\S+)?$")], ...] = Field(
        (), description="aws, aws/us-east-1, slurm/ci, …: SkyPilot's `infra`; default: what the task files allow"
    )
    pricing: tuple[Pricing, ...] = Field(("on-demand",), min_length=1, description="on-demand, spot, or both")
    store: Annotated[StrictStr, Field(pattern=r"^s3://[^/\s]+(/\S*)?$")] | None = Field(
        None,
        description="s3://bucket/prefix, where the machines write; default: records are collected from the jobs' logs",
    )
    max_cost: _Dollars | None = Field(
        None, description="USD for all cells together, at which every machine is given back"
    )
    max_duration: _Duration | None = Field(
        None, description="90s, 45m, 2h or 1d, after which every machine is given back"
    )
    attempts: StrictInt = Field(
        3,
        ge=1,
        le=100,
        description="machines per cell in one call: a preempted spot machine is replaced, "
        "and so is a lost node of your own cluster",
    )
    parallel: StrictInt | None = Field(None, ge=1, description="concurrent cells; default: all")
    envs: dict[_Variable, _Value] = Field(
        default_factory=dict, description=f"variables for every cell, such as {variables.IMAGE.name}"
    )

    def cells(self) -> tuple[Cell, ...]:
        """Every cell, in the order of the file."""
        return tuple(cells(self.name, self.machines, self.clouds, self.pricing, self.task))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of what runs: the recipes, or the program."""
        return self.recipes if self.program is None else (self.program,)

    @field_validator("envs")
    @classmethod
    def _readable(cls, envs: dict[str, str]) -> dict[str, str]:
        try:
            variables.check(envs)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return envs

    @model_validator(mode="after")
    def _recipes_or_task(self) -> Sweep:
        if not self.recipes and self.task is None:
            raise ValueError("recipes: is missing: [myrtle, …], or task: train.yaml for a program of your own")
        if self.recipes and self.task is not None:
            raise ValueError("task: and recipes are two things to run; name one of them")
        if self.task is None and (self.steps or self.total_steps or self.target):
            raise ValueError("steps, total_steps and target are for a task of your own; recipes have theirs")
        if self.task is not None and self.store is not None:
            raise ValueError("store: the records of a task come home by its log, so that it needs no key; leave it out")
        if self.task is not None and (others := [name for name in self.machines if not _GPUS.fullmatch(name)]):
            raise ValueError(f"machines: {others[0]} is no GPU; a task of your own takes GPUs such as H100:1")
        return self

    @model_validator(mode="after")
    def _no_twins(self) -> Sweep:
        if len(set(self.recipes)) < len(self.recipes):
            raise ValueError("recipes: one is named twice; raise `runs` for more of it")
        names = [cell.name for cell in self.cells()]
        if twins := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two cells would be called {twins[0]}; name each machine, cloud and pricing once")
        return self


def load(path: str | Path) -> Sweep:
    """The sweep in the file `path`.

    Raises UsageError, with the file, the line and what to do, for an invalid sweep file, and for a machine whose task
    file does not exist.
    """
    file = read(Path(path))
    try:
        sweep = Sweep.model_validate(file.content)
    except ValidationError as error:
        raise UsageError(_message(file, error)) from None
    if sweep.task is not None and not is_file(Path(sweep.task)):
        raise UsageError(f"{file.at(('task',))}: no task file {sweep.task} here")
    for index, cell in enumerate(cells(sweep.name, sweep.machines, (), ("on-demand",), sweep.task)):
        if not is_file(cell.task):
            raise UsageError(f"{file.at(('machines', index))}: no task file {cell.task} here{_instead(cell)}")
    return sweep


def _message(file: YamlFile, error: ValidationError) -> str:
    """The first mistake, in terms of the file and not of the model."""
    first = error.errors()[0]
    place = tuple(step for step in first["loc"] if step != "[key]")
    match first["type"]:
        case "extra_forbidden":
            what = "; ".join(filter(None, ("no such key", did_you_mean(str(place[-1]), Sweep.model_fields))))
        case "missing":
            what = f"is missing: {Sweep.model_fields[str(place[0])].description}"
        case "tuple_type":
            what = "is no list; write [one, two]"
        case "string_pattern_mismatch" | "too_short" | "string_too_long":
            what = f"{first['input']!r} does not fit: {_description(place)}"
        case "value_error":
            what = str(first["ctx"]["error"])
        case _:
            what = f"{first['msg']}, not {first['input']!r}: {_description(place)}"
    return f"{file.at(place)}: {what}".replace(": : ", ": ")


def _description(place: Sequence[Any]) -> str:
    if len(place) > 1 and place[0] == "envs":
        return "names of letters, digits and _, with text or a number each"
    field = Sweep.model_fields.get(str(place[0]))
    return (field and field.description) or "see `bench schema sweep`"


def _instead(cell: Cell) -> str:
    """What to do about a task file that does not exist."""
    if not is_folder(cell.task.parent):
        return f", nor a folder {cell.task.parent}; call bench where the task files lie"
    names = (row["skypilot"] for row in gpu_table())
    if gpu := next((name for name in names if name.lower() == cell.machine.lower()), None):
        return f"; GPUs are given with their number: {gpu}:1"
    near = did_you_mean(cell.task.stem, (path.stem for path in cell.task.parent.glob("*.y*ml")))
    return f"; {near or f'see {cell.task.parent} for what there is'}"

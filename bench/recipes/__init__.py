"""The recipes: training programs with everything fixed but the seed. This table can be read without torch."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from bench.errors import UsageError
from bench.recipes.source import source_sha256
from bench.text import did_you_mean

if TYPE_CHECKING:  # it needs torch
    from bench.training.api import Cifar10, Compute, Events


class Trainer(Protocol):
    """A recipe made ready on a device: it can be run again and again, each time from scratch.

    `compute` is how it uses the device, which may be less than the device has to offer. `batch` is the number of
    images an optimiser step sees.
    """

    batch: int

    @property
    def compute(self) -> Compute:
        """The device and the way it is used."""

    def warm_up(self) -> None:
        """What need be done once a process and is not timed: compilation, the choice of kernels."""

    def run(self, seed: int, events: Events) -> None:
        """Train from scratch with `seed`, telling `events`."""


class Build(Protocol):
    """What a recipe's module offers under the name `build`."""

    def __call__(self, data: Cifar10, compute: Compute) -> Trainer:
        """The recipe, ready to run on `data`."""


@dataclass(frozen=True)
class Recipe:
    """What is known of a recipe without importing it.

    `target` is a share of the test images, 0..1. `version` is raised where what it trains or tests becomes another
    thing: records of two versions are never counted together. One that is `parallel` can train on several GPUs at once.

    `tflop` is the arithmetic of a run in TFLOP: three forward passes a training image, one a view of a test image in
    the final evaluation. None: nobody counted. `tflop_parallel` is that on several GPUs, where it is another schedule.
    Without `half` it computes in float32 on every device.
    """

    name: str
    summary: str
    target: float
    version: int = 1
    parallel: bool = False
    tflop: float | None = None
    tflop_parallel: float | None = None
    half: bool = True

    @property
    def module(self) -> str:
        """The module that holds the recipe."""
        return f"{__name__}.{self.name.replace('-', '_')}"

    def build(self, data: Cifar10, compute: Compute) -> Trainer:
        """Import the recipe and make it ready on a device."""
        return cast(Build, importlib.import_module(self.module).build)(data, compute)

    def source_sha256(self) -> str:
        """What decides how it trains, as a hash: see bench.recipes.source."""
        return source_sha256(self.module)


# Published are the TFLOP of myrtle (without its test), myrtle-tricks, airbench94 and airbench94-muon; the others are
# counted in the same way. tests/recipes/test_published_numbers.py holds all of them to what the networks do.
RECIPES: tuple[Recipe, ...] = (
    Recipe(
        "dawn-resnet164",
        "Stanford's pre-activation ResNet-164, the baseline of DAWNBench, 181 epochs (2017)",
        0.94,
        tflop=13_431,
        half=False,
    ),
    Recipe(
        "bkj",
        "Ben Johnson's ResNet-18, the fastest single GPU when DAWNBench closed, 40 epochs (2018)",
        0.94,
        tflop=5520,
    ),
    Recipe(
        "fastai-wrn",
        "fast.ai's WRN-22-6, 30 epochs on one GPU, 40 on eight (2018)",
        0.94,
        parallel=True,
        tflop=12_405,
        tflop_parallel=16_361,
    ),
    Recipe("myrtle", "David Page's ResNet-9 of the DAWNBench entry, 24 epochs (2018)", 0.94, tflop=2712),
    Recipe("myrtle-tricks", "David Page's bag of tricks, 10 epochs, flip at test time (2019)", 0.94, tflop=1148),
    Recipe(
        "myrtle-tricks-13ep",
        "David Page's bag of tricks, 13 epochs, no flip at test time (2019)",
        0.94,
        tflop=1480,
    ),
    Recipe("hlb", "hlb-CIFAR10 0.7, 12.1 epochs by SGD with CutMix and lookahead (2023)", 0.94, tflop=588),
    Recipe("airbench94", "Keller Jordan's airbench94, 9.9 epochs by SGD with lookahead (2024)", 0.94, tflop=360),
    Recipe(
        "airbench94-muon",
        "Keller Jordan's airbench94 with the Muon optimiser, 8 epochs (2024)",
        0.94,
        tflop=298,
    ),
    Recipe(
        "speedrun",
        "our own, from airbench94-muon: smaller batches, growing images, only the hardest images at the end",
        0.94,
        version=4,
        tflop=227,
    ),
    Recipe(
        "speedrun-sure",
        "speedrun with 10 epochs instead of 8, to reach 94 % nearly every time",
        0.94,
        tflop=280,
    ),
    Recipe("quick", "the network of airbench94-muon, half an epoch, to try everything in a minute", 0.80, tflop=22.4),
)


def not_recipes(names: Iterable[str]) -> list[str]:
    """Those of `names` that no recipe has."""
    known = {recipe.name for recipe in RECIPES}
    return [name for name in names if name not in known]


def find(name: str) -> Recipe:
    """The recipe called `name`. Raises UsageError with the nearest name where there is none."""
    by_name = {recipe.name: recipe for recipe in RECIPES}
    if name in by_name:
        return by_name[name]
    raise UsageError(f"no recipe is called {name!r}; {did_you_mean(name, by_name) or '`bench recipes` lists them'}")

"""What a step of a recipe reads and writes, counted without a GPU: every operation on torch's "meta" device."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from bench.recipes import Recipe, find
from bench.training.api import Cifar10, Compute, Training

_CPU = Compute(torch.device("cpu"), torch.float32, "eager")


@dataclass(frozen=True)
class Traffic:
    """Of a recipe: the steps and the TFLOP of a run, the bytes of a step (the mean over its stages), the precision."""

    recipe: str
    steps: int
    tflop: float
    step_bytes: float
    half: bool


class Bytes(TorchDispatchMode):
    """Inside, bytes that operations read and write; what only looks at a tensor otherwise moves none."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        self.moved: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call `func` and add what it moves."""
        result = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [leaf for leaf in tree_leaves((args, kwargs, result)) if isinstance(leaf, Tensor)]
            self.moved += sum(map(_size, tensors))
        return result


def _size(tensor: Tensor) -> int:
    """What of it lies in memory: an expanded tensor is read from a smaller one."""
    return int(tensor.element_size()) * min(tensor.numel(), tensor.untyped_storage().nbytes() // tensor.element_size())


def moved(work: Callable[[], object]) -> int:
    """The bytes that `work` reads and writes."""
    counted = Bytes()
    with counted:
        work()
    return counted.moved


def traffic(name: str) -> Traffic:
    """Count the network, its loss and their gradients at full size, in each stage of a run."""
    recipe = find(name)
    training = _built(recipe, 1)
    batch, steps = training.batch, training.steps(50_000 // training.batch)
    network = training.network.to("meta")
    if recipe.half:
        network.half()
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.float()
    network.to(memory_format=torch.channels_last)
    network.train()
    total, starts = 0.0, [*training.stages, 1.0]
    for start, end in pairwise(starts):
        training.set_stage(start)
        total += (end - start) * moved(lambda: _step(training, batch, getattr(training, "size", 32)))
    return Traffic(name, steps, recipe.tflop or float("nan"), total, recipe.half)


def _step(training: Training, batch: int, size: int) -> None:
    dtype = next(training.network.parameters()).dtype
    images = torch.empty(batch, 3, size, size, device="meta", dtype=dtype).to(memory_format=torch.channels_last)
    labels = torch.empty(batch, device="meta", dtype=torch.int64)
    training.way.image_losses(images, labels).sum().backward()
    training.network.zero_grad(set_to_none=True)


def _built(recipe: Recipe, images: int) -> Training:
    pixels, labels = np.zeros((images, 3, 32, 32), np.uint8), np.zeros(images, np.uint8)
    training = recipe.build(Cifar10(pixels, labels, pixels, labels), _CPU)
    assert isinstance(training, Training)
    return training

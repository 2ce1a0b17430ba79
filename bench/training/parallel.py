"""Data parallel training: one process a GPU, each with its share of every batch (torch's DistributedDataParallel).

Every process draws the same random numbers, so all of them agree on the order and the augmentation of the images, and
each takes its own slice of the global batch. Batch norm sees the slice alone; its running statistics are averaged
before each evaluation, which is divided among the processes too.
"""

from __future__ import annotations

from dataclasses import replace
from inspect import signature
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from bench.training.api import Cifar10, Compute, Training, View, accuracy
from bench.training.paths.way import Way

# Running statistics are averaged here and not overwritten at each step. torch 2.15 renamed the word for it.
_PARAMETERS = signature(DistributedDataParallel).parameters
_KEEP_BUFFERS: dict[str, Any] = {
    "forward_sync_buffers" if "forward_sync_buffers" in _PARAMETERS else "broadcast_buffers": False
}


def mean_over(ranks: int, value: Tensor) -> Tensor:
    """The mean of `value` over all `ranks` processes, in its place."""
    if ranks > 1:
        dist.all_reduce(value)
        value /= ranks
    return value


class ParallelTraining(Training):
    """A recipe that several processes can train together; alone it is a Training like any other.

    `batch` is the global one, which the number of processes has to divide. Several processes train eagerly.
    """

    def __init__(self, data: Cifar10, compute: Compute, network: nn.Sequential, **settings: Any) -> None:
        if compute.ranks > 1:
            compute = replace(compute, path="eager", winograd=False, open=False)
        super().__init__(data, compute, network, **settings)

    def _way(self, compute: Compute) -> Way:
        if compute.ranks == 1:
            return super()._way(compute)
        devices = [compute.device] if compute.is_cuda else None
        together = DistributedDataParallel(
            self.network, device_ids=devices, gradient_as_bucket_view=True, **_KEEP_BUFFERS
        )
        return Way(self.network, compute, self.generator, self.image_losses, together)

    def reset(self) -> None:
        """Start from scratch, all processes from the weights of the first."""
        super().reset()
        if self.compute.ranks > 1:
            for tensor in self.network.state_dict().values():
                dist.broadcast(tensor, 0)

    def mean_loss(self, loss: Tensor) -> float:
        """The loss an image of a batch. Each process knows that of its slice."""
        return super().mean_loss(mean_over(self.compute.ranks, loss.clone()) * self.compute.ranks)

    def settle(self) -> None:
        """Average the running statistics."""
        for buffer in self.network.buffers():
            if buffer.is_floating_point():
                mean_over(self.compute.ranks, buffer)

    def accuracy(self, views: tuple[View, ...]) -> float:
        """The share of the test images classified right, 0..1; each process looks at its own part of them."""
        ranks, rank = self.compute.ranks, self.compute.rank
        if ranks == 1:
            return super().accuracy(views)
        images, labels = (whole.tensor_split(ranks)[rank] for whole in (self.test_images, self.test_labels))
        share = accuracy(self.way.look, images, labels, views)
        hits = torch.tensor(round(share * len(labels)), device=labels.device)
        dist.all_reduce(hits)
        return int(hits) / len(self.test_labels)

"""Training on the images that are not learnt yet: late in a run most of the others teach next to nothing."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from bench.training.augment import Augmented


class Focused(Augmented):
    """As Augmented, but from epoch `start` (from 0) on it shows only the `share` of the images with the largest losses.

    Those losses are the ones that each image had when it was last seen, so they cost nothing: `heard` takes them. An
    epoch stays as long, and so shows some of these images more than once.
    """

    def __init__(self, images: Tensor, labels: Tensor, *, start: int, share: float, **how: Any) -> None:
        super().__init__(images, labels, **how)
        self.start, self.kept = start, round(share * len(labels))
        self.losses = torch.full((len(labels),), math.inf, device=labels.device)

    def heard(self, losses: Tensor) -> None:
        """Keep the losses [batch] of the images that came last."""
        self.losses[self.picked] = losses

    def order(self) -> Tensor:
        """The images of this epoch, in their order: int64 [n]."""
        if self.epoch < self.start:
            return super().order()
        hardest = self.losses.topk(self.kept).indices
        passes = [hardest[self.shuffled(self.kept)] for _ in range(math.ceil(len(self.labels) / self.kept))]
        return torch.cat(passes)[: len(self.labels)]

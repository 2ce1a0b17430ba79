"""The layers that the airbench family shares."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class DiracConv(nn.Conv2d):
    """A 3x3 convolution without bias, same size out, whose first C_in filters start as the identity."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3, padding=1, bias=False)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """torch's own start, then the identity in the first filters."""
        super().reset_parameters()
        nn.init.dirac_(self.weight[: self.in_channels])


class BiasBatchNorm(nn.BatchNorm2d):
    """Batch norm in float32 with its scale frozen at 1. `momentum` is torch's: the share of the new batch."""

    def __init__(self, width: int, momentum: float = 0.4, eps: float = 1e-12) -> None:
        super().__init__(width, eps=eps, momentum=momentum)
        self.weight.requires_grad_(False)


def whitening_filters(images: Tensor, eps: float, size: int = 2) -> Tensor:
    """Filters that whiten the patches of `images`, and their negatives: [2 k, C, size, size], k = C size^2.

    `images` is float [n, C, h, w]. A filter is an eigenvector of the patches' second moment over
    sqrt(eigenvalue + eps), largest first, so that the responses are uncorrelated and of unit size.
    """
    channels = images.shape[1]
    # By position in the patch: every patch's value there, for all images. No copy of the patches is made.
    height, width = images.shape[2] - size + 1, images.shape[3] - size + 1
    shifted = [
        images[:, c, y : y + height, x : x + width].reshape(-1)
        for c in range(channels) for y in range(size) for x in range(size)
    ]  # fmt: skip
    patches = torch.stack(shifted).double() if images.device.type == "cpu" else torch.stack(shifted)
    moment = patches @ patches.T / patches.shape[1]
    values, vectors = torch.linalg.eigh(moment)
    filters = (vectors / (values + eps).sqrt()).T.flip(0).reshape(-1, channels, size, size)
    return torch.cat([filters, -filters]).to(images.dtype)

"""Colour jitter and rotation on the device, as torchvision's ColorJitter and RandomRotation do them one by one."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from bench.training.augment import Augmented

# Red, green and blue in luminance (ITU-R BT.601).
_LUMA = (0.299, 0.587, 0.114)


class Jittered(Augmented):
    """Augmented, with each image's brightness, contrast and saturation changed at random, and turned a little.

    Each of the three factors lies in 1 - `colour` .. 1 + `colour`, the angle within `degrees` either way. Without
    rounding and clipping, the order of the three makes no difference; here the image is clipped once, after them.
    Turning takes the nearest pixel, black outside the image.
    """

    def __init__(self, *words: Any, colour: float, degrees: float, **more: Any) -> None:
        super().__init__(*words, **more)
        self.colour, self.degrees = colour, degrees
        self.drawn = torch.empty(0)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """See Augmented."""
        device = self.padded.device
        self.drawn = torch.rand(len(self.labels), 4, generator=self.generator, device=device) * 2 - 1
        return super().__iter__()

    def _cut(self, picked: Tensor, rows: Tensor, columns: Tensor, flips: Tensor) -> Tensor:
        drawn = self.drawn[picked]
        images = recolour(super()._cut(picked, rows, columns, flips), 1 + self.colour * drawn[:, :3])
        return turn(images, math.radians(self.degrees) * drawn[:, 3])


def recolour(images: Tensor, factors: Tensor) -> Tensor:
    """Images 0..255 [n, h, w, 3] with brightness, contrast and saturation times `factors` [n, 3]: float32."""
    brightness, contrast, saturation = factors.view(-1, 3, 1, 1, 1).unbind(1)
    x = images.float() * brightness
    grey = (x * torch.tensor(_LUMA, device=x.device)).sum(-1, keepdim=True)
    x = torch.lerp(grey.mean((1, 2), keepdim=True), x, contrast)
    grey = torch.lerp(grey.mean((1, 2), keepdim=True), grey, contrast)
    return torch.lerp(grey, x, saturation).clamp(0, 255)


def turn(images: Tensor, angles: Tensor) -> Tensor:
    """Float images [n, h, w, 3] turned about their centre by `angles` [n], in radians."""
    sin, cos, zero = angles.sin(), angles.cos(), torch.zeros_like(angles)
    matrices = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3)
    x = images.permute(0, 3, 1, 2)
    grid = F.affine_grid(matrices, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False).permute(0, 2, 3, 1).contiguous()

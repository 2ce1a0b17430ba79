"""Max pools of squares side by side, with a gradient that costs a compiled step on a GPU little."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor


def max_pool(x: Tensor, height: int, width: int) -> Tensor:
    """The largest of each `height` x `width` pixels: [n, C, h, w] to [n, C, h // height, w // width].

    What is left over at the right and at the bottom is dropped. The gradient goes to the first of equal pixels.
    """
    if torch.compiler.is_compiling() and x.is_cuda:
        pooled: Tensor = _MaxPool.apply(x, height, width)
        return pooled
    return F.max_pool2d(x, (height, width))


class _MaxPool(torch.autograd.Function):
    """As `F.max_pool2d`, of operations on single pixels, which a compiler fuses with what is before and after.

    Inductor's own gradient works out for each pixel, in some sixty operations on integers, whether the index that was
    kept is its own: on an H100 3 to 4 times as long as the memory takes. From torch 2.12 on it is taken apart into a
    scatter_add, which fuses with nothing. Here each square keeps the place of its largest pixel in one byte.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, height: int, width: int) -> Tensor:
        """[n, C, h, w] to [n, C, h // height, w // width]."""
        down, across = x.shape[2] // height * height, x.shape[3] // width * width
        squares = [x[:, :, row:down:height, column:across:width] for row in range(height) for column in range(width)]
        largest, place = squares[0], torch.zeros_like(squares[0], dtype=torch.int8)
        for number, pixel in enumerate(squares[1:], 1):
            # Of x alone, not of what is returned: a compiler computes x anew, and there it may not be rounded.
            place = torch.where(pixel > largest, number, place)
            largest = torch.maximum(largest, pixel)
        # As it lies. Inductor stores what is viewed so at once, and else after all layers: too late to be of one pass
        # over x with the largest.
        ctx.save_for_backward(place.as_strided(place.shape, place.stride()))
        ctx.sizes = x.shape[2], x.shape[3], height, width
        return largest

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """The gradient of x, 0 wherever a pixel is not the largest of its square."""
        (place,) = ctx.saved_tensors
        h, w, height, width = ctx.sizes
        rows, columns = (torch.arange(size, device=gradient.device, dtype=torch.int8) for size in (height, width))
        number = (rows[:, None] * width + columns).repeat(gradient.shape[2], gradient.shape[3])[:, :, None]
        mine = _spread(place, height, width) == number
        spread = torch.where(mine, _spread(gradient, height, width), 0).permute(0, 3, 1, 2)
        return F.pad(spread, (0, w - spread.shape[3], 0, h - spread.shape[2])), None, None


def _spread(x: Tensor, height: int, width: int) -> Tensor:
    """Each pixel of [n, C, h, w] in `height` x `width` ones: [n, h height, w width, C], as it lies in memory."""
    n, channels, h, w = x.shape
    channels_last = x.permute(0, 2, 3, 1)[:, :, None, :, None]
    return channels_last.expand(n, h, height, w, width, channels).reshape(n, h * height, w * width, channels)

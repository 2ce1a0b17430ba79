"""The airbench network on a CPU: the same function of the same parameters, on blocked activations.

See winograd.py for the layout and why. What a compiler makes faster is compiled where there is one: batch norm with
GELU, and the gradient of a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.training.winograd import conv3x3

# Outputs computed and tile size of the two convolutions of each group, for maps of 31, 15 and 7. A pool of 2
# drops the last row and column of an odd map, so they are left out before it.
_TILES = (((30, 6), (15, 5)), ((14, 7), (7, 7)), ((6, 6), (3, 3)))
# Images in a block: on two cores 100 to 400 are equally fast, 50 are not.
_BLOCK = 200


def block_of(images: int) -> int:
    """The largest block of at most 200 images that divides `images`."""
    return next(size for size in range(min(_BLOCK, images), 0, -1) if images % size == 0)


def whiten(x: Tensor, filters: Tensor, bias: Tensor) -> Tensor:
    """2x2 convolution, as one product over the four pixels of each patch, then GELU."""
    size = x.shape[1] - 1
    patches = torch.cat([x[:, y : y + size, z : z + size] for y in (0, 1) for z in (0, 1)], -1)
    out = torch.addmm(bias, patches.view(-1, patches.shape[-1]), filters)
    return F.gelu(out).view(*patches.shape[:-1], -1)


class _Pool(torch.autograd.Function):
    """Maximum over 2x2 pixels. By hand, since no library's gradient of it is fast in this layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: Callable[..., Tensor]) -> Tensor:
        blocks, height, width, *rest = x.shape
        x = x.view(blocks, height // 2, 2, width // 2, 2, *rest)
        y = torch.maximum(x[:, :, 0, :, 0], x[:, :, 0, :, 1])
        for column in (0, 1):
            torch.maximum(y, x[:, :, 1, :, column], out=y)
        ctx.save_for_backward(x, y)
        ctx.share = share
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return ctx.share(*ctx.saved_tensors, *gradients).flatten(3, 4).flatten(1, 2), None


def share(x: Tensor, y: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of a maximum `y` over 2x2 pixels `x` [b, h, 2, w, 2, n, c]: to the largest, ties in equal parts."""
    ties = sum((x[:, :, row, :, column] == y).float() for row in (0, 1) for column in (0, 1))
    part = (gradient / ties)[:, :, None, :, None]
    return torch.where(x == y[:, :, None, :, None], part, 0.0)


def norm_gelu(
    x: Tensor, mean: Tensor, var: Tensor, bias: Tensor, training: bool, momentum: float, eps: float
) -> Tensor:
    """Batch norm without scale over all images and pixels, then GELU. Moves `mean` and `var` in training."""
    flat = F.batch_norm(x.view(-1, x.shape[-1]), mean, var, None, bias, training, momentum, eps)
    return F.gelu(flat).view(x.shape)


class Blocked:
    """A network of the airbench family, called on images [n, 3, 32, 32]; `compiled` compiles the pieces."""

    def __init__(
        self, whitening: nn.Conv2d, groups: Sequence[nn.Sequential], head: Callable[[Tensor], Tensor], *, compiled: bool
    ) -> None:
        def piece(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
            return torch.compile(function, dynamic=False) if compiled else function

        self.whitening, self.groups, self.head = whitening, groups, head
        self._norm_gelu, self._share = piece(norm_gelu), piece(share)

    def __call__(self, images: Tensor, train_whitening_bias: bool = False) -> Tensor:
        """Logits [n, 10]; see the network's own forward."""
        bias = self.whitening.bias
        assert bias is not None
        filters = self.whitening.weight.permute(2, 3, 1, 0).reshape(12, -1)
        x = images.view(-1, block_of(len(images)), *images.shape[1:]).permute(0, 3, 4, 1, 2).contiguous()
        x = whiten(x, filters, bias if train_whitening_bias else bias.detach())
        for group, ((out1, m1), (out2, m2)) in zip(self.groups, _TILES, strict=True):
            conv1, _, norm1, _, conv2, norm2, _ = group
            x = _Pool.apply(_convolve(conv1, x, out1, m1), self._share)
            x = self._norm_gelu(x, *_norm(norm1))
            x = self._norm_gelu(_convolve(conv2, x, out2, m2), *_norm(norm2))
        return self.head(x.amax((1, 2)).flatten(0, 1))


def _convolve(conv: Any, x: Tensor, out: int, m: int) -> Tensor:
    return conv3x3(x, conv.weight, out, m)


def _norm(norm: Any) -> tuple[Any, ...]:
    return norm.running_mean, norm.running_var, norm.bias, norm.training, norm.momentum, norm.eps

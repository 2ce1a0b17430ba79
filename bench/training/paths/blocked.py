"""A network on a CPU, on blocked activations: the same function of the same parameters.

See winograd.py for the layout and why. The network's layers are read off one by one; those computed another way
here are 3x3 convolutions, whitening, 1x1 convolutions, pools and batch norms. What a compiler makes faster is
compiled where there is one: batch norm with the activation after it, and the gradient of a pool.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.training.layers import (
    BiasBatchNorm,
    Conv3x3,
    GhostBatchNorm,
    GlobalMaxPool,
    Residual,
    Scale,
    Whitening,
    ghost_norm,
)
from bench.training.paths.winograd import conv3x3, tile_of

# Images in a block: on two cores 100 to 400 are equally fast, 50 are not.
_BLOCK = 200
_ACTIVATIONS = (nn.ReLU, nn.GELU, nn.CELU, nn.SiLU)
_ANYWHERE = (*_ACTIVATIONS, nn.Identity, Scale, nn.Linear)  # work on channels-last activations as they are
_KNOWN = (*_ANYWHERE, Whitening, Conv3x3, nn.BatchNorm2d, nn.MaxPool2d, GlobalMaxPool, Residual, nn.Sequential)

Step = Callable[[Tensor], Tensor]


def block_of(images: int) -> int:
    """The largest block of at most 200 images that divides `images`."""
    return next(size for size in range(min(_BLOCK, images), 0, -1) if images % size == 0)


def can_block(network: nn.Sequential) -> bool:
    """Whether every layer of `network` is known here."""
    return all(_known(layer) for layer in _layers(network))


def _known(layer: nn.Module) -> bool:
    if isinstance(layer, Residual):
        return can_block(layer.body)
    if isinstance(layer, nn.Conv2d) and not isinstance(layer, Conv3x3 | Whitening):
        return layer.kernel_size == layer.stride == (1, 1) and layer.groups == 1
    if isinstance(layer, nn.MaxPool2d):
        return layer.kernel_size == 2 and layer.padding == 0
    return isinstance(layer, _KNOWN)


def _layers(network: nn.Sequential) -> Iterator[nn.Module]:
    """The layers in order, those of inner sequences too."""
    for layer in network:
        if isinstance(layer, nn.Sequential):
            yield from _layers(layer)
        else:
            yield layer


class Blocked:
    """A network for which `can_block` holds, called on images [n, 3, h, w]; `compiled` compiles the pieces."""

    def __init__(self, network: nn.Sequential, *, compiled: bool) -> None:
        self.compiled = compiled
        self._share = self._piece(share)
        self.steps = self._plan(list(_layers(network)))

    def __call__(self, images: Tensor) -> Tensor:
        """Logits [n, classes]."""
        x = images.view(-1, block_of(len(images)), *images.shape[1:]).permute(0, 3, 4, 1, 2).contiguous()
        return _through(self.steps, x).flatten(0, 1)

    def _piece(self, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
        return torch.compile(function, dynamic=False) if self.compiled else function

    def _plan(self, layers: list[nn.Module]) -> list[Step]:
        """What to do, layer by layer; two layers in one step where that saves work."""
        steps: list[Step] = []
        while layers:
            layer = layers.pop(0)
            after = layers[0] if layers else None
            if isinstance(layer, Conv3x3):
                steps.append(partial(_convolve, layer, before_pool=isinstance(after, nn.MaxPool2d)))
            elif isinstance(layer, nn.BatchNorm2d):
                activation = layers.pop(0) if isinstance(after, _ACTIVATIONS) else nn.Identity()
                steps.append(self._norm(layer, activation))
            elif isinstance(layer, Whitening):
                steps.append(partial(_whiten, layer))
            elif isinstance(layer, nn.MaxPool2d):
                steps.append(self._pool)
            elif isinstance(layer, GlobalMaxPool):
                steps.append(_global_pool)
            elif isinstance(layer, Residual):
                steps.append(partial(_residual, self._plan(list(_layers(layer.body)))))
            elif isinstance(layer, nn.Conv2d):
                steps.append(partial(_mix, layer))
            else:
                steps.append(layer)
        return steps

    def _norm(self, norm: nn.BatchNorm2d, activation: nn.Module) -> Step:
        ghost, whole = self._piece(_ghost_act), self._piece(_norm_act)

        def step(x: Tensor) -> Tensor:
            if isinstance(norm, GhostBatchNorm) and norm.training:
                return ghost(x, norm, activation)
            scale = None if isinstance(norm, BiasBatchNorm) else norm.weight
            state = norm.running_mean, norm.running_var, scale, norm.bias
            return whole(x, *state, norm.training, norm.momentum, norm.eps, activation)

        return step

    def _pool(self, x: Tensor) -> Tensor:
        even = x[:, : x.shape[1] // 2 * 2, : x.shape[2] // 2 * 2]
        return _Pool.apply(even, self._share)  # type: ignore[no-any-return]  # torch leaves apply untyped


def _through(steps: Sequence[Step], x: Tensor) -> Tensor:
    for step in steps:
        x = step(x)
    return x


def _residual(steps: Sequence[Step], x: Tensor) -> Tensor:
    return x + _through(steps, x)


def _convolve(conv: nn.Conv2d, x: Tensor, *, before_pool: bool) -> Tensor:
    """Before a pool the last row and column of an odd map are not computed: the pool drops them."""
    out = x.shape[1] // 2 * 2 if before_pool else x.shape[1]
    return conv3x3(x, conv.weight, out, tile_of(out))


def _mix(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """A 1x1 convolution, which is a product over the channels."""
    return F.linear(x, conv.weight.flatten(1), conv.bias)


def _whiten(layer: Whitening, x: Tensor) -> Tensor:
    """A small convolution, as one product over the pixels of each patch."""
    k, pad = layer.kernel_size[0], int(layer.padding[0])
    x = F.pad(x, (0, 0, 0, 0, pad, pad, pad, pad))
    size = x.shape[1] - k + 1
    patches = torch.cat([x[:, i : i + size, j : j + size] for i in range(k) for j in range(k)], -1)
    filters = layer.weight.permute(2, 3, 1, 0).reshape(patches.shape[-1], -1)
    flat, bias = patches.view(-1, patches.shape[-1]), layer.current_bias()
    out = flat @ filters if bias is None else torch.addmm(bias, flat, filters)
    return out.view(*patches.shape[:-1], -1)


def _global_pool(x: Tensor) -> Tensor:
    return x.amax((1, 2))


class _Pool(torch.autograd.Function):
    """Maximum over 2x2 pixels. By hand, since no library's gradient of it is fast in this layout."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, share: Callable[..., Tensor]) -> Tensor:
        blocks, height, width, *rest = x.shape
        x = x.reshape(blocks, height // 2, 2, width // 2, 2, *rest)
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


def _norm_act(
    x: Tensor,
    mean: Tensor,
    var: Tensor,
    scale: Tensor | None,
    bias: Tensor,
    training: bool,
    momentum: float,
    eps: float,
    activation: nn.Module,
) -> Tensor:
    """Batch norm over all images and pixels, then the activation. Moves `mean` and `var` in training."""
    flat = F.batch_norm(x.view(-1, x.shape[-1]), mean, var, scale, bias, training, momentum, eps)
    y: Tensor = activation(flat)
    return y.view(x.shape)


def _ghost_act(x: Tensor, norm: GhostBatchNorm, activation: nn.Module) -> Tensor:
    """The same by groups of images. A group lies within a block, or is a block that the group's size cannot cut."""
    blocks, height, width, n, channels = x.shape
    images = norm.images if n % norm.images == 0 else n
    groups = x.view(blocks, height, width, -1, images, channels)
    y: Tensor = activation(ghost_norm(groups, (1, 2, 4), norm.weight, norm.bias, norm))
    return y.view(x.shape)

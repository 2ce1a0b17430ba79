"""The layers that recipes share. Each works on [n, channels, height, width]; blocked.py computes some on a CPU."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bench.training.paths.pools import max_pool

# The patches of so many images are held at once to fit whitening: half a gigabyte of them for 2x2 pixels.
_WHITENED_AT_ONCE = 5000


class Conv3x3(nn.Conv2d):
    """A 3x3 convolution without bias, same size out."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__(channels, width, 3, padding=1, bias=False)


class DiracConv(Conv3x3):
    """A 3x3 convolution whose first C_in filters start as the identity."""

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """torch's own start, then the identity in the first filters."""
        super().reset_parameters()
        self.weight[: self.in_channels] = identity(self.weight)[: self.in_channels]


def identity(filters: Tensor) -> Tensor:
    """Filters of the shape of `filters` [C_out, C_in, 3, 3], the first of which each pass one channel on.

    As nn.init.dirac_ has them, which on a GPU waits for each single number that it sets.
    """
    result = torch.zeros_like(filters)
    ones = torch.arange(min(filters.shape[:2]), device=filters.device)
    result[ones, ones, 1, 1] = 1
    return result


class BiasBatchNorm(nn.BatchNorm2d):
    """Batch norm in float32 with its scale frozen at 1. `momentum` is torch's: the share of the new batch."""

    momentum: float  # torch's own may have none

    def __init__(self, width: int, momentum: float = 0.4, eps: float = 1e-12) -> None:
        super().__init__(width, eps=eps, momentum=momentum)
        self.weight.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        """As torch has it, without counting batches: a launch of its own, for a number that nothing reads."""
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, self.eps
        )


class GhostBatchNorm(nn.BatchNorm2d):
    """Batch norm in training over groups of `images` consecutive images, each with its own mean and variance.

    The running statistics are those of the mean group. A batch that `images` does not divide is one group.
    """

    def __init__(self, width: int, images: int, *, train_scale: bool = True) -> None:
        super().__init__(width)
        self.images = images
        self.weight.requires_grad_(train_scale)

    def forward(self, x: Tensor) -> Tensor:
        """[n, C, h, w] to the same."""
        if not self.training:
            return super().forward(x)
        n, channels, height, width = x.shape
        images = self.images if n % self.images == 0 else n
        groups = x.view(-1, images, channels, height, width)
        scale, shift = (each.view(-1, 1, 1) for each in (self.weight, self.bias))
        y = ghost_norm(groups, (1, 3, 4), scale, shift, self)
        return y.view_as(x).to(x.dtype)


def ghost_norm(groups: Tensor, over: tuple[int, ...], scale: Tensor, shift: Tensor, norm: nn.BatchNorm2d) -> Tensor:
    """Normalise each group over the dimensions `over`, in float32, and move `norm`'s running statistics."""
    x = groups.float()
    var, mean = torch.var_mean(x, over, correction=0, keepdim=True)
    with torch.no_grad():
        assert norm.running_mean is not None
        assert norm.running_var is not None
        assert norm.momentum is not None
        channels = norm.num_features
        n = x.numel() // var.numel()
        norm.running_mean.lerp_(mean.view(-1, channels).mean(0), norm.momentum)
        norm.running_var.lerp_(var.view(-1, channels).mean(0) * (n / (n - 1)), norm.momentum)
    return (x - mean) * ((var + norm.eps).rsqrt() * scale) + shift


class Whitening(nn.Conv2d):
    """Frozen filters that whiten the patches of the images; `fit` sets them.

    The bias, where there is one, gets a gradient only while `bias_learns`; after that nothing reaches this far.
    """

    def __init__(self, size: int, *, negatives: bool, bias: bool, padding: int = 0) -> None:
        super().__init__(3, 3 * size**2 * (2 if negatives else 1), size, padding=padding, bias=bias)
        self.negatives, self.bias_learns = negatives, bias
        self.weight.requires_grad_(False)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Bias 0; the filters wait for `fit`."""
        super().reset_parameters()
        if self.bias is not None:
            self.bias.zero_()

    @torch.no_grad()
    def fit(self, images: Tensor, eps: float) -> None:
        """Take the filters from `images`, float [n, 3, h, w]."""
        filters = whitening_filters(images, eps, self.kernel_size[0])
        self.weight.copy_(torch.cat([filters, -filters]) if self.negatives else filters)

    def current_bias(self) -> Tensor | None:
        """The bias as it is to be used: in training cut off from the gradient once it no longer learns.

        An evaluation does not ask whether it learns, or it would be compiled once more for that.
        """
        return self.bias if self.bias is None or not self.training or self.bias_learns else self.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """[n, 3, h, w] to the responses."""
        return F.conv2d(x, self.weight, self.current_bias(), padding=cast("tuple[int, int]", self.padding))


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, *body: nn.Module) -> None:
        super().__init__()
        self.body = nn.Sequential(*body)

    def forward(self, x: Tensor) -> Tensor:
        """Same shape out."""
        return x + cast(Tensor, self.body(x))


class MaxPool(nn.MaxPool2d):
    """The largest of each square of `kernel_size` pixels, side by side."""

    kernel_size: int

    def forward(self, x: Tensor) -> Tensor:
        """[n, C, h, w] to [n, C, h // kernel_size, w // kernel_size]."""
        return max_pool(x, self.kernel_size, self.kernel_size)


def global_max(x: Tensor) -> Tensor:
    """The largest of each map: [n, C, h, w] to [n, C].

    Not torch.amax: its gradient looks for the value again, which a compiled network computes anew, unrounded. In half
    precision none is equal then, and the gradient is 0 / 0. A pool remembers the place.
    """
    return max_pool(x, *x.shape[2:]).flatten(1)


class GlobalMaxPool(nn.Module):
    """[n, C, h, w] to [n, C]."""

    def forward(self, x: Tensor) -> Tensor:
        """The largest of each map."""
        return global_max(x)


class Scale(nn.Module):
    """Multiply by a number."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        y: Tensor = self.factor * x
        return y


def whitening_filters(images: Tensor, eps: float, size: int = 2) -> Tensor:
    """Filters that whiten the patches of `images`: [k, C, size, size], k = C size^2.

    `images` is float [n, C, h, w]. A filter is an eigenvector of the patches' second moment over
    sqrt(eigenvalue + eps), largest first, so that the responses are uncorrelated and of unit size.
    """
    channels = images.shape[1]
    height, width = images.shape[2] - size + 1, images.shape[3] - size + 1
    moment: Tensor | float = 0.0
    for chunk in images.split(_WHITENED_AT_ONCE):
        # By position in the patch: every patch's value there. No copy of the patches is made.
        shifted = [
            chunk[:, c, y : y + height, x : x + width].reshape(-1)
            for c in range(channels)
            for y in range(size)
            for x in range(size)
        ]
        patches = torch.stack(shifted).double() if images.device.type == "cpu" else torch.stack(shifted)
        moment = moment + patches @ patches.T
    values, vectors = torch.linalg.eigh(moment / (len(images) * height * width))
    filters: Tensor = (vectors / (values + eps).sqrt()).T.flip(0).reshape(-1, channels, size, size)
    return filters.to(images.dtype)


def conv(channels: int, width: int, size: int, stride: int = 1) -> nn.Conv2d:
    """A convolution without bias of an odd `size`; with stride 1 its output is as large as its input."""
    return nn.Conv2d(channels, width, size, stride, padding=size // 2, bias=False)


def activation(channels: int) -> list[nn.Module]:
    """Batch norm and ReLU."""
    return [nn.BatchNorm2d(channels), nn.ReLU()]


class PreActivation(nn.Module):
    """carried + `factor` x body(activated), where activated = ReLU(BN(x)).

    What is carried is x itself; where `body` changes the shape, a 1x1 convolution of the activated x; and with
    `carry_activated` the activated x.
    """

    def __init__(
        self, channels: int, width: int, stride: int, *body: nn.Module, factor: float = 1, carry_activated: bool = False
    ) -> None:
        super().__init__()
        self.activated, self.body = nn.Sequential(*activation(channels)), nn.Sequential(*body)
        self.shortcut = conv(channels, width, 1, stride) if stride != 1 or channels != width else None
        self.factor, self.carry_activated = factor, carry_activated

    def forward(self, x: Tensor) -> Tensor:
        """[n, channels, h, w] to [n, width, h / stride, w / stride]."""
        activated: Tensor = self.activated(x)
        carried = activated if self.carry_activated else x
        if self.shortcut is not None:
            carried = self.shortcut(activated)
        branch: Tensor = self.body(activated)
        return carried + (branch if self.factor == 1 else self.factor * branch)


def basic(channels: int, width: int, stride: int, **options: float) -> PreActivation:
    """Two 3x3 convolutions; `options` as PreActivation has them."""
    body = (conv(channels, width, 3, stride), *activation(width), conv(width, width, 3))
    return PreActivation(channels, width, stride, *body, **options)  # type: ignore[arg-type]  # bool is an int


def bottleneck(channels: int, width: int, stride: int) -> PreActivation:
    """1x1 to a quarter of `width`, 3x3, and 1x1 to `width`."""
    narrow = width // 4
    body = (
        conv(channels, narrow, 1),
        *activation(narrow),
        conv(narrow, narrow, 3, stride),
        *activation(narrow),
        conv(narrow, width, 1),
    )
    return PreActivation(channels, width, stride, *body)

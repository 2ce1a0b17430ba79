"""The block of pre-activation residual networks: batch norm and ReLU come before the convolutions.

He, Zhang, Ren, Sun, Identity Mappings in Deep Residual Networks, 2016, arXiv:1603.05027.
"""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor, nn

from bench.training.device import Compute


def eager_on_cpu(compute: Compute) -> Compute:
    """These networks are no faster compiled on a processor, and take minutes to compile."""
    return compute if compute.is_cuda else replace(compute, path="eager")


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


def basic(channels: int, width: int, stride: int, **words: float) -> PreActivation:
    """Two 3x3 convolutions; `words` as PreActivation has them."""
    body = (conv(channels, width, 3, stride), *activation(width), conv(width, width, 3))
    return PreActivation(channels, width, stride, *body, **words)  # type: ignore[arg-type]  # bool is an int


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

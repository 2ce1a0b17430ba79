"""speedrun-sure: speedrun with time enough to reach 94 % nearly every time.

As speedrun, but 10 epochs of whole images that grow from 20 to 26 and 32 pixels, the largest losses from epoch 8 on,
and twice the rate for the head. On 10,000 held-out training images it is right on 0.26 points [0.16, 0.35] more than
speedrun (n = 8 pairs, docs/log/speedrun.md), twice what one run differs from another.
"""

from __future__ import annotations

from bench.recipes.speedrun import Settings, Trainer
from bench.training.api import Cifar10, Compute

SETTINGS = Settings(epochs=10, focus_from=8, head_lr=1.083, sizes=((0, 20), (0.2, 26), (0.6, 32)))


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, SETTINGS)

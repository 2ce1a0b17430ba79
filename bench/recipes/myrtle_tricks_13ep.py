"""myrtle-tricks-13ep: David Page's bag of tricks as it stands before test-time augmentation (2019).

94.1 % on average in 34 s on a V100 (as published). As myrtle-tricks, but 13 epochs: learning rate 0 -> 1 at epoch 2.6
-> 0.1 at epoch 11, then flat; cutout 5x5; tested on the plain image.
"""

from __future__ import annotations

from bench.recipes.myrtle_tricks import Settings, Trainer
from bench.training.api import PLAIN, Cifar10, Compute

SETTINGS = Settings(epochs=13, cutout=5, lr=((0, 0.0), (2.6, 1.0), (11, 0.1)), views=PLAIN)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`."""
    return Trainer(data, compute, SETTINGS)

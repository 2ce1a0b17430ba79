"""quick: the network of airbench94-muon for about a minute of two CPU cores, to see the whole road work.

It is no benchmark of its own: fewer steps, a smaller batch. Its target is what it reaches in more than 95 % of
seeds, measured; see the records under results/.
"""

from __future__ import annotations

from dataclasses import replace

from bench.recipes.airbench94_muon import Settings, Trainer
from bench.training.data import Cifar10
from bench.training.device import Compute

SETTINGS = Settings(epochs=0.4, batch=500, whitening_bias_steps=15)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`. It is never compiled: that takes as long as the run."""
    return Trainer(data, replace(compute, path="eager"), SETTINGS)

"""quick: the network of airbench94-muon for about a minute of two CPU cores, to see the whole road work.

It is no benchmark of its own: half an epoch in batches of 500, two views in testing. Its length and its target of 80 %
were chosen on held-out training images (82.3 % and 82.7 % after as many steps, seeds 0 and 1), so that more than 95 %
of seeds should reach it; the records under results/ show how many did.
"""

from __future__ import annotations

from dataclasses import replace

from bench.recipes.airbench94_muon import Settings, Trainer
from bench.training.api import FLIP, Cifar10, Compute

SETTINGS = Settings(epochs=0.5, batch=500, whitening_bias=0.38, views=FLIP)


def build(data: Cifar10, compute: Compute) -> Trainer:
    """The recipe, ready to run on `data`. It is never compiled: that takes as long as the run."""
    return Trainer(data, replace(compute, path="captured" if compute.captures else "eager"), SETTINGS)

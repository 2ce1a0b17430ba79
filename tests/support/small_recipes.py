"""Every recipe at a size that trains in a moment: a few channels, batches of 8, and all its stages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from bench.recipes import (
    airbench94,
    airbench94_muon,
    bkj,
    dawn_resnet164,
    fastai_wrn,
    hlb,
    myrtle,
    myrtle_tricks,
    speedrun,
)
from bench.training.data import Cifar10
from bench.training.device import Compute
from bench.training.loop import Training

BATCH, EPOCH = 8, 6
_IMAGES = np.random.default_rng(0).integers(256, size=(BATCH * EPOCH + 17, 3, 32, 32), dtype=np.uint8)
_LABELS = (np.arange(len(_IMAGES)) % 10).astype(np.uint8)
DATA = Cifar10(_IMAGES[:-12], _LABELS[:-12], _IMAGES[-12:], _LABELS[-12:])

_NARROW: dict[str, Any] = {"widths": (8, 8, 8), "whitening_images": 50}
# The module, and what of its settings is changed: a run of 20 steps meets all stages.
SMALL: dict[Any, dict[str, Any]] = {
    airbench94: _NARROW | {"whitening_epochs": 1},
    airbench94_muon: _NARROW,
    # Of 4 channels a 1 x 1 convolution of stride 2 writes beyond its memory on a processor with AVX2 and nothing newer
    # (torch 2.14, oneDNN); of 8 it does not.
    bkj: {"widths": (8, 8, 8, 8), "blocks": 1, "lr": ((0, 0.0), (1, 0.1), (3, 0.0))},
    dawn_resnet164: {"blocks": 1, "width": 4, "lr": ((0, 0.01), (1, 0.01), (1, 0.1))},
    fastai_wrn: {"blocks": 1, "widen": 1, "start": 1, "tail": 0.1, "peak": 0.2},
    hlb: _NARROW | {"cutmix_epochs": 2},
    myrtle: {"width": 4, "lr": ((0, 0.0), (1, 0.4), (3, 0.0))},
    myrtle_tricks: {
        "width": 4,
        "ghost": 4,
        "whitening_images": 50,
        "cutout": 5,
        "lr": ((0, 0.0), (1, 1.0), (3, 0.1)),
    },
    speedrun: _NARROW | {"whitening_bias": 0.2, "focus_from": 2, "rescale_every": 3, "sizes": ((0, 24), (0.5, 32))},
}


def name_of(module: Any) -> str:
    """The file's name."""
    name: str = module.__name__
    return name.rpartition(".")[2]


def all_but_one_slow(quick: Any) -> list[Any]:
    """All of SMALL as parameters: each takes seconds, so that all but `quick` are marked slow."""
    return [pytest.param(module, marks=() if module is quick else pytest.mark.slow) for module in SMALL]


def small(module: Any, compute: Compute, steps: int = 20) -> Training:
    """The recipe of `module`, for so many `steps`, of which EPOCH are an epoch."""
    make: Callable[..., Training] = module.Trainer
    return make(DATA, compute, module.Settings(batch=BATCH, epochs=(steps - 0.5) / EPOCH, **SMALL[module]))

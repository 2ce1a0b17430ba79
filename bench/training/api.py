"""What recipes are made of, in one place to import it from. Training in several processes is in parallel.py."""

from __future__ import annotations

from bench.training.augment import Augmented, Focused, Jittered, squares
from bench.training.data import Cifar10
from bench.training.device import Compute, choose, eager_on_cpu, keep_freed_memory
from bench.training.evaluate import (
    EVALUATION_BATCH,
    FLIP,
    FLIP_AND_SHIFT,
    PLAIN,
    View,
    accuracy,
    evaluate_uncertain,
    look_again,
)
from bench.training.events import Events, Silent
from bench.training.layers import (
    BiasBatchNorm,
    Conv3x3,
    DiracConv,
    GhostBatchNorm,
    GlobalMaxPool,
    MaxPool,
    Residual,
    Scale,
    Whitening,
    activation,
    basic,
    bottleneck,
    conv,
    global_max,
    identity,
)
from bench.training.loop import Training
from bench.training.muon import NEWTON_SCHULZ, Coefficients, Muon
from bench.training.optimisers import (
    Average,
    Knots,
    MasterWeights,
    Optimiser,
    ScheduledSgd,
    piecewise_linear,
    sgd,
    split_biases,
)
from bench.training.paths.captured import branches

__all__ = [
    "EVALUATION_BATCH",
    "FLIP",
    "FLIP_AND_SHIFT",
    "NEWTON_SCHULZ",
    "PLAIN",
    "Augmented",
    "Average",
    "BiasBatchNorm",
    "Cifar10",
    "Coefficients",
    "Compute",
    "Conv3x3",
    "DiracConv",
    "Events",
    "Focused",
    "GhostBatchNorm",
    "GlobalMaxPool",
    "Jittered",
    "Knots",
    "MasterWeights",
    "MaxPool",
    "Muon",
    "Optimiser",
    "Residual",
    "Scale",
    "ScheduledSgd",
    "Silent",
    "Training",
    "View",
    "Whitening",
    "accuracy",
    "activation",
    "basic",
    "bottleneck",
    "branches",
    "choose",
    "conv",
    "eager_on_cpu",
    "evaluate_uncertain",
    "global_max",
    "identity",
    "keep_freed_memory",
    "look_again",
    "piecewise_linear",
    "sgd",
    "split_biases",
    "squares",
]

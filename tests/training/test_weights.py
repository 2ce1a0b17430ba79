"""The fingerprint of weights: any change of any of them is seen, and no other."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, strategies as st
from torch import nn

from bench.measure.recorder import explain
from bench.training.weights import WeightsChangedError, fingerprints, unchanged


def in_order(module: nn.Module, order: torch.memory_format = torch.channels_last) -> nn.Module:
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=order)
    return module


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return in_order(layers.to(dtype=dtype))


def same(a: nn.Module, b: nn.Module) -> bool:
    first, second = fingerprints(a), fingerprints(b)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_same_weights_have_the_same_fingerprints(dtype: torch.dtype) -> None:
    assert same(network(dtype), network(dtype))
    assert same(network(dtype), in_order(network(dtype), torch.contiguous_format))


@given(index=st.integers(0, 107), bit=st.integers(0, 31))
def test_a_single_bit_of_a_single_weight_is_seen(index: int, bit: int) -> None:
    changed = network()
    weight = next(changed.parameters()).detach()
    assert weight.numel() == 108
    flat = weight.flatten().view(torch.int32)
    flat[index] ^= torch.tensor(1 << bit if bit < 31 else -(1 << 31), dtype=torch.int32)
    weight.copy_(flat.view(torch.float32).view(weight.shape))
    assert not same(network(), changed)


def test_two_weights_that_change_places_are_seen() -> None:
    swapped = network()
    weight = next(swapped.parameters()).detach()
    weight.copy_(weight.flip(0))
    assert not same(network(), swapped)


def test_weights_that_are_not_numbers_are_unchanged_too() -> None:
    broken = network()
    next(broken.parameters()).detach().fill_(float("nan"))
    with unchanged(broken):
        pass


def test_an_evaluation_that_moves_running_means_is_named_with_what_it_moved() -> None:
    net = network()
    with pytest.raises(WeightsChangedError) as raised, unchanged(net):
        net.train()(torch.randn(2, 3, 8, 8))
    reason, message = explain(raised.value)
    assert reason == "ERROR"
    assert message == (
        "WeightsChangedError: 1.num_batches_tracked, 1.running_mean, 1.running_var changed in the final evaluation, so "
        "its accuracy is not that of the trained network"
    )


def test_what_went_wrong_in_the_evaluation_is_what_is_raised() -> None:
    with pytest.raises(ZeroDivisionError), unchanged(network()):
        raise ZeroDivisionError

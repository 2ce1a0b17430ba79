"""Any change of any weight in an evaluation is seen, and no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, strategies as st
from torch import Tensor, nn

from bench.measure.recorder import explain
from bench.training.evaluate import WeightsChangedError, unchanged


def in_order(module: nn.Module, order: torch.memory_format = torch.channels_last) -> nn.Module:
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=order)
    return module


def network(dtype: torch.dtype = torch.float32) -> nn.Module:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    return in_order(layers.to(dtype=dtype))


def seen(net: nn.Module, change: Callable[[Tensor], object]) -> bool:
    """Whether `change`, made to the first of the weights, is seen."""
    try:
        with unchanged(net):
            change(next(net.parameters()).detach())
    except WeightsChangedError:
        return True
    return False


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_the_same_weights_are_the_same_in_any_order_of_memory(dtype: torch.dtype) -> None:
    with unchanged(net := network(dtype)):
        in_order(net, torch.contiguous_format)


@given(index=st.integers(0, 107), bit=st.integers(0, 31))
def test_a_single_bit_of_a_single_weight_is_seen(index: int, bit: int) -> None:
    def turn(weight: Tensor) -> None:
        assert weight.numel() == 108
        flat = weight.flatten().view(torch.int32)
        flat[index] ^= torch.tensor(1 << bit if bit < 31 else -(1 << 31), dtype=torch.int32)
        weight.copy_(flat.view(torch.float32).view(weight.shape))

    assert seen(network(), turn)


def test_two_weights_that_change_places_are_seen() -> None:
    assert seen(network(), lambda weight: weight.copy_(weight.flip(0)))


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

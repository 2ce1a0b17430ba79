"""Schedules, SGD by epoch, float32 copies of the weights, averages of the weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given, strategies as st

from bench.training.device import Compute
from bench.training.optimisers import Average, MasterWeights, ScheduledSgd, piecewise_linear
from bench.training.paths.captured import Memory
from tests.support.learning import CPU

positions = st.floats(-100, 100).map(lambda x: round(x, 3))
values = st.floats(-10, 10)
knots = st.dictionaries(positions, values, min_size=1, max_size=6).map(lambda heights: sorted(heights.items()))


@given(knots, st.floats(-200, 200))
def test_a_value_lies_between_those_of_the_knots(knots: list[tuple[float, float]], at: float) -> None:
    heights = [value for _, value in knots]
    assert min(heights) - 1e-9 <= piecewise_linear(at, knots) <= max(heights) + 1e-9


@given(knots)
def test_a_knot_is_met_exactly_and_outside_the_line_is_flat(knots: list[tuple[float, float]]) -> None:
    for position, value in knots:
        assert piecewise_linear(position, knots) == value
    assert piecewise_linear(knots[0][0] - 1, knots) == knots[0][1]
    assert piecewise_linear(knots[-1][0] + 1, knots) == knots[-1][1]


@given(st.floats(0, 1))
def test_between_two_knots_it_is_a_straight_line(share: float) -> None:
    assert piecewise_linear(2 + 3 * share, [(2, 10), (5, 4)]) == pytest.approx(10 - 6 * share)


def test_at_a_jump_the_later_value_holds() -> None:
    knots = [(0, 1), (2, 1), (2, 5), (4, 5)]
    assert [piecewise_linear(at, knots) for at in (1.999, 2, 3)] == [1, 5, 5]


def test_knots_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[2, 1\]"):
        piecewise_linear(1, [(2, 0), (1, 0)])


KNOTS = ((0.0, 0.0), (2.0, 0.4), (4.0, 0.0))


def sgd(parameters: list[torch.Tensor], summed: int = 1, compute: Compute = CPU) -> ScheduledSgd:
    momentum = ((0, 0.9), (4, 0.5))
    return ScheduledSgd(
        parameters, compute, epochs=4, lr=KNOTS, momentum=momentum, weight_decay=0.01, nesterov=True, summed=summed
    )


@pytest.mark.parametrize(("step", "lr", "momentum"), [(0, 0, 0.9), (50, 0.2, 0.8), (100, 0.4, 0.7), (150, 0.2, 0.6)])
def test_rate_and_momentum_follow_their_lines(step: int, lr: float, momentum: float) -> None:
    optimiser = sgd([torch.zeros(3, requires_grad=True)])
    optimiser.schedule(step, 200)
    (group,) = optimiser.sgd.param_groups
    assert group["lr"] == pytest.approx(lr)
    assert group["momentum"] == pytest.approx(momentum)


def test_a_summed_loss_moves_the_weights_as_the_mean_does() -> None:
    start = torch.randn(5, generator=torch.Generator().manual_seed(0))
    data = torch.randn(8, 5, generator=torch.Generator().manual_seed(1))
    ends = list[torch.Tensor]()
    for summed in (1, 8):
        weight = start.clone().requires_grad_()
        optimiser = sgd([weight], summed=summed)
        for step in range(20):
            optimiser.schedule(step, 20)
            losses = (data @ weight - 1).square()
            (losses.mean() if summed == 1 else losses.sum()).backward()
            optimiser.step()
            assert weight.grad is None
        ends.append(weight.detach())
    assert torch.allclose(ends[0], ends[1], rtol=1e-4)


def test_a_captured_sgd_whose_momentum_changes_moves_as_torch_s_with_that_momentum() -> None:
    """What it is captured with stays, so the momentum is changed through the buffers, as in fastai-wrn."""
    cycle, lr = ((0, 0.95), (2, 0.85), (4, 0.95)), ((0, 0.01), (2, 0.2), (4, 0.01))
    start = torch.randn(7, dtype=torch.float64)
    captured, plain = start.clone().requires_grad_(), start.clone().requires_grad_()
    compute = replace(CPU, path="captured", memory=Memory())
    optimiser = ScheduledSgd([captured], compute, epochs=4, lr=lr, momentum=cycle, weight_decay=0.1, nesterov=False)
    reference = torch.optim.SGD([plain], lr=0.0, momentum=0.5, weight_decay=0.1)
    (group,) = optimiser.sgd.param_groups
    for step in range(20):
        gradient = torch.randn(7, dtype=torch.float64)
        captured.grad, plain.grad = gradient.clone(), gradient
        optimiser.schedule(step, 20)
        optimiser.step()
        epoch = step * 4 / 20
        reference.param_groups[0].update(lr=piecewise_linear(epoch, lr), momentum=piecewise_linear(epoch, cycle))
        reference.step()
        assert group["momentum"] == 0.95
        assert torch.allclose(captured, plain, rtol=1e-12, atol=1e-12)


def test_a_captured_sgd_cannot_change_nesterov_s_momentum() -> None:
    compute = replace(CPU, path="captured", memory=Memory())
    with pytest.raises(ValueError, match="Nesterov"):
        sgd([torch.zeros(3, requires_grad=True)], compute=compute)


def test_steps_too_small_for_half_precision_add_up_in_the_copies() -> None:
    weight = torch.ones(1, dtype=torch.float16, requires_grad=True)
    masters = MasterWeights([weight], 512, CPU)
    optimiser = torch.optim.SGD(masters.copies, lr=1e-4)
    for _ in range(100):
        weight.grad = torch.full((1,), 512.0, dtype=torch.float16)
        masters.take_gradients()
        optimiser.step()
        masters.copy_to_network()
    assert masters.copies[0].item() == pytest.approx(0.99, rel=1e-5)
    assert weight.item() == pytest.approx(0.99, abs=1e-3)
    assert weight.dtype == torch.float16


def test_frozen_weights_have_no_copy() -> None:
    frozen, trained = torch.zeros(2), torch.zeros(3, requires_grad=True)
    assert [len(copy) for copy in MasterWeights([frozen, trained], 1, CPU).copies] == [3]


# torch knows no types of the layers in a sequence.
Network = Any


@pytest.fixture
def network() -> Network:
    """One weight of 1, a batch norm with running mean 0, and a count of batches, which is no weight."""
    linear = torch.nn.Linear(1, 1, bias=False)
    torch.nn.init.ones_(linear.weight)
    return torch.nn.Sequential(linear, torch.nn.BatchNorm1d(1))


def state(network: Network) -> tuple[float, float, int]:
    return network[0].weight.item(), network[1].running_mean.item(), network[1].num_batches_tracked.item()


def change(network: Network) -> None:
    """The weight is 3, the running mean 4, the count 7."""
    torch.nn.init.constant_(network[0].weight, 3)
    network[1].running_mean.fill_(4)
    network[1].num_batches_tracked.fill_(7)


def test_it_keeps_its_share_and_takes_the_rest_running_statistics_too(network: Network) -> None:
    average = Average(network, CPU)
    change(network)
    average.update(0.75)
    assert state(network) == (3, 4, 7)
    average.copy_to_network()
    assert state(network) == (1.5, 1.0, 7)


def test_it_is_the_network_inside_and_the_trained_weights_come_back(network: Network) -> None:
    average = Average(network, CPU)
    change(network)
    with average.swap_weights():
        assert state(network) == (1, 0, 7)
    assert state(network) == (3, 4, 7)


def test_the_trained_weights_come_back_after_an_error_too(network: Network) -> None:
    average = Average(network, CPU)
    change(network)
    with pytest.raises(KeyboardInterrupt), average.swap_weights():
        raise KeyboardInterrupt
    assert state(network) == (3, 4, 7)


def test_training_goes_on_from_a_handed_over_average_through_the_same_tensors(network: Network) -> None:
    weight = network[0].weight
    sgd = torch.optim.SGD([weight], lr=1.0)
    average = Average(network, CPU)
    change(network)
    average.update(0.5)
    average.copy_to_network()
    weight.grad = torch.ones_like(weight)
    sgd.step()
    assert network[0].weight.item() == 1.0  # the mean of 1 and 3, less the gradient

"""airbench94-muon against its published numbers; size, length and arithmetic are in test_published_numbers."""

import pytest
import torch

from bench.recipes.airbench94_muon import Network, Optimisers, Settings, Trainer
from bench.training.data import Cifar10
from benchmarks.cpu_sizes import flop
from tests.support.learning import CPU


@pytest.fixture
def network(noise: Cifar10) -> Network:
    torch.manual_seed(0)
    trainer = Trainer(noise, CPU, Settings())
    trainer.reset()
    return trainer.network


def test_a_forward_pass_of_one_image_takes_0_236_gflop(network: Network) -> None:
    assert flop(network) == pytest.approx(0.236e9, rel=0.01)


def test_the_head_starts_with_deviation_one_and_biases_at_zero(network: Network) -> None:
    assert network.head.weight.std().item() == pytest.approx(1)
    assert network.whitening.bias is not None
    assert not network.whitening.bias.any()


def rates(optimisers: Optimisers) -> list[float]:
    return [group["lr"] for optimiser in (optimisers.sgd, optimisers.muon) for group in optimiser.param_groups]


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (0, [0.053, 0.053, 0.67, 0.24]),
        (50, [0.053 / 3, 0.053 * 0.75, 0.67 * 0.75, 0.24 * 0.75]),
        (75, [0.0, 0.053 * 0.625, 0.67 * 0.625, 0.24 * 0.625]),
        (199, [0.0, 0.053 / 200, 0.67 / 200, 0.24 / 200]),
    ],
)
def test_every_learning_rate_falls_linearly_and_the_whitening_bias_s_sooner(
    network: Network, step: int, expected: list[float]
) -> None:
    """In order: whitening bias, other biases, head, 3x3 filters."""
    optimisers = Optimisers(network, Settings(), CPU)
    optimisers.schedule(step, 200)
    assert rates(optimisers) == pytest.approx(expected)


def test_weight_decay_is_decoupled_at_4e_3(network: Network) -> None:
    optimisers = Optimisers(network, Settings(), CPU)
    for group in optimisers.sgd.param_groups:
        assert group["weight_decay"] * group["lr"] == pytest.approx(4e-3)


def test_muon_has_the_six_filter_banks(network: Network) -> None:
    optimisers = Optimisers(network, Settings(), CPU)
    assert [tuple(w.shape[2:]) for group in optimisers.muon.param_groups for w in group["params"]] == [(3, 3)] * 6


def test_the_whitening_bias_learns_in_the_first_75_of_200_steps() -> None:
    share = Settings().whitening_bias
    assert [step for step in range(200) if step / 200 < share] == list(range(75))


@pytest.mark.parametrize(("every", "rescaled"), [(1, [0, 1, 2, 3, 4, 5]), (3, [0, 3])])
def test_filters_are_brought_back_to_their_norm_at_the_first_step_and_every_so_many_after_it(
    network: Network, every: int, rescaled: list[int]
) -> None:
    optimisers = Optimisers(network, Settings(rescale_every=every), CPU)
    filters = optimisers.muon.weights[0]
    wanted, kept = len(filters) ** 0.5, []
    for step in range(6):
        with torch.no_grad():
            filters.mul_(2 * wanted / filters.norm())
        filters.grad = torch.randn_like(filters)
        optimisers.schedule(step, 1_000_000)
        optimisers.muon.param_groups[0]["lr"] = 0.0
        optimisers.step()
        if filters.norm().item() == pytest.approx(wanted):
            kept.append(step)
    assert kept == rescaled

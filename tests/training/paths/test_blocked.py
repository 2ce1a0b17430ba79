"""A network on blocked activations is the same function, with the same gradients, as torch's own."""

from collections.abc import Callable

import pytest
import torch
from torch import nn

from bench.recipes.airbench94_muon import Network as Airbench
from bench.training.layers import (
    Conv3x3,
    GhostBatchNorm,
    GlobalMaxPool,
    Residual,
    Whitening,
)
from bench.training.paths.blocked import Blocked, block_of, can_block


def airbench() -> nn.Sequential:
    return Airbench((64, 256, 256))


def residual() -> nn.Sequential:
    """Everything airbench lacks: padded whitening, 1x1, ghost groups, residuals, even maps, BN before a pool."""
    return nn.Sequential(
        Whitening(3, negatives=False, bias=False, padding=1),
        nn.Conv2d(27, 16, 1, bias=False),
        GhostBatchNorm(16, 10),
        nn.CELU(0.3),
        Conv3x3(16, 32),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),
        Residual(Conv3x3(32, 32), GhostBatchNorm(32, 10), nn.SiLU()),
        Conv3x3(32, 24),
        nn.MaxPool2d(2),
        GlobalMaxPool(),
        nn.Linear(24, 10),
    )


@pytest.fixture(params=[airbench, residual])
def network(request: pytest.FixtureRequest) -> nn.Sequential:
    torch.manual_seed(0)
    network: nn.Sequential = request.param()
    for module in network.modules():
        if isinstance(module, Whitening):
            nn.init.normal_(module.weight, std=0.3)
        elif isinstance(module, nn.BatchNorm2d) and module.weight.requires_grad:
            nn.init.uniform_(module.weight, 0.5, 1.5)
    return network


@pytest.mark.parametrize("size", [32, 26, 22])
@pytest.mark.parametrize("training", [True, False])
def test_it_is_the_same_function_and_moves_the_same_running_statistics(
    network: nn.Sequential, training: bool, size: int
) -> None:
    images = torch.randn(60, 3, size, size)
    network.train(training)
    start = {name: value.clone() for name, value in network.state_dict().items()}
    direct, after = network(images), {name: value.clone() for name, value in network.state_dict().items()}
    network.load_state_dict(start)
    blocked = Blocked(network, compiled=False)(images)
    assert torch.allclose(direct, blocked, atol=1e-3)
    for name, value in network.state_dict().items():
        if "num_batches" not in name:
            assert torch.allclose(value, after[name], rtol=1e-3, atol=1e-4), name


def gradients(forward: Callable[..., torch.Tensor], network: nn.Sequential) -> dict[str, torch.Tensor]:
    images, labels = torch.randn(60, 3, 32, 32), torch.arange(60) % 10
    network.zero_grad()
    torch.nn.functional.cross_entropy(forward(images), labels, reduction="sum").backward()
    return {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}


def test_it_has_the_same_gradients(network: nn.Sequential) -> None:
    """Up to what float32 and near-ties under a pool allow; bfloat16 is off by a quarter."""
    state = torch.get_rng_state()
    direct = gradients(network, network)
    torch.set_rng_state(state)
    blocked = gradients(Blocked(network, compiled=False), network)
    assert direct.keys() == blocked.keys()
    for name, gradient in blocked.items():
        assert (gradient - direct[name]).norm() / direct[name].norm() < 0.03, name


def test_the_whitening_bias_gets_no_gradient_once_it_is_left_alone() -> None:
    network = Airbench((8, 8, 8))
    network.whitening.bias_learns = False
    for forward in (network, Blocked(network, compiled=False)):
        network.zero_grad()
        forward(torch.randn(4, 3, 32, 32)).sum().backward()
        assert network.whitening.bias is not None
        assert network.whitening.bias.grad is None


def test_a_network_with_a_layer_it_does_not_know_is_left_to_torch() -> None:
    assert can_block(airbench())
    assert can_block(residual())
    assert not can_block(nn.Sequential(nn.Conv2d(3, 8, 3, stride=2)))
    assert not can_block(nn.Sequential(Residual(nn.AvgPool2d(2))))


@pytest.mark.parametrize(("images", "block"), [(2000, 200), (500, 125), (7, 7), (211, 1), (1, 1)])
def test_a_block_divides_the_batch(images: int, block: int) -> None:
    assert block_of(images) == block

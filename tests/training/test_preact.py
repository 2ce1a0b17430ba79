"""The block of pre-activation networks: what it carries, what it adds."""

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402 -- after the skip

from bench.training.device import Compute  # noqa: E402 -- after the skip
from bench.training.preact import PreActivation, basic, bottleneck, eager_on_cpu  # noqa: E402 -- after the skip


def silent(block: PreActivation) -> PreActivation:
    """The block with a branch of nothing but zeros."""
    nn.init.zeros_([layer for layer in block.body if isinstance(layer, nn.Conv2d)][-1].weight)
    return block.eval()


@pytest.mark.parametrize("make", [basic, bottleneck])
def test_where_the_shape_stays_the_block_carries_its_input(make) -> None:
    x = torch.randn(2, 16, 8, 8)
    block = silent(make(16, 16, 1))
    assert block.shortcut is None
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("make", [basic, bottleneck])
def test_where_the_shape_changes_it_projects_the_activated_input(make) -> None:
    x = torch.randn(2, 16, 8, 8)
    block = silent(make(16, 32, 2))
    y = block(x)
    assert y.shape == (2, 32, 4, 4)
    assert torch.equal(y, block.shortcut(block.activated(x)))


def test_it_can_carry_the_activated_input_and_weigh_its_branch() -> None:
    x = torch.randn(2, 16, 8, 8)
    whole, fifth = basic(16, 16, 1).eval(), basic(16, 16, 1, factor=0.2, carry_activated=True).eval()
    fifth.load_state_dict(whole.state_dict())
    activated = whole.activated(x)
    assert torch.allclose(fifth(x), activated + 0.2 * whole.body(activated))
    assert torch.equal(silent(fifth)(x), activated)
    assert activated.min() == 0


def test_only_a_processor_is_kept_from_compiling() -> None:
    paths = [eager_on_cpu(Compute(torch.device(kind), torch.float32, "compiled")).path for kind in ("cpu", "cuda")]
    assert paths == ["eager", "compiled"]

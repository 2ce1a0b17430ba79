"""Max pools against torch's own."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from torch import Tensor

from bench.training.paths.pools import _MaxPool, max_pool

Pool = Callable[[Tensor, int, int], Tensor]


def for_gpus(x: Tensor, height: int, width: int) -> Tensor:
    """What a compiler for a GPU sees, also where there is none."""
    pooled: Tensor = _MaxPool.apply(x, height, width)
    return pooled


def with_gradient(pool: Callable[[Tensor], Tensor], x: Tensor) -> tuple[Tensor, Tensor]:
    """The pooled maps, and the gradient of their sum with a different weight each."""
    x = x.detach().requires_grad_()
    y = pool(x)
    [gradient] = torch.autograd.grad((y * torch.arange(1, y.numel() + 1).view_as(y)).sum(), x)
    return y, gradient


@settings(max_examples=50, deadline=None)
@given(
    shape=st.tuples(*[st.integers(1, 3)] * 2, *[st.integers(4, 9)] * 2),
    window=st.tuples(*[st.integers(1, 4)] * 2),
    seed=st.integers(0, 2**31),
)
def test_values_and_gradients_are_those_of_torch(shape: tuple[int, ...], window: tuple[int, int], seed: int) -> None:
    """Of few different numbers, so that there are ties, and of maps that squares do not fill."""
    x = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(seed)).double()
    ours, torchs = with_gradient(lambda x: for_gpus(x, *window), x), with_gradient(lambda x: F.max_pool2d(x, window), x)
    assert torch.equal(ours[0], torchs[0])
    assert torch.equal(ours[1], torchs[1])


def test_without_a_gpu_s_compiler_it_is_torch_s_own() -> None:
    x = torch.randn(2, 3, 7, 8, requires_grad=True)
    assert max_pool(x, 2, 2).grad_fn.name() == "MaxPool2DWithIndicesBackward0"  # type: ignore[union-attr]  # there is one


@pytest.mark.slow
@pytest.mark.parametrize("pool", [max_pool, for_gpus])
def test_compiled_in_half_precision_its_gradient_is_that_of_eager_steps(pool: Pool) -> None:
    """What comes before it is computed anew in a compiled backward pass, and is not rounded there."""
    torch.manual_seed(0)
    shift, x = torch.randn(16, requires_grad=True), torch.randn(50, 16, 3, 3).half()

    def largest(x: Tensor) -> Tensor:
        return pool(F.gelu(x * 1.37 + shift.half()[:, None, None]), 3, 3)

    def gradient(function: Callable[[Tensor], Tensor]) -> Tensor:
        [result] = torch.autograd.grad(function(x).float().sum(), shift)
        return result

    compiled, eager = gradient(torch.compile(largest, dynamic=False)), gradient(largest)
    assert torch.allclose(compiled, eager, atol=0.03 * float(eager.abs().max()))


def test_a_number_that_is_none_is_handed_on() -> None:
    x = torch.tensor([[1.0, 2.0], [torch.nan, 3.0]])[None, None]
    assert for_gpus(x, 2, 2).isnan().all()

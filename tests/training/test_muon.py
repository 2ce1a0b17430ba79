"""Muon: filters move along momenta made orthogonal, and are brought back to their norm."""

from __future__ import annotations

import pytest
import torch

from bench.training.muon import Muon, as_matrix, like_filters, orthogonalise, side_by_side
from tests.support.learning import CPU


@pytest.mark.parametrize("shape", [(64, 128), (64, 576), (256, 64)])
def test_orthogonalise_brings_every_singular_value_near_one(shape: tuple[int, int]) -> None:
    """Five steps land in the band that the coefficients converge to; they are not meant to reach 1 exactly."""
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(3, *shape), steps=5, dtype=torch.float32))
    assert values.min() > 0.4
    assert values.max() < 1.3


def test_orthogonalise_is_the_transpose_of_itself_transposed() -> None:
    matrices = torch.randn(2, 48, 16)
    wide = orthogonalise(matrices.mT.contiguous(), dtype=torch.float32)
    assert torch.allclose(orthogonalise(matrices, dtype=torch.float32), wide.mT, atol=1e-5)


def test_orthogonalise_keeps_the_directions_of_the_singular_vectors() -> None:
    u, _, vh = torch.linalg.svd(torch.randn(16, 32), full_matrices=False)
    matrix = u @ torch.diag(torch.linspace(1, 3, 16)) @ vh
    diagonal = u.T @ orthogonalise(matrix[None], steps=5, dtype=torch.float32)[0] @ vh.T
    assert torch.allclose(diagonal, torch.diag(torch.diagonal(diagonal)), atol=1e-4)


def test_bfloat16_and_float32_agree_within_bfloat16() -> None:
    matrix = torch.randn(1, 64, 256)
    low, high = orthogonalise(matrix, dtype=torch.bfloat16), orthogonalise(matrix, dtype=torch.float32)
    assert (low - high).norm() / high.norm() < 0.05


def test_a_step_rescales_the_weight_and_then_moves_it_along_the_orthogonalised_lookahead() -> None:
    torch.manual_seed(0)
    weight = torch.randn(8, 4, 3, 3, requires_grad=True)
    before = weight.detach().clone()
    muon = Muon([weight], CPU, lr=0.1, momentum=0.6)
    momentum = torch.zeros(8, 36)
    for _ in range(2):
        gradient = torch.randn(8, 36)
        weight.grad = like_filters(gradient, weight).clone()
        muon.step()
        assert weight.grad is None
        momentum = 0.6 * momentum + gradient
        update = orthogonalise((gradient + 0.6 * momentum)[None], dtype=torch.float32)[0]
        before = before * 8**0.5 / before.norm() - 0.1 * like_filters(update, weight)
        assert torch.allclose(weight, before, atol=1e-5)


@pytest.mark.parametrize("others", [0, 1])
def test_a_weight_without_a_gradient_is_left_alone(others: int) -> None:
    """Whether some other one has a gradient or none has."""
    weight, *moved = (torch.randn(4, 2, 3, 3, requires_grad=True) for _ in range(1 + others))
    for other in moved:
        other.grad = torch.randn_like(other)
    before = [each.detach().clone() for each in (weight, *moved)]
    Muon([weight, *moved], CPU, lr=0.1, momentum=0.6).step()
    assert [torch.equal(*pair) for pair in zip((weight, *moved), before, strict=True)] == [True] + [False] * others


def test_a_matrix_of_filters_is_those_filters_again_and_lies_as_they_do() -> None:
    filters = torch.randn(4, 2, 3, 3).contiguous(memory_format=torch.channels_last)
    matrix = as_matrix(filters)
    assert matrix.data_ptr() == filters.data_ptr()
    assert torch.equal(like_filters(matrix, filters), filters)


def test_filters_taken_together_move_as_they_do_one_by_one() -> None:
    """Zero columns and batches change nothing, whatever order the shapes come in."""
    torch.manual_seed(0)
    starts = [torch.randn(shape) for shape in [(8, 3, 3, 3), (16, 8, 3, 3), (8, 8, 3, 3), (16, 16, 3, 3)]]
    gradients = [torch.randn_like(start) for start in starts]
    moved = []
    for together in (False, True):
        weights = [start.clone().requires_grad_() for start in starts]
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient.clone()
        muon = Muon(weights, CPU, lr=0.1, momentum=0.6)
        muon.together = together  # as on a GPU
        assert len(muon.parts()) == (2 if together else 4)
        muon.step()
        moved.append(weights)
    for one, other in zip(*moved, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_filters_are_brought_back_to_their_norm_only_where_that_is_asked_for() -> None:
    weight = (5 * torch.ones(4, 2, 3, 3)).requires_grad_()
    muon = Muon([weight], CPU, lr=0.0, momentum=0.6)
    norms = []
    for rescale in (True, False, False, True):
        with torch.no_grad():
            weight.mul_(2)
        weight.grad = torch.randn_like(weight)
        muon.step(rescale=rescale)
        norms.append(weight.norm().item())
    assert norms == pytest.approx([2, 4, 8, 2])


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_filters_taken_together_are_brought_back_to_their_norm_as_each_by_itself(dtype: torch.dtype) -> None:
    """To the last bit, where the root of their number is a power of two, as of 64 and 256."""
    torch.manual_seed(0)
    weights = [torch.randn(shape, dtype=dtype) for shape in [(16, 3, 3, 3), (64, 8, 3, 3), (16, 8, 3, 3)]]
    each = [weight * (len(weight) ** 0.5 / torch._foreach_norm([weight])[0]) for weight in weights]
    for weight in weights:
        weight.grad = torch.zeros_like(weight)
    Muon(weights, CPU, lr=0.0, momentum=0.6).step()
    assert [torch.equal(*pair) for pair in zip(weights, each, strict=True)] == [True] * 3


def test_matrices_of_one_width_are_put_side_by_side_as_they_are() -> None:
    matrices = [torch.randn(4, columns) for columns in (6, 9, 9)]
    batch = side_by_side(matrices)
    assert batch.shape == (3, 4, 9)
    assert [torch.equal(own[:, : len(each[0])], each) for own, each in zip(batch, matrices, strict=True)] == [True] * 3
    assert not batch[0, :, 6:].any()


def test_the_filters_with_most_to_do_come_first_and_parts_may_go_in_any_order() -> None:
    torch.manual_seed(0)
    starts = [torch.randn(shape) for shape in [(8, 3, 3, 3), (16, 8, 3, 3), (8, 8, 3, 3)]]
    moved = []
    for order in (1, -1):
        weights = [start.clone().requires_grad_() for start in starts]
        for weight in weights:
            weight.grad = weight.detach().sin()
        muon = Muon(weights, CPU, lr=0.1, momentum=0.6)
        muon.together = True
        parts = muon.parts()
        parts[0]()
        assert [torch.equal(*pair) for pair in zip(weights, starts, strict=True)] == [True, False, True]
        for part in parts[1:][::order]:
            part()
        assert all(weight.grad is not None for weight in weights)
        muon.zero_grad()
        assert all(weight.grad is None for weight in weights)
        moved.append(weights)
    assert [torch.equal(*pair) for pair in zip(*moved, strict=True)] == [True] * 3

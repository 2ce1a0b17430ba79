"""Muon: the update is orthogonal, the weight keeps its norm, and the arithmetic is that of the description."""

import pytest

torch = pytest.importorskip("torch")

from bench.training.muon import Muon, orthogonalise  # noqa: E402 -- after the skip


@pytest.mark.parametrize("shape", [(64, 128), (64, 576), (256, 64)])
def test_orthogonalise_brings_every_singular_value_near_one(shape: tuple[int, int]) -> None:
    """Five steps land in the band that the coefficients converge to; they are not meant to reach 1 exactly."""
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonalise(torch.randn(shape), steps=5, dtype=torch.float32))
    assert values.min() > 0.4
    assert values.max() < 1.3


def test_orthogonalise_is_the_transpose_of_itself_transposed() -> None:
    matrix = torch.randn(48, 16)
    wide = orthogonalise(matrix.T.contiguous(), dtype=torch.float32)
    assert torch.allclose(orthogonalise(matrix, dtype=torch.float32), wide.T, atol=1e-5)


def test_orthogonalise_keeps_the_directions_of_the_singular_vectors() -> None:
    u, _, vh = torch.linalg.svd(torch.randn(16, 32), full_matrices=False)
    matrix = u @ torch.diag(torch.linspace(1, 3, 16)) @ vh
    diagonal = u.T @ orthogonalise(matrix, steps=5, dtype=torch.float32) @ vh.T
    assert torch.allclose(diagonal, torch.diag(torch.diagonal(diagonal)), atol=1e-4)


def test_bfloat16_and_float32_agree_within_bfloat16() -> None:
    matrix = torch.randn(64, 256)
    low, high = orthogonalise(matrix, dtype=torch.bfloat16), orthogonalise(matrix, dtype=torch.float32)
    assert (low - high).norm() / high.norm() < 0.05


def test_a_step_rescales_the_weight_and_then_moves_it_along_the_orthogonalised_lookahead() -> None:
    torch.manual_seed(0)
    weight = torch.randn(8, 4, 3, 3, requires_grad=True)
    before = weight.detach().clone()
    muon = Muon([weight], lr=0.1, momentum=0.6, dtype=torch.float32)
    momentum = torch.zeros(8, 36)
    for _ in range(2):
        gradient = torch.randn(8, 36)
        weight.grad = gradient.view(8, 4, 3, 3).clone()
        muon.step()
        momentum = 0.6 * momentum + gradient
        update = orthogonalise(gradient + 0.6 * momentum, dtype=torch.float32)
        before = before * 8**0.5 / before.norm() - 0.1 * update.view(8, 4, 3, 3)
        assert torch.allclose(weight, before, atol=1e-5)


def test_a_weight_without_a_gradient_is_left_alone() -> None:
    weight = torch.randn(4, 2, 3, 3, requires_grad=True)
    before = weight.detach().clone()
    Muon([weight], lr=0.1, momentum=0.6).step()
    assert torch.equal(weight, before)


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
        Muon(weights, lr=0.1, momentum=0.6, dtype=torch.float32, together=together).step()
        moved.append(weights)
    for one, other in zip(*moved, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_filters_are_rescaled_at_the_first_step_and_every_so_many_after_it() -> None:
    weight = (5 * torch.ones(4, 2, 3, 3)).requires_grad_()
    muon = Muon([weight], lr=0.0, momentum=0.6, rescale_every=3)
    norms = []
    for _ in range(4):
        with torch.no_grad():
            weight.mul_(2)
        weight.grad = torch.randn_like(weight)
        muon.step()
        norms.append(weight.norm().item())
    assert norms == pytest.approx([2, 4, 8, 2])

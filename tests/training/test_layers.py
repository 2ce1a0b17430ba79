"""The layers of the airbench family."""

import pytest

torch = pytest.importorskip("torch")

from bench.training.layers import BiasBatchNorm, DiracConv, whitening_filters  # noqa: E402 -- after the skip


def test_the_first_filters_of_a_dirac_conv_pass_their_input_through() -> None:
    conv = DiracConv(4, 10)
    images = torch.randn(2, 4, 6, 6)
    assert torch.allclose(conv(images)[:, :4], images, atol=1e-6)
    assert not torch.allclose(conv(images)[:, 4:8], images, atol=0.1)


def test_batch_norm_has_a_frozen_scale_and_a_trained_bias() -> None:
    norm = BiasBatchNorm(3)
    assert not norm.weight.requires_grad
    assert norm.bias.requires_grad


def test_the_running_mean_keeps_six_tenths() -> None:
    norm = BiasBatchNorm(1)
    norm(torch.full((4, 1, 2, 2), 10.0))
    assert norm.running_mean.item() == pytest.approx(4.0)


def test_whitened_patches_have_identity_covariance() -> None:
    """Twelve filters with a vanishing eps give uncorrelated responses of unit size."""
    torch.manual_seed(0)
    mixed = torch.einsum("dc,nchw->ndhw", torch.randn(3, 3), torch.randn(200, 3, 12, 12))
    filters = whitening_filters(mixed, eps=0.0)
    assert filters.shape == (12, 3, 2, 2)
    responses = torch.conv2d(mixed, filters).permute(1, 0, 2, 3).reshape(12, -1)
    covariance = responses @ responses.T / responses.shape[1]
    assert torch.allclose(covariance, torch.eye(12), atol=1e-3)


def test_whitening_filters_come_largest_eigenvalue_first() -> None:
    smooth = torch.nn.functional.avg_pool2d(torch.randn(50, 3, 20, 20), 3, 1)
    norms = whitening_filters(smooth, eps=0.0).flatten(1).norm(dim=1)
    assert norms.tolist() == sorted(norms.tolist())  # the norm is 1 / sqrt(eigenvalue)

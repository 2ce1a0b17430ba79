"""The layers that recipes share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch._dynamo.testing import CompileCounter

import bench.training.layers as layers
from bench.training.layers import (
    BiasBatchNorm,
    DiracConv,
    GhostBatchNorm,
    GlobalMaxPool,
    PreActivation,
    Residual,
    Scale,
    Whitening,
    basic,
    bottleneck,
    whitening_filters,
)


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
    assert norm.running_mean is not None
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


def test_whitening_filters_do_not_depend_on_how_many_images_are_looked_at_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = torch.randn(70, 3, 8, 8)
    together = whitening_filters(images, eps=1e-2)
    monkeypatch.setattr(layers, "_WHITENED_AT_ONCE", 30)
    assert torch.allclose(whitening_filters(images, eps=1e-2).abs(), together.abs(), atol=1e-4)  # a sign is free


@pytest.mark.parametrize(("size", "padding", "out"), [(2, 0, 7), (3, 1, 8)])
def test_whitening_has_frozen_filters_with_negatives_where_asked(size: int, padding: int, out: int) -> None:
    images, half = torch.randn(20, 3, 8, 8), 3 * size**2
    layer = Whitening(size, negatives=True, bias=False, padding=padding)
    layer.fit(images, eps=1e-2)
    assert not layer.weight.requires_grad
    assert layer.weight.shape == (2 * half, 3, size, size)
    assert torch.equal(layer.weight[:half], -layer.weight[half:])
    assert torch.equal(layer.weight[:half], whitening_filters(images, 1e-2, size))
    assert layer(images).shape[2:] == (out, out)
    assert Whitening(size, negatives=False, bias=False).weight.shape[0] == half


def test_the_bias_of_a_whitening_starts_at_zero_and_gets_a_gradient_only_while_it_learns() -> None:
    layer = Whitening(2, negatives=True, bias=True)
    layer.reset_parameters()
    assert layer.bias is not None
    assert not layer.bias.any()
    images = torch.randn(2, 3, 4, 4)
    layer(images).sum().backward()
    assert layer.bias.grad is not None
    layer.bias_learns = False
    torch.nn.init.ones_(layer.bias)
    y = layer(images)
    assert not y.requires_grad
    assert torch.allclose(y, torch.conv2d(images, layer.weight, layer.bias))  # the bias is used all the same


def test_an_evaluation_is_compiled_once_whether_the_bias_of_the_whitening_learns_or_not() -> None:
    layer, images, compiled = Whitening(2, negatives=True, bias=True), torch.randn(2, 3, 4, 4), CompileCounter()
    called = torch.compile(layer, backend=compiled, dynamic=False)
    for training, times in ((True, 2), (False, 3)):
        layer.train(training)
        for layer.bias_learns in (True, False):
            with torch.set_grad_enabled(training):
                called(images)
        assert compiled.frame_count == times


def test_the_small_layers_do_what_they_say() -> None:
    x = torch.randn(2, 3, 4, 4)
    assert torch.allclose(Residual(Scale(2), Scale(3))(x), 7 * x)
    assert torch.equal(GlobalMaxPool()(x), x.flatten(2).max(2).values)


def ghost(width: int, images: int, *, train_scale: bool = True) -> GhostBatchNorm:
    norm = GhostBatchNorm(width, images, train_scale=train_scale)
    if train_scale:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
    torch.nn.init.normal_(norm.bias)
    return norm


def test_ghost_batch_norm_is_batch_norm_of_each_group_of_32_consecutive_images() -> None:
    norm, x = ghost(3, 32), 3 * torch.randn(96, 3, 4, 4) + torch.arange(96).view(-1, 1, 1, 1)
    groups = [torch.nn.functional.batch_norm(group, None, None, norm.weight, norm.bias, True) for group in x.split(32)]
    assert torch.allclose(norm(x), torch.cat(groups), atol=1e-5)


def test_the_running_statistics_of_ghost_batch_norm_are_those_of_the_mean_group() -> None:
    """Each a tenth on, as torch's of a group; the variance unbiased."""
    norm, x = ghost(3, 8), torch.randn(24, 3, 2, 2) * 2 + 1
    norm(x)
    of_groups = [(group.mean((0, 2, 3)), group.var((0, 2, 3))) for group in x.split(8)]
    mean, var = (torch.stack(each).mean(0) for each in zip(*of_groups, strict=True))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    assert torch.allclose(norm.running_mean, 0.1 * mean, atol=1e-6)
    assert torch.allclose(norm.running_var, 0.9 + 0.1 * var, atol=1e-6)


def test_ghost_batch_norm_in_testing_is_torch_s_on_the_running_statistics() -> None:
    norm, x = ghost(3, 8), torch.randn(16, 3, 2, 2)
    norm(x)
    norm.eval()
    expected = torch.nn.functional.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
    assert torch.equal(norm(x), expected)


@pytest.mark.parametrize("images", [10, 100])
def test_a_batch_that_groups_do_not_divide_is_one_group(images: int) -> None:
    norm, x = ghost(3, 32), torch.randn(images, 3, 2, 2)
    expected = torch.nn.functional.batch_norm(x, None, None, norm.weight, norm.bias, True)
    assert torch.allclose(norm(x), expected, atol=1e-5)


def test_the_gradients_of_ghost_batch_norm_stay_within_a_group() -> None:
    norm, x = ghost(2, 4, train_scale=False), torch.randn(8, 2, 3, 3, requires_grad=True)
    (norm(x)[:4] ** 3).sum().backward()
    assert x.grad is not None
    assert x.grad[:4].any()
    assert not x.grad[4:].any()
    assert norm.weight.grad is None
    assert norm.bias.grad is not None


def test_ghost_batch_norm_keeps_half_precision_outside_and_counts_in_float32() -> None:
    norm, x = ghost(2, 8), (torch.randn(16, 2, 3, 3) + 30).to(torch.bfloat16)
    y = norm(x)
    assert y.dtype == torch.bfloat16
    assert torch.allclose(y.float(), norm(x.float()), atol=0.05)


MakeBlock = Callable[[int, int, int], PreActivation]


def silent(block: PreActivation) -> PreActivation:
    """The block with a branch of nothing but zeros."""
    nn.init.zeros_([layer for layer in block.body if isinstance(layer, nn.Conv2d)][-1].weight)
    return block.eval()


@pytest.mark.parametrize("make", [basic, bottleneck])
def test_where_the_shape_stays_the_block_carries_its_input(make: MakeBlock) -> None:
    x = torch.randn(2, 16, 8, 8)
    block = silent(make(16, 16, 1))
    assert block.shortcut is None
    assert torch.equal(block(x), x)


@pytest.mark.parametrize("make", [basic, bottleneck])
def test_where_the_shape_changes_it_projects_the_activated_input(make: MakeBlock) -> None:
    x = torch.randn(2, 16, 8, 8)
    block = silent(make(16, 32, 2))
    y = block(x)
    assert y.shape == (2, 32, 4, 4)
    assert block.shortcut is not None
    assert torch.equal(y, block.shortcut(block.activated(x)))


def test_it_can_carry_the_activated_input_and_weigh_its_branch() -> None:
    x = torch.randn(2, 16, 8, 8)
    whole, fifth = basic(16, 16, 1).eval(), basic(16, 16, 1, factor=0.2, carry_activated=True).eval()
    fifth.load_state_dict(whole.state_dict())
    activated = whole.activated(x)
    assert torch.allclose(fifth(x), activated + 0.2 * whole.body(activated))
    assert torch.equal(silent(fifth)(x), activated)
    assert activated.min() == 0

"""Winograd convolution computes what a direct convolution computes."""

import pytest
import torch

from bench.training.paths.blocked import _Pool, share
from bench.training.paths.winograd import conv3x3, tiles, transforms

# size of the map, outputs kept, tile: every combination that the airbench network has, and the smallest.
SHAPES = [(31, 30, 6), (15, 15, 5), (15, 14, 7), (7, 7, 7), (7, 6, 6), (3, 3, 3), (4, 4, 2), (3, 3, 1)]


def blocked(images: torch.Tensor, blocks: int) -> torch.Tensor:
    """[n, C, h, w] to [blocks, h, w, n / blocks, C]."""
    return images.view(blocks, -1, *images.shape[1:]).permute(0, 3, 4, 1, 2).contiguous()


@pytest.mark.parametrize(("size", "out", "m"), SHAPES)
def test_values_and_gradients_agree_with_a_direct_convolution_in_float64(size: int, out: int, m: int) -> None:
    torch.manual_seed(size)
    images = torch.randn(6, 5, size, size)
    weight = torch.randn(8, 5, 3, 3)
    x, w = blocked(images, 2).requires_grad_(), weight.clone().requires_grad_()
    y = conv3x3(x, w, out, m)
    exact_x, exact_w = images.double().requires_grad_(), weight.double().requires_grad_()
    exact = torch.conv2d(exact_x, exact_w, padding=1)[:, :, :out, :out]
    gradient = torch.randn(exact.shape)
    y.backward(blocked(gradient, 2))
    exact.backward(gradient.double())
    assert x.grad is not None
    assert w.grad is not None
    assert exact_x.grad is not None
    assert exact_w.grad is not None
    for got, right in [(y, blocked(exact, 2)), (x.grad, blocked(exact_x.grad, 2)), (w.grad, exact_w.grad)]:
        assert (got - right).norm() / right.norm() < 1e-4


@pytest.mark.parametrize("m", range(1, 8))
def test_the_transforms_filter_one_dimension_exactly(m: int) -> None:
    at, g, bt = (matrix.double() for matrix in transforms(m))
    signal, taps = torch.randn(m + 2, dtype=torch.float64), torch.randn(3, dtype=torch.float64)
    expected = torch.stack([signal[i : i + 3] @ taps for i in range(m)])
    assert torch.allclose(at @ ((g @ taps) * (bt @ signal)), expected, atol=1e-4)


@pytest.mark.parametrize(("size", "out", "m"), SHAPES)
def test_tiles_cover_each_output_once_and_read_no_padding(size: int, out: int, m: int) -> None:
    axis = tiles(size, out, m)
    assert [position for tile in axis for position in range(tile.first, tile.last)] == list(range(out))
    for tile in axis:
        assert 0 <= tile.lo < tile.hi <= size
        assert tile.lo - tile.cut == tile.first - 1  # B^T's first column meets the input before the first output


def test_tiles_that_do_not_cover_the_outputs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"4 .* 7"):
        conv3x3(torch.randn(1, 7, 7, 1, 1), torch.randn(1, 1, 3, 3), 7, 4)


def test_the_pool_agrees_with_torch_s() -> None:
    images = torch.randn(4, 3, 6, 6)
    x, reference = blocked(images, 2).requires_grad_(), images.clone().requires_grad_()
    y, expected = _Pool.apply(x, share), torch.nn.functional.max_pool2d(reference, 2)
    assert torch.equal(y, blocked(expected, 2))
    gradient = torch.randn(expected.shape)
    y.backward(blocked(gradient, 2))
    expected.backward(gradient)
    assert reference.grad is not None
    assert x.grad is not None
    assert torch.equal(x.grad, blocked(reference.grad, 2))


def test_ties_share_the_gradient_of_a_pool() -> None:
    x = torch.tensor([1.0, 1.0, 0.0, 1.0]).view(1, 2, 2, 1, 1).requires_grad_()
    _Pool.apply(x, share).backward(torch.full((1, 1, 1, 1, 1), 3.0))
    assert x.grad is not None
    assert x.grad.flatten().tolist() == [1.0, 1.0, 0.0, 1.0]

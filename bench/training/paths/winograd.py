"""3x3 convolution by Winograd's minimal filtering, for CPUs: matrix products that do less arithmetic.

A direct float32 convolution already runs near a core's peak, so the way to a faster step is to multiply less.
F(m x m, 3 x 3) takes (m + 2)^2 products for m^2 outputs in place of 9 m^2: 4.6 times fewer for m = 5, 5.4 for
m = 7 (Lavin and Gray, 2015, arXiv:1509.09308). In float32 the result differs from the direct one by less than
1e-4 of its norm; bfloat16 arithmetic differs by 4e-3.

Activations are kept *blocked*: [blocks, height, width, images, channels], contiguous. A block of some 200 images
keeps a tile's buffers in cache, and with height and width outermost every step is a plain matrix product: one
small matrix times a wide one for each transform, and [images, C_in] @ [C_in, C_out] for each of the (m + 2)^2
points. Nothing is ever permuted. The backward pass is the adjoint of the forward one and shares its transforms.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

# Interpolation points in order of use; the point at infinity comes by itself. Small numbers of alternating sign
# and inverse pairs keep the rounding error small.
_POINTS = (0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 4.0)
_LARGEST = len(_POINTS) - 1


@cache
def transforms(m: int) -> tuple[Tensor, Tensor, Tensor]:
    """A^T [m, m + 2], G [m + 2, 3] and B^T [m + 2, m + 2] with y = A^T (G w * B^T x) for filters of 3, float32."""
    k = m + 2
    points = torch.tensor(_POINTS[: k - 1], dtype=torch.float64)
    at, g = torch.zeros(m, k, dtype=torch.float64), torch.zeros(k, 3, dtype=torch.float64)
    at[:, :-1] = points ** torch.arange(m)[:, None]
    g[:-1] = points[:, None] ** torch.arange(3)
    at[-1, -1] = g[-1, -1] = 1
    # That y[i] = sum over r of w[r] x[i + r], for all w and x, is a linear system for B^T.
    system = torch.einsum("ij,jr->irj", at, g).reshape(3 * m, k)
    wanted = torch.zeros(m, 3, k, dtype=torch.float64)
    for i in range(m):
        for r in range(3):
            wanted[i, r, i + r] = 1
    bt = torch.linalg.lstsq(system, wanted.reshape(3 * m, k)).solution
    # Powers of two move weight between G and B^T, exactly, until their rows are of like size.
    balance = 2 ** ((bt.norm(dim=1, keepdim=True) / g.norm(dim=1, keepdim=True)).log2() / 2).round()
    return at.float(), (g * balance).float(), (bt / balance).float()


class Tile(NamedTuple):
    """One tile along one axis: the inputs lo..hi, the first column of B^T they meet, the outputs first..last."""

    lo: int
    hi: int
    cut: int
    first: int
    last: int


def tiles(size: int, out: int, m: int) -> list[Tile]:
    """Tiles of `m` over the first `out` outputs of `size` inputs padded by 1. Zeros of the padding are cut off."""
    return [Tile(max(o - 1, 0), min(o + m + 1, size), max(1 - o, 0), o, o + m) for o in range(0, out, m)]


class _Conv3x3(torch.autograd.Function):
    """Buffers are made once and written with `out=`: a fresh gigabyte a layer would cost more than the products."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, out: int, m: int) -> Tensor:
        blocks, size, _, images, channels = x.shape
        filters, k = len(weight), m + 2
        at, g, bt = transforms(m)
        u = torch.einsum("ax,by,ocxy->abco", g, g, weight).reshape(k * k, channels, filters)
        axis = tiles(size, out, m)
        y = x.new_empty(blocks, out, out, images, filters)
        # Training keeps every transformed input for the filters' gradient, testing overwrites one block's.
        kept = blocks if ctx.needs_input_grad[1] else 1
        v = x.new_empty(kept, len(axis), len(axis), k * k, images, channels)
        rows = x.new_empty(k, size, images * channels)
        product = x.new_empty(k * k, images, filters)
        half = x.new_empty(k, m, images * filters)
        for b in range(blocks):
            for i, down in enumerate(axis):
                height = down.hi - down.lo
                torch.mm(
                    bt[:, down.cut : down.cut + height], x[b, down.lo : down.hi].view(height, -1), out=rows.view(k, -1)
                )
                for j, across in enumerate(axis):
                    width = across.hi - across.lo
                    columns = bt[:, across.cut : across.cut + width].expand(k, k, width)
                    tile = v[b % kept, i, j]
                    torch.bmm(columns, rows[:, across.lo : across.hi], out=tile.view(k, k, images * channels))
                    torch.bmm(tile, u, out=product)
                    torch.bmm(at.expand(k, m, k), product.view(k, k, images * filters), out=half)
                    torch.mm(
                        at, half.view(k, -1), out=y[b, down.first : down.last, across.first : across.last].flatten(1)
                    )
        ctx.save_for_backward(v, u)
        ctx.shape, ctx.out, ctx.m = x.shape, out, m
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        v, u = ctx.saved_tensors
        blocks, size, _, images, channels = ctx.shape
        m, filters, k = ctx.m, u.shape[2], ctx.m + 2
        at, g, bt = transforms(m)
        a, u_back = at.T.contiguous(), u.transpose(1, 2)
        dy = gradients[0].contiguous()
        axis = tiles(size, ctx.out, m)
        dx = dy.new_zeros(ctx.shape) if ctx.needs_input_grad[0] else None
        half = dy.new_empty(k, m, images * filters)
        dproduct = dy.new_empty(k * k, images, filters)
        dtile = dy.new_empty(k * k, images, channels)
        drows = dy.new_empty(k, k * images * channels)
        du = dy.new_zeros(k * k, channels, filters)
        for b in range(blocks):
            for i, down in enumerate(axis):
                for j, across in enumerate(axis):
                    torch.mm(
                        a, dy[b, down.first : down.last, across.first : across.last].flatten(1), out=half.view(k, -1)
                    )
                    torch.bmm(a.expand(k, k, m), half, out=dproduct.view(k, k, images * filters))
                    du.baddbmm_(v[b, i, j].transpose(1, 2), dproduct)
                    if dx is None:
                        continue
                    torch.bmm(dproduct, u_back, out=dtile)
                    height, width = down.hi - down.lo, across.hi - across.lo
                    back = bt[:, down.cut : down.cut + height].T.contiguous()
                    torch.mm(back, dtile.view(k, -1), out=drows[:height])
                    sideways = bt[:, across.cut : across.cut + width].T.contiguous().expand(height, width, k)
                    dwindow = torch.bmm(sideways, drows[:height].view(height, k, images * channels))
                    # Tiles overlap by two inputs.
                    dx[b, down.lo : down.hi, across.lo : across.hi] += dwindow.view(height, width, images, channels)
        dweight = torch.einsum("ax,by,abco->ocxy", g, g, du.view(k, k, channels, filters))
        return dx, dweight, None, None


def tile_of(out: int) -> int:
    """The largest tile that divides `out` outputs."""
    return next(m for m in range(_LARGEST, 0, -1) if out % m == 0)


def conv3x3(x: Tensor, weight: Tensor, out: int, m: int) -> Tensor:
    """Convolve with zero padding 1 and keep the first `out` x `out` outputs: [blocks, out, out, images, C_out].

    `x` is blocked, float32 [blocks, size, size, images, C_in] on the CPU, `weight` [C_out, C_in, 3, 3]; `m`, the
    tile's size, divides `out`. Before a 2x2 pool of an odd map the last row and column need not be computed.
    """
    if out % m:
        raise ValueError(f"tiles of {m} do not cover {out} outputs")
    return _Conv3x3.apply(x, weight, out, m)  # type: ignore[no-any-return]  # torch leaves apply untyped

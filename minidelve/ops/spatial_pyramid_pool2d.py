"""Spatial pyramid pooling: a map of any size becomes a vector of one size.

He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks", arXiv 1406.4729. All
networks of arXiv 1502.01852 (Table 1; A, B, C of Table 3) have it between the last conv layer and fc1.

A level n cuts the H x W map into n x n bins and keeps the maximum of each. The n equal parts of a length L end
between two rows or within one. Bin i of n (i from 0) has every row of which part i has a share.

    [ floor(i L / n),  ceil((i + 1) L / n) )                        (appendix A of arXiv 1406.4729)

As both round outwards, no bin is empty and no row of the map is missed; neighbours may share a row.

The main text of arXiv 1406.4729 has another recipe, windows of ceil(L/n) with stride floor(L/n), which gives
the wrong number of bins for some L: L = 10 and n = 6 make 9.

    f_n[m, c, i, j] = max of x[m, c, r, w] over rows r of bin i and columns w of bin j      (m the image)

Backward is max pooling's: df goes to the place of the first maximum.
It adds up where several bins chose the same place.

Each f_n is flattened in the order (C, n, n), and the levels lie end to end in the order given: C * sum n^2 numbers
for an image.

>>> x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
>>> spatial_pyramid_pool2d(x, (2, 1)).data.tolist()
[[4.0, 5.0, 7.0, 8.0, 8.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from minidelve.backend import array_module, kernels_for
from minidelve.ops.calling_kernels import empty_map, over_images
from minidelve.tensor import Function, Tensor, refuse_bare_arrays


class SpatialPyramidPool2d(Function):
    def forward(self, x, *, levels):
        self.size, self.levels = x.shape[2:], levels
        bins = pyramid_bins(self.size, levels)
        f = array_module(x).empty((len(x), x.shape[1] * len(bins)), x.dtype)
        argmax = empty_map(x, (len(bins),), np.int32)
        over_images(pool, [x], bins, levels, out=(f, argmax))
        self.save(argmax)
        return f

    def backward(self, df):
        (argmax,) = self.saved
        dx = empty_map(argmax, self.size, df.dtype)
        return over_images(route, [df, argmax], self.size, self.levels, out=dx)


def pool(x, bins, levels, out):
    """x (N, H, W, C) -> out: f (N, C bins), argmax (N, bins, C)."""
    f, argmax = out
    by_bin = array_module(x).empty(argmax.shape, x.dtype)
    kernels_for(x).bin_max_forward(x, bins, out=(by_bin, argmax))
    for level, of_bins in each_level(f, by_bin, levels):
        level[...] = of_bins


def route(df, argmax, size, levels, out):
    """df (N, C bins), argmax (N, bins, C) -> out: dx (N, H, W, C)."""
    by_bin = array_module(df).empty(argmax.shape, df.dtype)
    for level, of_bins in each_level(df, by_bin, levels):
        of_bins[...] = level
    kernels_for(df, argmax).bin_max_backward(by_bin, argmax, size, out=out)


def each_level(f, by_bin, levels):
    """The part of each level in f, channels slowest, and in by_bin (N, bins, C): two views of shape (N, C, n n)."""
    (N, _, C), first = by_bin.shape, 0
    for n in levels:
        last = first + n * n
        yield f[:, first * C : last * C].reshape(N, C, n * n), by_bin[:, first:last].swapaxes(1, 2)
        first = last


@cache
def pyramid_bins(size: tuple[int, ...], levels: tuple[int, ...]) -> np.ndarray:
    """Top, bottom, left and right of every bin, (bins, 4) int64: levels in order, each row by row."""
    bins = []
    for n in levels:
        rows, columns = (bin_edges(L, n) for L in size)
        bins += [(*row, *column) for row in rows for column in columns]
    return np.array(bins, np.int64)


def bin_edges(L: int, n: int) -> list[tuple[int, int]]:
    """Where each of n bins over a length L begins and ends (exclusive).

    >>> bin_edges(14, 3)
    [(0, 5), (4, 10), (9, 14)]
    """
    return [(i * L // n, -(-(i + 1) * L // n)) for i in range(n)]


def spatial_pyramid_pool2d(x: Tensor, levels: Sequence[int]) -> Tensor:
    """Pool x (N, C, H, W) into n x n bins for each n of levels: (N, C * sum n^2).

    On a map smaller than a level some bins hold the same pixels. Raises ValueError for an empty map or pyramid,
    and for a level below 1.
    """
    refuse_bare_arrays("spatial_pyramid_pool2d", x)
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ValueError(f"spatial_pyramid_pool2d: x has shape {x.shape}; expected (N, C, H, W) with H, W >= 1")
    pyramid = tuple(levels) if np.iterable(levels) else ()
    if not pyramid or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in pyramid):
        raise ValueError(f"spatial_pyramid_pool2d: levels are {levels!r}; expected integers >= 1, such as (6, 3, 2, 1)")
    return SpatialPyramidPool2d.apply(x, levels=pyramid)

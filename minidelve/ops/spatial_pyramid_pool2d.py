"""Spatial pyramid pooling: a map of any size becomes a vector of one size.

He, Zhang, Ren and Sun, "Spatial Pyramid Pooling in Deep Convolutional Networks", arXiv 1406.4729;
used by all networks of the authors in arXiv 1502.01852 (Table 1; A, B, C of Table 3) between the last
conv layer and fc1.

A level n cuts the H x W map into n x n bins and keeps the maximum of each.  Bin i of n (i from 0)
over a length L spans

    [ floor(i L / n),  ceil((i + 1) L / n) )                        (appendix A of arXiv 1406.4729)

Rounding outwards, a bin is never empty and no row of the map is missed; neighbours may share one.
The other recipe of arXiv 1406.4729, in its main text, window ceil(L/n) with stride floor(L/n), gives
wrong counts for some L (L = 10, n = 6 makes 9 windows), so we do not use it.

    f_n[m, c, i, j] = max of x[m, c, r, w] over rows r of bin i and columns w of bin j      (m the image)

Backward is max pooling's: df goes to the place of the first maximum, and adds up where bins of
several levels (or neighbours) chose the same place.

Each f_n is flattened, (C, n, n) in this order, and the levels lie end to end in the order given:
C * sum n^2 numbers an image.

>>> x = Tensor(np.arange(9.0).reshape(1, 1, 3, 3))
>>> spatial_pyramid_pool2d(x, (2, 1)).data.tolist()
[[4.0, 5.0, 7.0, 8.0, 8.0]]
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from minidelve.backend import array_module, in_shares, kernels_for
from minidelve.ops.layout import channels_first, channels_last
from minidelve.tensor import Function, Tensor


class SpatialPyramidPool2d(Function):
    def forward(self, x, *, levels):
        N, C, *_ = x.shape
        self.size, self.levels = x.shape[2:], levels
        xp, kernels, x, bins = array_module(x), kernels_for(x), channels_last(x), pyramid_bins(self.size, levels)
        f = xp.empty((N, len(bins) * C), x.dtype)
        argmax = xp.empty((N, len(bins), C), np.int32)

        def pool(share):
            by_bin = xp.empty(argmax[share].shape, x.dtype)
            kernels.bin_max_forward(x[share], bins, out=(by_bin, argmax[share]))
            for level, of_bins in self.level_by_level(f[share], by_bin):
                level[...] = of_bins

        in_shares(pool, N, x)
        self.save(argmax)
        return f

    def backward(self, df):
        (argmax,) = self.saved
        xp, kernels = array_module(df), kernels_for(df, argmax)
        dx = xp.empty((len(df), *self.size, argmax.shape[2]), df.dtype)

        def route(share):
            by_bin = xp.empty(argmax[share].shape, df.dtype)
            for level, of_bins in self.level_by_level(df[share], by_bin):
                of_bins[...] = level
            kernels.bin_max_backward(by_bin, argmax[share], self.size, out=dx[share])

        in_shares(route, len(df), df)
        return channels_first(dx)

    def level_by_level(self, flat, by_bin):
        """Each level's part of flat (N, C bins), channels slowest, and of by_bin (N, bins, C): both as (N, C, n n).

        They are views, through which `pool` and `route` write.
        """
        (N, _, C), first = by_bin.shape, 0
        for n in self.levels:
            last = first + n * n
            yield flat[:, first * C : last * C].reshape(N, C, n * n), by_bin[:, first:last].swapaxes(1, 2)
            first = last


@cache
def pyramid_bins(size: tuple[int, ...], levels: tuple[int, ...]) -> np.ndarray:
    """(bins, 4) int64 of top, bottom, left, right; levels in order, each row by row."""
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

    A map smaller than a level works too: some bins then hold the same pixels.
    Raises ValueError for an empty map or pyramid, or a level below 1.
    """
    if x.ndim != 4 or 0 in x.shape[2:]:
        raise ValueError(f"spatial_pyramid_pool2d: x has shape {x.shape}; expected (N, C, H, W) with H, W >= 1")
    pyramid = tuple(levels) if np.iterable(levels) else ()
    if not pyramid or not all(isinstance(n, (int, np.integer)) and n >= 1 for n in pyramid):
        raise ValueError(f"spatial_pyramid_pool2d: levels are {levels!r}; expected integers >= 1, such as (6, 3, 2, 1)")
    return SpatialPyramidPool2d.apply(x, levels=pyramid)

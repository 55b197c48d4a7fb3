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
        f = xp.empty((N, len(bins), C), x.dtype)
        argmax = xp.empty(f.shape, np.int32)
        in_shares(lambda s: kernels.bin_max_forward(x[s], bins, out=(f[s], argmax[s])), N, x)
        self.save(argmax)                                                # f: (N, bins, C)
        pieces = array_module(f).split(f, self.cuts(), axis=1)
        by_level = [piece.swapaxes(1, 2).reshape(N, C * n * n) for piece, n in zip(pieces, levels, strict=True)]
        return array_module(f).concatenate(by_level, axis=1)

    def backward(self, df):
        (argmax,) = self.saved
        N, _, C = argmax.shape
        pieces = array_module(df).split(df, [C * cut for cut in self.cuts()], axis=1)
        by_bin = [piece.reshape(N, C, n * n).swapaxes(1, 2) for piece, n in zip(pieces, self.levels, strict=True)]
        # concatenate keeps the pieces' order in memory, (N, C, bins); kernels want C-contiguous (N, bins, C)
        df = array_module(df).ascontiguousarray(array_module(df).concatenate(by_bin, axis=1))
        kernels, dx = kernels_for(df, argmax), array_module(df).empty((N, *self.size, C), df.dtype)
        in_shares(lambda s: kernels.bin_max_backward(df[s], argmax[s], self.size, out=dx[s]), N, df)
        return channels_first(dx)

    def cuts(self) -> list[int]:
        """Where one level's bins end and the next one's begin."""
        return np.cumsum([n * n for n in self.levels])[:-1].tolist()


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

"""Spatial pyramid pooling of every window of a map at once.

Dense testing (arXiv 1502.01852, section 3) runs the conv layers once over a large image, then pools the
pyramid from every k x k window of the last map x, k being the map's size of a training crop. In the
letters of ops/spatial_pyramid_pool2d.py, window (a, b) holds rows a..a+k-1 and columns b..b+k-1, and

    f_n[m, c, i, j](a, b) = max over r in [t_i, e_i), w in [t_j, e_j) of x[m, c, a + r, b + w]

    t_i = floor(i k / n)    e_i = ceil((i + 1) k / n)

Neighbouring windows share nearly all of their pixels, and a bin of one is a bin-shaped patch of the map
like any other. Its height h = e_i - t_i and width v = e_j - t_j do not depend on (a, b). So let

    M_hv[m, c, p, q] = max over r < h, w < v of x[m, c, p + r, q + w]                    (1d)

be the sliding maximum of h x v patches over the whole map. Then

    f_n[m, c, i, j](a, b) = M_hv[m, c, a + t_i, b + t_j]                                 (2d)

and no window is pooled on its own. For k = 14 and levels {7, 3, 2, 1} seven maps M (2x2, 5x5, 5x6, 6x5,
6x6, 7x7, 14x14) serve all 63 bins of all windows.

(1d) is taken along one axis after the other: the maximum of h rows, then that of v columns. Along an axis
the length doubles: two patches of length l whose starts are d <= l apart cover one of l + d,

    M_{l+d}[p] = max(M_l[p], M_l[p + d])                                                 (3d)

so a length of h needs about log2 h steps. A maximum rounds nothing: (2d) is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidelve.backend import array_module
from minidelve.ops.layout import channels_last
from minidelve.ops.spatial_pyramid_pool2d import bin_edges


class WindowPyramids:
    """The pyramids of all k x k windows of the maps x (N, C, H, W), window after window.

    count   N (H - k + 1) (W - k + 1) windows: map by map, row by row
    width   C sum n^2 numbers for each, in the order of ops.spatial_pyramid_pool2d

    Raises ValueError for a map smaller than the window.
    """

    def __init__(self, x: Any, k: int, levels: Sequence[int]):
        if x.ndim != 4 or min(x.shape[2:]) < k:
            raise ValueError(f"WindowPyramids: x has shape {x.shape}; expected (N, C, H, W) with H, W >= {k}")
        N, self.channels, H, W = x.shape
        self.grid = N, H - k + 1, W - k + 1
        self.count = self.grid[0] * self.grid[1] * self.grid[2]
        self.k, self.levels = k, tuple(levels)
        self.width = self.channels * sum(n * n for n in levels)
        x = channels_last(x)  # (N, H, W, C): a place of M is one run of channels
        sizes = patch_sizes(k, levels)
        heights = {h for h, _ in sizes}
        over_rows = {h: sliding_maximum(x, h, axis=1) for h in heights}
        self.maxima = {(h, v): sliding_maximum(over_rows[h], v, axis=2) for h, v in sizes}  # (1d)

    def rows(self, start: int, stop: int) -> Any:
        """(stop - start, width) the pyramids of windows start..stop-1."""
        some = next(iter(self.maxima.values()))
        xp = array_module(some)
        m, a, b = xp.unravel_index(xp.arange(start, stop), self.grid)  # the place of each window
        f = xp.empty((len(m), self.width), some.dtype)
        begin = 0
        for n in self.levels:
            end = begin + self.channels * n * n
            level = f[:, begin:end].reshape(len(m), self.channels, n, n)  # a view: only the last axis is cut
            bins = bin_edges(self.k, n)
            for i, (top, bottom) in enumerate(bins):
                for j, (left, right) in enumerate(bins):
                    M = self.maxima[bottom - top, right - left]
                    level[:, :, i, j] = M[m, a + top, b + left]  # (2d)
            begin = end
        return f


def patch_sizes(k: int, levels: Sequence[int]) -> set[tuple[int, int]]:
    """The different (h, v) of all bins.

    >>> sorted(patch_sizes(14, (7, 3, 2, 1)))
    [(2, 2), (5, 5), (5, 6), (6, 5), (6, 6), (7, 7), (14, 14)]
    """
    lengths = [{end - start for start, end in bin_edges(k, n)} for n in levels]
    return {(h, v) for level in lengths for h in level for v in level}


def sliding_maximum(x: Any, length: int, axis: int) -> Any:
    """The maximum of every `length` neighbours along an axis, which becomes shorter by length - 1.

    >>> import numpy as np
    >>> sliding_maximum(np.array([3, 1, 2, 0, 5]), 3, axis=0).tolist()
    [3, 2, 5]
    """
    reach = 1
    while reach < length:
        step = min(reach, length - reach)
        count = x.shape[axis] - step
        x = array_module(x).maximum(_cut(x, axis, 0, count), _cut(x, axis, step, count))  # (3d)
        reach += step
    return x


def _cut(x: Any, axis: int, start: int, count: int) -> Any:
    """`count` places of the axis from `start` on."""
    return x[(slice(None),) * axis + (slice(start, start + count),)]

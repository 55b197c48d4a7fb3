"""Spatial pyramid pooling in ONNX, which has no node for it.

Bin i of n over a length L spans [floor(i L / n), ceil((i + 1) L / n)) (ops/spatial_pyramid_pool2d.py). Mostly there are
a kernel k, a stride s and a padding p so that window i of a max pooling,

    [i s - p, i s - p + k)    cut at 0 and L,

is bin i; the padding at the end may be another one. For L = 14 and n = 3 the bins [0, 5), [4, 10), [9, 14) are
the windows of k = 6, s = 5, p = 1. Then a level is one MaxPool. Where there are none (L = 10, n = 6), the map is cut
into its bins: first rows, then columns, since the maximum over a bin is the maximum of its rows' maxima.

Both take the same maxima as spatial_pyramid_pool2d does, and a maximum rounds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from minidelve.interchange.to_onnx.graph import Graph
from minidelve.ops.spatial_pyramid_pool2d import bin_edges


class Windows(NamedTuple):
    """Of a pooling along one axis."""

    kernel: int
    stride: int
    before: int  # padding
    after: int


def add_pyramid(graph: Graph, name: str, x: str, size: Sequence[int], levels: Sequence[int]) -> str:
    """The pyramid of maps (N, C, *size): (N, C * sum n^2), each level flattened as (C, n, n)."""
    parts = []
    for place, n in enumerate(levels):
        level = f"{name}.{place}_{n}x{n}"  # a pyramid may have a level twice
        bins = add_bins(graph, level, x, size, n)
        parts.append(graph.node("Flatten", f"{level}.flat", bins, axis=1))
    return graph.node("Concat", name, *parts, axis=1)


def add_bins(graph: Graph, name: str, x: str, size: Sequence[int], n: int) -> str:
    """The maxima of n x n bins: (N, C, n, n)."""
    rows, columns = (windows(L, n) for L in size)
    if rows and columns:
        kernel, strides, before, after = map(list, zip(rows, columns, strict=True))
        return graph.node("MaxPool", name, x, kernel_shape=kernel, strides=strides, pads=before + after)
    for axis, L in zip((2, 3), size, strict=True):
        strips = []
        for i, (start, end) in enumerate(bin_edges(L, n)):
            strip = f"{name}.{'rows' if axis == 2 else 'columns'}_{i}"
            cut = graph.slice(f"{strip}.cut", x, [axis], [start], [end])
            strips.append(graph.node("ReduceMax", strip, cut, axes=[axis], keepdims=1))
        x = graph.node("Concat", name if axis == 3 else f"{name}.rows", *strips, axis=axis)
    return x


def windows(L: int, n: int) -> Windows | None:
    """A max pooling whose windows over a length L are the n bins; None if there is none.

    >>> windows(14, 3), windows(10, 6)
    (Windows(kernel=6, stride=5, before=1, after=1), None)
    """
    bins = bin_edges(L, n)
    for kernel, stride in product(range(bins[0][1], L + 1), range(1, L + 1)):
        before = kernel - bins[0][1]  # so that window 0 ends where bin 0 does
        starts = [i * stride - before for i in range(n)]
        if [(max(0, start), min(L, start + kernel)) for start in starts] == bins:
            return Windows(kernel, stride, before, starts[-1] + kernel - L)
    return None

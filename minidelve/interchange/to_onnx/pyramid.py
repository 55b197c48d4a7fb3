"""Spatial pyramid pooling in ONNX, which has no node for it.

It has MaxPool, and mostly that is enough. Bin i of n over a length L (ops/spatial_pyramid_pool2d.py) and window i of a
max pooling with kernel k, stride s and padding p in front are

    bin i       [ t_i, e_i ),    t_i = floor(i L / n),    e_i = ceil((i + 1) L / n)
    window i    [ i s - p,  i s - p + k )    cut at 0 and L, for padding never wins a maximum

If k, s and p make each window its bin, the level is one MaxPool. Window 0 ends where bin 0 does, so

    k - p = e_0,    p = k - e_0.                                                    (1p)

The bins read from the end are the same: floor(i L / n) = L - ceil((n - i) L / n), so bin n - 1 - i is bin i mirrored.
The last window thus hangs over the end as far as the first one over the beginning, and the padding there is p too. With
that, L + 2 p = (n - 1) s + k: MaxPool makes just n windows. (1p) leaves k and s to be found, and both are at most L:
all are tried. For L = 14 and n = 3 the bins [0, 5), [4, 10), [9, 14) are the windows of k = 6, s = 5, p = 1.

Where there are none (L = 10, n = 6), the map is cut into its bins: first rows, then columns, since the maximum over a
bin is the maximum of its rows' maxima. Either way the maxima are those of spatial_pyramid_pool2d, and a maximum rounds
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

from minidelve.interchange.to_onnx.graph import Graph
from minidelve.ops.spatial_pyramid_pool2d import bin_edges


class Pooling(NamedTuple):
    """A max pooling along one axis: the sizes of its windows, their steps, the padding at each end."""

    kernel: int
    stride: int
    padding: int


def add_pyramid(graph: Graph, name: str, x: str, size: Sequence[int], levels: Sequence[int]) -> str:
    """The pyramid of maps x (N, C, *size): (N, C * sum n^2), each level flattened as (C, n, n); its name."""
    parts = []
    for place, n in enumerate(levels):
        level = f"{name}.{place}_{n}x{n}"  # a pyramid may have a level twice
        bins = add_bins(graph, level, x, size, n)
        parts.append(graph.node("Flatten", f"{level}.flat", bins, axis=1))
    return graph.node("Concat", name, *parts, axis=1)


def add_bins(graph: Graph, name: str, x: str, size: Sequence[int], n: int) -> str:
    """The maxima of n x n bins of maps x (N, C, *size): (N, C, n, n); their name."""
    rows, columns = (pooling_of_bins(L, n) for L in size)
    if rows and columns:
        kernel, strides, padding = map(list, zip(rows, columns, strict=True))
        return graph.node("MaxPool", name, x, kernel_shape=kernel, strides=strides, pads=[*padding, *padding])
    return add_cut_bins(graph, name, x, size, n)


def add_cut_bins(graph: Graph, name: str, x: str, size: Sequence[int], n: int) -> str:
    """As add_bins, for any bins: the maps are cut into strips of rows, and what these make into strips of columns."""
    for axis, L in zip((2, 3), size, strict=True):
        strips = []
        for i, (start, end) in enumerate(bin_edges(L, n)):
            strip = f"{name}.{'rows' if axis == 2 else 'columns'}_{i}"
            cut = graph.slice(f"{strip}.cut", x, [axis], [start], [end])
            strips.append(graph.node("ReduceMax", strip, cut, axes=[axis], keepdims=1))
        x = graph.node("Concat", name if axis == 3 else f"{name}.rows", *strips, axis=axis)
    return x


def pooling_of_bins(L: int, n: int) -> Pooling | None:
    """A max pooling whose windows over a length L are the n bins; None if there is none.

    >>> pooling_of_bins(14, 3), pooling_of_bins(10, 6)
    (Pooling(kernel=6, stride=5, padding=1), None)
    """
    bins = bin_edges(L, n)
    first_end = bins[0][1]
    for kernel, stride in product(range(first_end, L + 1), range(1, L + 1)):
        padding = kernel - first_end  # (1p)
        starts = [i * stride - padding for i in range(n)]
        if [(max(0, start), min(L, start + kernel)) for start in starts] == bins:
            return Pooling(kernel, stride, padding)
    return None

"""Dense testing as an ONNX graph: images of any size, the scores of all windows averaged.

The letters are those of evaluation/dense.py and evaluation/windows.py, to be read first, which compute the same: the
conv layers give a map H x W, its windows are k x k, bin (i, j) has rows [t_i, e_i) and columns [t_j, e_j) of a window,
h = e_i - t_i by v = e_j - t_j of them, and

    M_hv[m, c, p, q] = max over r < h, w < v of x[m, c, p + r, q + w]                    (1d)
    f_n[m, c, i, j](a, b) = M_hv[m, c, a + t_i, b + t_j]                                 (2d)

The pyramids.  (1d) is a MaxPool of kernel (h, v) and stride 1, which has H - h + 1 rows. The windows are
a = 0, ..., H - k, so (2d) reads rows t_i to H - k + t_i of it. Before them lie t_i rows, and behind them

    (H - h + 1) - (H - k + t_i + 1) = k - h - t_i = k - e_i,

as h + t_i = e_i; likewise for columns. So a bin of all windows is M_hv, cut: a Slice. All bins, one after the other,
are a map of H - k + 1 by W - k + 1 windows, with a channel for each number of a pyramid.

The fully connected layers.  Call u_q(a, b) the numbers that fc1 reads of window (a, b). It gives

    z_o(a, b) = sum over q of W[o, q] u_q(a, b) + bias_o                                 (4d)

with the same W for all windows. That is what a convolution of the map u computes if its kernel is 1 x 1 and its weight
is W in the shape (outputs, inputs, 1, 1). fc2 and fc3 read z in the same way.

The order of fc1's columns.  For fc1, level n begins at some place B and has its channels slowest; the map is made bin
by bin, and has them fastest:

    f_n[c, i, j]    is  u_q  with  q = B + c n^2 + (i n + j)        as spatial_pyramid_pool2d flattens it
                    channel        B + (i n + j) C + c   of the map

Channel by channel of the map, `by_bins` lists the q. W[:, by_bins] has fc1's columns in the order of the map.

The mean image is resized to each image, as in evaluation/dense.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minidelve import nn
from minidelve.evaluation.footprint import last_map
from minidelve.evaluation.windows import patch_sizes
from minidelve.interchange.to_onnx.graph import LAST, Graph
from minidelve.interchange.to_onnx.layers import Layers, add_layer, add_layers, weight_and_bias
from minidelve.ops.spatial_pyramid_pool2d import bin_edges


def add_mean(graph: Graph, images: str, mean: np.ndarray, crop: int) -> str:
    """The mean for images (N, 3, H, W): (1, 3, H, W), or (1, 3, 1, 1) of a mean colour; its name.

    mean   (3, crop, crop) or (3, 1, 1)
    """
    shape = graph.node("Shape", "shape", images)
    size = graph.slice("height_and_width", shape, [0], [2], [4])
    checked = add_mean_unless_small(graph, size, mean, crop)
    if mean.shape[1:] == (1, 1):
        return checked
    sizes = graph.node("Concat", "size_of_the_mean", graph.integers("one_of_three", [1, 3]), size, axis=0)
    # Interpolated between the middles of pixels, as by Pillow, which does more only where an image shrinks: none does.
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return graph.node("Resize", "resized_mean", checked, "", "", sizes, **how)


def add_mean_unless_small(graph: Graph, size: str, mean: np.ndarray, crop: int) -> str:
    """The mean (1, *mean.shape) for images of `size`, (height, width) of at least a crop; its name.

    A smaller image has no window, and onnxruntime would end its process. A graph cannot raise an error. But a node
    fails that looks up a row which a table does not have, and the error bears the node's name: so the mean is row 0 of
    a table of one row, a small image asks for row 1, and the name says what is wrong.
    """
    smaller = graph.node("Less", "smaller_than_a_crop", size, graph.integers("crop", [crop, crop]))
    row = graph.node("Cast", "row", smaller, to=graph.onnx.TensorProto.INT64)  # 1 where an image is too small
    row = graph.node("ReduceMax", "row_of_the_mean", row, axes=[0], keepdims=1)
    means = graph.weight("means", mean[None])
    return graph.node("Gather", f"images_need_at_least_{crop}_x_{crop}_pixels", means, row, axis=0)


def add_dense_layers(graph: Graph, layers: Layers, x: str, crop: int) -> str:
    """All layers over images x: logits (N, classes, H - k + 1, W - k + 1), one vector for each window; their name.

    x      of shape (N, 3, height, width), from which the conv layers make maps H x W
    crop   the side of a training crop, whose map is k x k

    Raises ValueError unless one of the layers is a pyramid, and for a pooling in ceil mode, whose padding in ONNX would
    be that of one size.
    """
    layers = list(layers)
    at = next((i for i, (_, layer) in enumerate(layers) if isinstance(layer, nn.SpatialPyramidPool2d)), None)
    if at is None:
        raise ValueError("a dense graph needs spatial pyramid pooling before the fully connected layers")
    if any(isinstance(layer, nn.MaxPool2d) and layer.ceil_mode for _, layer in layers[:at]):
        raise ValueError("a dense graph cannot have a pooling in ceil mode; its padding depends on the image's size")
    channels, k, _ = last_map([layer for _, layer in layers[:at]], crop, crop)
    x = add_layers(graph, layers[:at], x, (3, crop, crop))
    name, pyramid = layers[at]
    assert isinstance(pyramid, nn.SpatialPyramidPool2d)
    x = add_window_pyramids(graph, name, x, k, pyramid.levels)
    return add_head(graph, layers[at + 1 :], x, by_bins(channels, pyramid.levels))


def add_head(graph: Graph, layers: Layers, x: str, columns: np.ndarray) -> str:
    """The fully connected layers, and what stands between them, as layers over the map x; the name of the last one's.

    columns   the column of the first one's weight that belongs to each channel of x
    """
    for name, layer in layers:
        if isinstance(layer, nn.Linear):
            weights = weight_and_bias(graph, name, layer, layer.weight.data[:, columns, None, None])
            columns = np.arange(len(layer.weight))  # the next one reads z, which is in order
            x = graph.node("Conv", name, x, *weights, kernel_shape=[1, 1])  # (4d)
        else:
            x = add_layer(graph, name, layer, x, (1, 1, 1))  # of a map: a slope for each channel is (C, 1, 1)
    return x


def add_window_pyramids(graph: Graph, name: str, x: str, k: int, levels: Sequence[int]) -> str:
    """The pyramids of all k x k windows of maps x (N, C, H, W): (N, sum n^2 * C, H - k + 1, W - k + 1); their name."""
    maxima = {}
    for h, v in sorted(patch_sizes(k, levels)):
        maxima[h, v] = graph.node("MaxPool", f"{name}.M_{h}x{v}", x, kernel_shape=[h, v])  # (1d)
    parts = []
    for place, n in enumerate(levels):
        bins = bin_edges(k, n)
        for i, (top, bottom) in enumerate(bins):
            for j, (left, right) in enumerate(bins):
                M = maxima[bottom - top, right - left]
                ends = [bottom - k or LAST, right - k or LAST]  # k - e_i before the end; 0 would be the beginning
                parts.append(graph.slice(f"{name}.{place}_{n}x{n}.{i}_{j}", M, [2, 3], [top, left], ends))  # (2d)
    return graph.node("Concat", name, *parts, axis=1)


def by_bins(channels: int, levels: Sequence[int]) -> np.ndarray:
    """The place q in a pyramid's vector of each channel of the map of pyramids.

    With two channels, level 1 has places 0 and 1. Level 2 has 2 to 5 for the four bins of the one channel and 6 to 9
    for those of the other, and the map takes them bin by bin:

    >>> by_bins(2, [1, 2]).tolist()
    [0, 1, 2, 6, 3, 7, 4, 8, 5, 9]
    """
    order, B = [], 0
    for n in levels:
        places = np.arange(B, B + channels * n * n).reshape(channels, n * n)  # [c, i n + j]
        order.append(places.T.ravel())
        B += places.size
    return np.concatenate(order)

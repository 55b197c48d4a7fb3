"""Dense testing as an ONNX graph: images of any size, the scores of all windows averaged.

The letters are those of evaluation/dense.py and windows.py, which compute the same: the conv layers give a map H x W,
its windows are k x k, bins are patches of h x v, and

    M_hv[m, c, p, q] = max over r < h, w < v of x[m, c, p + r, q + w]                    (1d)
    f_n[m, c, i, j](a, b) = M_hv[m, c, a + t_i, b + t_j]                                 (2d)

(1d) is a MaxPool of kernel (h, v) and stride 1. As a map over the windows (a, b), (2d) is M_hv without its first t_i
rows and t_j columns, and without the last k - h - t_i and k - v - t_j: H - k + 1 by W - k + 1 are left. So the
pyramids of all windows are a map with a channel for each bin and c, and the fully connected layers are 1 x 1
convolutions over it. fc1 reads its inputs as (level, c, i, j), the channels of that map lie as (level, i, j, c): its
columns are reordered.

The mean image is resized to each image, as evaluation/dense.py does it. For an image that is smaller than a crop there
is no window; onnxruntime would end its process. The mean lies in a table of one row, and a small image asks for row 1:
an error of the node whose name says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minidelve import nn
from minidelve.analysis.summary import output_shape
from minidelve.evaluation.windows import patch_sizes
from minidelve.interchange.to_onnx.graph import LAST, Graph
from minidelve.interchange.to_onnx.layers import Layers, add_layer, add_layers, weight_and_bias
from minidelve.ops.geometry import Shape
from minidelve.ops.spatial_pyramid_pool2d import bin_edges


def add_mean(graph: Graph, images: str, mean: np.ndarray, crop: int) -> str:
    """The mean (1, 3, H, W) or (1, 3, 1, 1) resized to images (N, 3, H, W).

    mean   (3, crop, crop) or (3, 1, 1)
    """
    shape = graph.node("Shape", "shape", images)
    size = graph.slice("height_and_width", shape, [0], [2], [4])
    smaller = graph.node("Less", "smaller_than_a_crop", size, graph.integers("crop", [crop, crop]))
    row = graph.node("Cast", "row", smaller, to=graph.onnx.TensorProto.INT64)
    row = graph.node("ReduceMax", "row_of_the_mean", row, axes=[0], keepdims=1)
    means = graph.weight("means", mean[None])
    mean_name = graph.node("Gather", f"images_need_at_least_{crop}_x_{crop}_pixels", means, row, axis=0)
    if mean.shape[1:] == (1, 1):
        return mean_name
    sizes = graph.node("Concat", "size_of_the_mean", graph.integers("one_of_three", [1, 3]), size, axis=0)
    how = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    return graph.node("Resize", "resized_mean", mean_name, "", "", sizes, **how)


def add_dense_layers(graph: Graph, layers: Layers, x: str, crop: int) -> str:
    """All layers over images (N, 3, H, W): logits (N, classes, rows of windows, columns of windows).

    Raises ValueError unless one of the layers is a pyramid, and for a pooling in ceil mode, whose padding in ONNX would
    be that of one size.
    """
    layers = list(layers)
    at = next((i for i, (_, layer) in enumerate(layers) if isinstance(layer, nn.SpatialPyramidPool2d)), None)
    if at is None:
        raise ValueError("a dense graph needs spatial pyramid pooling before the fully connected layers")
    if any(isinstance(layer, nn.MaxPool2d) and layer.ceil_mode for _, layer in layers[:at]):
        raise ValueError("a dense graph cannot have a pooling in ceil mode; its padding depends on the image's size")
    shape: Shape = (3, crop, crop)
    for _, layer in layers[:at]:
        shape = output_shape(layer, shape)
    x = add_layers(graph, layers[:at], x, (3, crop, crop))
    name, pyramid = layers[at]
    assert isinstance(pyramid, nn.SpatialPyramidPool2d)
    channels, k, _ = shape
    x = add_window_pyramids(graph, name, x, k, pyramid.levels)
    order = by_bins(channels, pyramid.levels)
    for name, layer in layers[at + 1 :]:
        if isinstance(layer, nn.Linear):
            weight = layer.weight.data[:, order, None, None]
            x = graph.node("Conv", name, x, *weight_and_bias(graph, name, layer, weight), kernel_shape=[1, 1])
            order = np.arange(len(weight))
        else:
            x = add_layer(graph, name, layer, x, (1, 1, 1))  # a map now
    return x


def add_window_pyramids(graph: Graph, name: str, x: str, k: int, levels: Sequence[int]) -> str:
    """The pyramids of all k x k windows of maps (N, C, H, W): (N, sum n^2 * C, H - k + 1, W - k + 1)."""
    maxima = {}
    for h, v in sorted(patch_sizes(k, levels)):
        maxima[h, v] = graph.node("MaxPool", f"{name}.M_{h}x{v}", x, kernel_shape=[h, v])  # (1d)
    parts = []
    for place, n in enumerate(levels):
        bins = bin_edges(k, n)
        for i, (top, bottom) in enumerate(bins):
            for j, (left, right) in enumerate(bins):
                M = maxima[bottom - top, right - left]
                ends = [bottom - k or LAST, right - k or LAST]  # k - h - t_i before the end of M
                parts.append(graph.slice(f"{name}.{place}_{n}x{n}.{i}_{j}", M, [2, 3], [top, left], ends))  # (2d)
    return graph.node("Concat", name, *parts, axis=1)


def by_bins(channels: int, levels: Sequence[int]) -> np.ndarray:
    """The place in a pyramid's vector of each channel of the map of pyramids.

    >>> by_bins(2, [1, 2]).tolist()
    [0, 1, 2, 6, 3, 7, 4, 8, 5, 9]
    """
    order, begin = [], 0
    for n in levels:
        level = np.arange(begin, begin + channels * n * n).reshape(channels, n * n)
        order.append(level.T.ravel())
        begin += level.size
    return np.concatenate(order)

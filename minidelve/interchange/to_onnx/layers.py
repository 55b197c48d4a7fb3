"""The ONNX node of each layer.

A layer is given the name of the value that it reads and, as a node that depends on it needs them, the sizes of that
value without the batch: (C, H, W), or (units,) behind the pyramid.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from minidelve import nn
from minidelve.analysis.summary import output_shape
from minidelve.interchange.to_onnx.graph import Graph
from minidelve.interchange.to_onnx.pyramid import add_pyramid
from minidelve.ops.geometry import Shape, pool_geometry

Layers = Iterable[tuple[str, nn.Module]]  # as named_children() gives them


def add_layers(graph: Graph, layers: Layers, x: str, shape: Shape) -> str:
    """The nodes of layers one after the other; the name of what the last one makes.

    x       the name of what the first layer reads
    shape   its sizes without the batch: (C, H, W) or (units,)

    Raises ValueError for a layer that is not known here.
    """
    for name, layer in layers:
        x = add_layer(graph, name, layer, x, shape)
        shape = output_shape(layer, shape)
    return x


def add_layer(graph: Graph, name: str, layer: nn.Module, x: str, shape: Shape) -> str:
    """The node of a layer whose input x has this shape; the name of what it makes.

    Only a pool in ceil mode and the pyramid look at H and W. All other nodes fit maps of any size.
    """
    match layer:
        case nn.Conv2d():
            return add_conv(graph, name, layer, x)
        case nn.MaxPool2d():
            kernel, strides, pads = kernel_strides_and_pads(layer, shape)
            return graph.node("MaxPool", name, x, kernel_shape=kernel, strides=strides, pads=pads)
        case nn.SpatialPyramidPool2d():
            return add_pyramid(graph, name, x, shape[1:], layer.levels)
        case nn.Linear():
            return graph.node("Gemm", name, x, *weight_and_bias(graph, name, layer, layer.weight.data), transB=1)
        case nn.PReLU():
            # ONNX aligns shapes at their ends: a slope for each channel of a map is (C, 1, 1).
            slopes = layer.a.data.reshape(-1, *(1 for _ in shape[1:]))
            return graph.node("PRelu", name, x, graph.weight(f"{name}.a", slopes))
        case nn.LeakyReLU():
            return graph.node("LeakyRelu", name, x, alpha=float(layer.slope))
        case nn.ReLU():
            return graph.node("Relu", name, x)
        case nn.Flatten():
            return graph.node("Flatten", name, x, axis=1)
        case nn.Dropout():
            return x  # no node: outside training it changes nothing
    raise ValueError(f"no ONNX node is known for {layer}; add it to interchange/to_onnx/layers.py")


def add_conv(graph: Graph, name: str, conv: nn.Conv2d, x: str) -> str:
    """A convolution of maps (N, C, H, W) of any H and W."""
    weights = weight_and_bias(graph, name, conv, conv.weight.data)
    kernel, pads = list(conv.weight.shape[2:]), [*conv.padding, *conv.padding]
    return graph.node("Conv", name, x, *weights, kernel_shape=kernel, strides=list(conv.stride), pads=pads)


def weight_and_bias(graph: Graph, name: str, layer: nn.Conv2d | nn.Linear, weight: np.ndarray) -> list[str]:
    """Add a layer's weight, in the shape in which it is given, and its bias if it has one; their names."""
    bias = [] if layer.bias is None else [graph.weight(f"{name}.bias", layer.bias.data)]
    return [graph.weight(f"{name}.weight", weight), *bias]


def kernel_strides_and_pads(pool: nn.MaxPool2d, shape: Shape) -> tuple[list[int], list[int], list[int]]:
    """Of a pool over maps (C, H, W): its kernel, its strides, and its pads at the top, left, bottom and right.

    In ceil mode the last window may hang over the edge, and ONNX gets what hangs over as padding at the bottom and
    right. (It has a ceil mode too, but not every runtime leaves out the windows that see only padding.) Along a length
    L, with padding p in front, the n windows begin at -p, s - p, ..., (n - 1) s - p. So the last one ends at
    (n - 1) s - p + k, which is

        after = (n - 1) s - p + k - L    places beyond the edge, or none if that is below 0.

    >>> kernel_strides_and_pads(nn.MaxPool2d(3, stride=2, ceil_mode=True), (1, 6, 7))  # 3 windows reach row 7 of 6
    ([3, 3], [2, 2], [0, 0, 1, 0])
    """
    sizes = pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode
    kernel, stride, padding, out = pool_geometry("pool", (1, *shape), *sizes)
    if not pool.ceil_mode:
        return list(kernel), list(stride), [*padding, *padding]
    along = zip(out, stride, padding, kernel, shape[1:], strict=True)
    after = [max(0, (n - 1) * s - p + k - L) for n, s, p, k, L in along]
    return list(kernel), list(stride), [*padding, *after]

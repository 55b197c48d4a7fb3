"""The ONNX node of each layer, for images of one size and for maps of any."""

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
    """The nodes of layers one after the other. x holds an image's (C, H, W) or (units,); returns what they make of it.

    Raises ValueError for a layer that is not known here.
    """
    for name, layer in layers:
        x = add_layer(graph, name, layer, x, shape)
        shape = output_shape(layer, shape)
    return x


def add_layer(graph: Graph, name: str, layer: nn.Module, x: str, shape: Shape) -> str:
    """The node of a layer whose input has this shape. Only ceil mode and the pyramid depend on H and W."""
    match layer:
        case nn.Conv2d():
            return add_conv(graph, name, layer, x)
        case nn.MaxPool2d():
            kernel, strides, pads = window(layer, shape)
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
            return x  # which in use lets everything through
    raise ValueError(f"no ONNX node is known for {layer}; add it to interchange/to_onnx/layers.py")


def add_conv(graph: Graph, name: str, conv: nn.Conv2d, x: str) -> str:
    """A convolution."""
    weights = weight_and_bias(graph, name, conv, conv.weight.data)
    kernel, pads = list(conv.weight.shape[2:]), [*conv.padding, *conv.padding]
    return graph.node("Conv", name, x, *weights, kernel_shape=kernel, strides=list(conv.stride), pads=pads)


def weight_and_bias(graph: Graph, name: str, layer: nn.Conv2d | nn.Linear, weight: np.ndarray) -> list[str]:
    """A layer's weight, in the shape in which it is given, and its bias if it has one."""
    bias = [] if layer.bias is None else [graph.weight(f"{name}.bias", layer.bias.data)]
    return [graph.weight(f"{name}.weight", weight), *bias]


def window(pool: nn.MaxPool2d, shape: Shape) -> tuple[list[int], list[int], list[int]]:
    """Kernel, stride, and padding at the top, left, bottom and right.

    What ceil mode lets hang over the edge is padding at the bottom and right. (ONNX has a ceil mode too, but not every
    runtime leaves out the windows that see only padding.)
    """
    sizes = pool.kernel_size, pool.stride, pool.padding, pool.ceil_mode
    kernel, stride, padding, out = pool_geometry("pool", (1, *shape), *sizes)
    reach = [(n - 1) * s + k - L - p for n, s, k, L, p in zip(out, stride, kernel, shape[1:], padding, strict=True)]
    after = [max(0, r) for r in reach] if pool.ceil_mode else padding
    return list(kernel), list(stride), [*padding, *after]

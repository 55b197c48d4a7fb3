"""What a network costs, layer by layer: parameters and multiply-adds.

A multiply-add is one product and its addition, what the paper counts as an "operation". With
oh x ow outputs of d channels, a k x k conv layer of c input channels needs

    oh ow d k^2 c          and a fully connected one          in out.

Activations, pooling and biases are not counted: they take less than a hundredth of that.

The network does not run: the shape of each layer's output follows from the shape of its input.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import prod

from minidelve import nn
from minidelve.ops.geometry import Shape, output_size, pool_geometry

HEAD = ("layer", "type", "output", "weights, biases", "slopes", "multiply-adds")


@dataclass(frozen=True)
class Layer:
    """One line of the table."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of the output for one image, without the batch axis
    weights: int  # weights and biases
    slopes: int  # PReLU's learned slopes
    multiply_adds: int


def summarize(network: nn.Sequential, size: int) -> list[Layer]:
    """The layers of `network`, one after the other, for one image of size x size pixels.

    Raises ValueError when the image is too small.

    >>> [layer] = summarize(nn.Sequential(nn.Conv2d(3, 8, kernel_size=3, padding=1)), size=4)
    >>> layer.shape, layer.weights, layer.multiply_adds
    ((8, 4, 4), 224, 3456)
    """
    return list(_walk(network, (3, size, size)))


def _walk(network: nn.Sequential, shape: Shape) -> Iterable[Layer]:
    for name, layer in network.named_children():
        shape = output_shape(layer, shape)
        own = list(layer.parameters())
        slopes = sum(p.size for p in own) if isinstance(layer, nn.PReLU) else 0
        weights = sum(p.size for p in own) - slopes
        yield Layer(name, type(layer).__name__, shape, weights, slopes, multiply_adds(layer, shape))


def output_shape(layer: nn.Module, shape: Shape) -> Shape:
    """What a layer makes of (C, H, W) or (units,), one image's shape.

    Raises ValueError when the map is too small or does not fit, TypeError for a layer not known here.

    >>> output_shape(nn.MaxPool2d(2), (64, 37, 37))
    (64, 18, 18)
    """
    match layer:
        case nn.Conv2d():
            out, channels, *kernel = layer.weight.shape
            size = output_size(shape[1:], tuple(kernel), layer.stride, layer.padding)
            if channels != shape[0] or min(size) < 1:
                raise ValueError(f"a {layer} does not fit the map {shape}")
            return (out, *size)
        case nn.MaxPool2d() | nn.AvgPool2d():
            window = layer.kernel_size, layer.stride, layer.padding, layer.ceil_mode
            return (shape[0], *pool_geometry("pool", (1, *shape), *window)[3])
        case nn.SpatialPyramidPool2d():
            return (shape[0] * sum(n * n for n in layer.levels),)
        case nn.Flatten():
            return (prod(shape),)
        case nn.Linear():
            out, units = layer.weight.shape
            if shape != (units,):
                raise ValueError(f"a {layer} does not fit the shape {shape}")
            return (out,)
    if layer.keeps_shape:
        return shape
    kind = type(layer).__name__
    raise TypeError(f"summary: the output shape of a {kind} is unknown; if it is the input's, set keeps_shape")


def multiply_adds(layer: nn.Module, shape: tuple[int, ...]) -> int:
    """The multiply-adds of a layer whose output for one image has this shape."""
    if isinstance(layer, nn.Conv2d):
        return layer.weight.size * shape[1] * shape[2]  # each of the d k^2 c weights once per output position
    return layer.weight.size if isinstance(layer, nn.Linear) else 0


def table(layers: list[Layer]) -> str:
    """The layers and their totals as text."""
    rows = [cells(layer) for layer in layers]
    widths = [max(len(row[i]) for row in (HEAD, *rows)) for i in range(len(HEAD))]
    lines = [_line(row, widths) for row in (HEAD, tuple("-" * width for width in widths), *rows)]
    return "\n".join([*lines, "", *totals(layers)])


def cells(layer: Layer) -> tuple[str, ...]:
    """What stands under HEAD for one layer."""
    shape = " x ".join(map(str, layer.shape))
    return layer.name, layer.kind, shape, _count(layer.weights), _count(layer.slopes), _count(layer.multiply_adds)


def totals(layers: list[Layer]) -> list[str]:
    """A line for each kind of cost."""
    conv, fc = (sum(a.multiply_adds for a in layers if a.kind == kind) for kind in ("Conv2d", "Linear"))
    figures = {
        "weights and biases": sum(a.weights for a in layers),
        "PReLU slopes": sum(a.slopes for a in layers),
        "conv multiply-adds": conv,
        "fc multiply-adds": fc,
        "conv+fc multiply-adds": conv + fc,
    }
    width = max(len(f"{value:,}") for value in figures.values())
    lines = [f"{name:<23}{value:>{width},}{_short(value)}" for name, value in figures.items()]
    return [*lines[:-1], f"{lines[-1]}, {(conv + fc) / 1e10:.3f} x 1e10"]  # Table 3's unit


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Names to the left, figures to the right."""
    left = [f"{cell:<{width}}" for cell, width in zip(cells[:3], widths[:3], strict=True)]
    right = [f"{cell:>{width}}" for cell, width in zip(cells[3:], widths[3:], strict=True)]
    return "  ".join(left + right).rstrip()


def _count(number: int) -> str:
    return f"{number:,}" if number else ""


def _short(number: int) -> str:
    for unit, name in ((1e9, "billion"), (1e6, "million")):
        if number >= unit:
            return f"  ({number / unit:.2f} {name})"
    return ""

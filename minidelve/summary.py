"""What a network costs, layer by layer: parameters and multiply-adds.

A multiply-add is one product and its addition, what the paper counts as an "operation".  With
oh x ow outputs of d channels, a k x k conv layer of c input channels needs

    oh ow d k^2 c          and a fully connected one          in out.

Activations, pooling and biases are not counted: they are less than a hundredth of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from minidelve import nn
from minidelve.backend import use
from minidelve.tensor import Tensor, no_grad


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
    """The layers of `network` for one image of size x size pixels: an empty one is run through them.

    Raises ValueError when the image is too small.

    >>> [layer] = summarize(nn.Sequential(nn.Conv2d(3, 8, kernel_size=3, padding=1)), size=4)
    >>> layer.shape, layer.weights, layer.multiply_adds
    ((8, 4, 4), 224, 3456)
    """
    was_training = network.training
    network.eval()
    try:
        # The reference kernels need no compiler, and shapes do not depend on who computes them.
        with no_grad(), use("reference"):
            return list(_walk(network, Tensor(np.zeros((1, 3, size, size), np.float32))))
    finally:
        network.train(was_training)


def _walk(network: nn.Sequential, x: Tensor) -> Iterable[Layer]:
    for name, layer in network.children():
        x = layer(x)
        shape, own = x.shape[1:], list(layer.parameters())
        slopes = sum(p.size for p in own) if isinstance(layer, nn.PReLU) else 0
        weights = sum(p.size for p in own) - slopes
        yield Layer(name, type(layer).__name__, shape, weights, slopes, multiply_adds(layer, shape))


def multiply_adds(layer: nn.Module, shape: tuple[int, ...]) -> int:
    """The multiply-adds of a layer whose output for one image has this shape."""
    if isinstance(layer, nn.Conv2d):
        return layer.weight.size * shape[1] * shape[2]  # each of the d k^2 c weights once per output position
    return layer.weight.size if isinstance(layer, nn.Linear) else 0


def table(layers: list[Layer]) -> str:
    """The layers and their totals as text."""
    head = ("layer", "type", "output", "weights, biases", "slopes", "multiply-adds")
    rows = [
        (a.name, a.kind, " x ".join(map(str, a.shape)), _count(a.weights), _count(a.slopes), _count(a.multiply_adds))
        for a in layers
    ]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [_line(row, widths) for row in (head, tuple("-" * width for width in widths), *rows)]
    return "\n".join([*lines, "", *totals(layers)])


def totals(layers: list[Layer]) -> list[str]:
    """A line for each kind of cost."""
    conv, fc = (sum(a.multiply_adds for a in layers if a.kind == kind) for kind in ("Conv2d", "Linear"))
    figures = {
        "weights and biases": sum(a.weights for a in layers),
        "PReLU slopes": sum(a.slopes for a in layers),
        "conv multiply-adds": conv,
        "fc multiply-adds": fc,
    }
    width = max(len(f"{value:,}") for value in figures.values())
    return [f"{name:<20}{value:>{width},}{_short(value)}" for name, value in figures.items()]


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

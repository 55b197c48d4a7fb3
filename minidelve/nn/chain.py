"""Layers one after the other, a conv layer and the activation behind it in one go.

conv2d can apply a rectifier to its response on the way to memory (ops/in_place_activation.py): the response before
it is then neither kept nor passed over again.  The layers stay two, as in the paper's tables; only the call is one.
Networks run like this (models/network.py, nn/shares.py); a plain Sequential calls its layers one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

from minidelve.nn.layers import Conv2d, LeakyReLU, PReLU, ReLU
from minidelve.nn.module import Module
from minidelve.tensor import Tensor


def run_chain(layers: Sequence[Module], x: Tensor) -> Tensor:
    """layers[-1](... layers[1](layers[0](x)))."""
    waiting = list(layers)[::-1]
    while waiting:
        layer = waiting.pop()
        slope = slope_of(waiting[-1]) if waiting else None
        if type(layer) is Conv2d and slope is not None:  # a subclass may compute something else
            x = layer.forward(x, slope)
            waiting.pop()
        else:
            x = layer(x)
    return x


def slope_of(layer: Module) -> Tensor | float | None:
    """The slope of a rectifier of this package, as conv2d wants it; None for any other layer."""
    if type(layer) is PReLU:
        return layer.a
    if type(layer) is LeakyReLU:
        return layer.slope
    return 0.0 if type(layer) is ReLU else None

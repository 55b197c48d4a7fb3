"""Layers one after the other, a conv layer and the activation behind it in one go.

conv2d can apply a rectifier to its response on the way to memory (ops/conv/activation.py): the response before it is
then neither kept nor passed over again. The layers stay two, as in the paper's tables; only the call is one.

Networks run like this (models/network.py, parallel/shares.py); a plain Sequential calls its layers one by one, and so
does a chain where a hook wants to see the response in between.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidelve import ops
from minidelve.nn.layers import Conv2d, LeakyReLU, PReLU, ReLU
from minidelve.nn.module import Module
from minidelve.ops.conv.activation import Rectifier, look_at
from minidelve.tensor import Tensor


def run_chain(layers: Sequence[Module], x: Tensor) -> Tensor:
    """layers[-1](... layers[1](layers[0](x)))."""
    layers, slopes = links(layers)
    # All slopes are looked at here, once, and not by each conv2d: on a GPU a look is a wait.
    for layer, rectifier in zip(layers, look_at(slopes), strict=True):
        x = layer(x) if rectifier is None else conv_and_rectifier(layer, x, rectifier)
    return x


def conv_and_rectifier(conv: Any, x: Tensor, rectifier: Rectifier) -> Tensor:
    """rectifier(conv(x)) in one go, conv an nn.Conv2d: (N, in, H, W) -> (N, out, OH, OW)."""
    return ops.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding, activation=rectifier)


def links(layers: Sequence[Module]) -> tuple[list[Module], list[Tensor | float | None]]:
    """The layers without the rectifiers behind conv layers; for each layer the slope of the one behind it, or None."""
    kept: list[Module] = []
    slopes: list[Tensor | float | None] = []
    for layer in layers:
        slope = slope_of(layer)
        # type() is: a subclass of Conv2d may compute something else.
        fits = slope is not None and kept and type(kept[-1]) is Conv2d and slopes[-1] is None
        if fits and kept[-1].hook is None and layer.hook is None:
            slopes[-1] = slope
        else:
            kept.append(layer)
            slopes.append(None)
    return kept, slopes


def slope_of(layer: Module) -> Tensor | float | None:
    """The slope of a rectifier of this package, as conv2d wants it; None for any other layer."""
    if type(layer) is PReLU:
        return layer.a
    if type(layer) is LeakyReLU:
        return layer.slope
    return 0.0 if type(layer) is ReLU else None

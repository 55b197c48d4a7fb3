"""The activations of a network by name: the layer of each, and the slope that it begins with.

>>> BY_NAME["prelu"].layer(64, 0.25), BY_NAME["lrelu"].layer(64, 0.01)
(PReLU(64), LeakyReLU(0.01))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from minidelve import nn

PRELU_START = 0.25  # the slope that PReLU begins with (paper, section 2.1)


class Activation(NamedTuple):
    """What stands behind every layer but the last.

    start   the slope for y <= 0 before training, which initialization takes into account (10a); given the option
            `slope`, which is of lrelu alone
    layer   the layer behind one of so many channels or units, with this slope
    """

    start: Callable[[float], float]
    layer: Callable[[int, float], nn.Module]


BY_NAME = {
    "prelu": Activation(lambda slope: PRELU_START, nn.PReLU),
    "prelu-shared": Activation(lambda slope: PRELU_START, lambda channels, start: nn.PReLU(1, start)),
    "lrelu": Activation(lambda slope: slope, lambda channels, start: nn.LeakyReLU(start)),
    "relu": Activation(lambda slope: 0.0, lambda channels, start: nn.ReLU()),
}
ACTIVATIONS = tuple(BY_NAME)

"""Modules, layers and initialization: what a network is built of, and how its weights begin.

The mathematics of a layer is its op's (ops/); whole networks are in models/.
"""

from minidelve.nn import init
from minidelve.nn.layers import (
    AvgPool2d,
    Conv2d,
    Dropout,
    Flatten,
    LeakyReLU,
    Linear,
    LocalResponseNorm,
    MaxPool2d,
    PReLU,
    ReLU,
    SpatialPyramidPool2d,
)
from minidelve.nn.module import Module, Parameter, Sequential

__all__ = [
    "AvgPool2d",
    "Conv2d",
    "Dropout",
    "Flatten",
    "LeakyReLU",
    "Linear",
    "LocalResponseNorm",
    "MaxPool2d",
    "Module",
    "PReLU",
    "Parameter",
    "ReLU",
    "Sequential",
    "SpatialPyramidPool2d",
    "init",
]

"""Modules, layers and initialization: what a network is built of, and how its weights begin.

Layers with their parameters belong here. The mathematics of a layer is in its op (ops/), whole networks in models/.
"""

from minidelve.nn import functional, init
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
from minidelve.nn.module import Module, Parameter
from minidelve.nn.sequential import Sequential
from minidelve.pytorch_names import names_of

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
    "functional",
    "init",
]

__getattr__ = names_of(__name__)

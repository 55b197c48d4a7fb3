"""Modules, layers and initialization."""

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

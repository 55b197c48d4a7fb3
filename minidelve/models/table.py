"""The vocabulary in which the tables of the paper are written down, and what turns one into a network.

A table is a list of rows, top to bottom.  `build` gives every conv and fully connected layer its
weights and its activation (none after the last), in the paper's names: conv1, conv2_1, ..., fc3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from minidelve import nn
from minidelve.models.network import Network
from minidelve.nn import init as weights

PRELU_START = 0.25  # the slope that PReLU begins with (paper, section 2.1)
LRELU_SLOPE = 0.01  # the fixed slope of the paper's LReLU
UNFILLED = "unfilled"  # an `init` that leaves in the weights whatever lay in memory


@dataclass(frozen=True)
class Conv:
    """One or more conv layers alike but for their padding; a stage "conv2" makes conv2_1, conv2_2, ..."""

    name: str
    kernel: int
    channels: int
    stride: int
    paddings: tuple[int, ...]

    def names(self) -> list[str]:
        """conv1 alone, or conv2_1, conv2_2, ..."""
        count = len(self.paddings)
        return [self.name] if count == 1 else [f"{self.name}_{i}" for i in range(1, count + 1)]


@dataclass(frozen=True)
class Pool:
    """Max pooling."""

    name: str
    kernel: int
    stride: int


@dataclass(frozen=True)
class Pyramid:
    """Spatial pyramid pooling into n x n bins for each level n."""

    levels: tuple[int, ...]


@dataclass(frozen=True)
class FullyConnected:
    """A fully connected layer; `std` is the paper's fixed one, None means: as the conv layers."""

    name: str
    units: int | None  # None: one per class
    dropout: float = 0.0
    std: float | None = None


Row = Conv | Pool | Pyramid | FullyConnected


def conv(name: str, kernel: int, channels: int, stride: int, padding: int) -> Conv:
    """One conv layer."""
    return Conv(name, kernel, channels, stride, (padding,))


def convs(name: str, kernel: int, channels: int, paddings: Sequence[int]) -> Conv:
    """A stage of conv layers of stride 1, one for each padding."""
    return Conv(name, kernel, channels, 1, tuple(paddings))


ACTIVATIONS = ("prelu", "prelu-shared", "lrelu", "relu")
INITS = ("he", "he-backward", "xavier", "gaussian")
FC_INITS = ("table", "he")


def starting_slope(activation: str, slope: float) -> float:
    """The slope for y <= 0 before training, which initialization takes into account; `slope` is lrelu's."""
    return {"prelu": PRELU_START, "prelu-shared": PRELU_START, "lrelu": slope, "relu": 0.0}[activation]


def activation_layer(activation: str, channels: int, slope: float) -> nn.Module:
    """The activation after a layer of so many channels."""
    match activation:
        case "prelu":
            return nn.PReLU(channels, PRELU_START)
        case "prelu-shared":
            return nn.PReLU(1, PRELU_START)
        case "lrelu":
            return nn.LeakyReLU(slope)
    return nn.ReLU()


def resized(table: Sequence[Row], width: float, levels: Sequence[int] | None, fc: int | None) -> list[Row]:
    """The table with all conv channels times `width`, and other pyramid levels and units where given.

    >>> resized([conv("conv1", 7, 64, 2, 3), Pyramid((6, 3, 2, 1))], 0.25, (2, 1), None)[0].channels
    16
    """
    rows: list[Row] = []
    for row in table:
        match row:
            case Conv():
                row = replace(row, channels=max(1, round(width * row.channels)))
            case Pyramid():
                row = Pyramid(row.levels if levels is None else tuple(levels))
            case FullyConnected() if row.units:
                row = replace(row, units=fc or row.units)
        rows.append(row)
    return rows


def build(
    title: str,
    table: Sequence[Row],
    num_classes: int,
    activation: str,
    init: str,
    seed: int,
    slope: float,
    fc_init: str = "table",
) -> Network:
    """The network of a table, with weights drawn from `seed` in the order of its layers.

    fc_init   of the fully connected layers: the table's fixed std, or "he", equation (10a), whatever `init` says
    """
    rng = np.random.default_rng(seed)
    layers: list[tuple[str, nn.Module]] = []
    channels, positions = 3, 1  # of the map, and how often each channel occurs in the vector for fc1

    fill = partial(initialize, init=init, slope=starting_slope(activation, slope))

    for row in table:
        match row:
            case Conv():
                for name, padding in zip(row.names(), row.paddings, strict=True):
                    layer = nn.Conv2d(channels, row.channels, row.kernel, row.stride, padding, rng=rng, init=fill)
                    layers += [(name, layer), (f"{name}_act", activation_layer(activation, row.channels, slope))]
                    channels = row.channels
            case Pool():
                layers.append((row.name, nn.MaxPool2d(row.kernel, row.stride)))
            case Pyramid():
                layers.append(("spp", nn.SpatialPyramidPool2d(row.levels)))
                positions = sum(n * n for n in row.levels)
            case FullyConnected():
                units = row.units or num_classes
                std = row.std if fc_init == "table" else None
                fill_fc = partial(fill, init=init_of_fc(init, fc_init), std=std)
                fc = nn.Linear(channels * positions, units, rng=rng, init=fill_fc)
                layers.append((row.name, fc))
                if row is not table[-1]:
                    layers.append((f"{row.name}_act", activation_layer(activation, units, slope)))
                if row.dropout:
                    dropout = nn.Dropout(row.dropout, np.random.default_rng([seed, len(layers)]))
                    layers.append((f"{row.name}_drop", dropout))
                channels, positions = units, 1
    return Network(layers, title)


def init_of_fc(init: str, fc_init: str) -> str:
    """What the fully connected layers without a fixed std are filled by."""
    return "he" if fc_init == "he" and init != UNFILLED else init


def initialize(
    w: nn.Parameter, rng: np.random.Generator, init: str, slope: float = 0.0, std: float | None = None
) -> None:
    """Fill w with the table's fixed `std`, else as named by `init` (nn/init.py derives them).

    The fixed one, of the large networks' fully connected layers, holds for every `init`, so that two
    of them differ in the conv layers alone.
    """
    if init == UNFILLED:
        return
    if std is not None:
        weights.normal_(w, std, rng)
    elif init == "gaussian":
        weights.normal_(w, 0.01, rng)  # AlexNet's habit, which the paper argues against
    elif init == "xavier":
        weights.xavier_normal_(w, "fan_in", rng)  # sqrt(1/n), the paper's comparison
    else:
        weights.he_normal_(w, "fan_out" if init == "he-backward" else "fan_in", slope, rng)

"""From a table to a network: every row's layers, in the paper's names (conv1, conv2_1, ..., fc3).

Every conv and fully connected layer gets its weights, and its activation unless it is the last.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from minidelve import nn
from minidelve.models.activations import BY_NAME
from minidelve.models.network import Network
from minidelve.models.network_options import UNFILLED, NetworkOptions
from minidelve.models.table import Conv, FullyConnected, Pool, Pyramid, Row
from minidelve.nn import init as weights
from minidelve.nn.layers import Initializer


def build(title: str, table: Sequence[Row], num_classes: int, options: NetworkOptions, seed: int) -> Network:
    """The network of a table, with weights drawn from `seed` in the order of its layers."""
    rng = np.random.default_rng(seed)
    layers: list[tuple[str, nn.Module]] = []
    channels, positions = 3, 1  # of the map, and how often each channel occurs in the vector for fc1

    for row in table:
        match row:
            case Conv():
                for name, padding in zip(row.names(), row.paddings, strict=True):
                    fill = conv_fill(options)
                    layer = nn.Conv2d(channels, row.channels, row.kernel, row.stride, padding, rng=rng, init=fill)
                    layers += [(name, layer), (f"{name}_act", activation_layer(options, row.channels))]
                    channels = row.channels
            case Pool():
                layers.append((row.name, nn.MaxPool2d(row.kernel, row.stride)))
            case Pyramid():
                layers.append(("spp", nn.SpatialPyramidPool2d(row.levels)))
                positions = sum(n * n for n in row.levels)
            case FullyConnected():
                units = row.units or num_classes
                fill = fc_fill(options, row)
                layers.append((row.name, nn.Linear(channels * positions, units, rng=rng, init=fill)))
                if row is not table[-1]:
                    layers.append((f"{row.name}_act", activation_layer(options, units)))
                if row.dropout:
                    dropout = nn.Dropout(row.dropout, np.random.default_rng([seed, len(layers)]))
                    layers.append((f"{row.name}_drop", dropout))
                channels, positions = units, 1
    return Network(layers, title)


def activation_layer(options: NetworkOptions, channels: int) -> nn.Module:
    """The activation after a layer of `channels` channels or units."""
    return BY_NAME[options.activation].layer(channels, starting_slope(options))


def starting_slope(options: NetworkOptions) -> float:
    """The slope for y <= 0 before training."""
    return BY_NAME[options.activation].start(options.slope)


def conv_fill(options: NetworkOptions) -> Initializer:
    """How the weights of a conv layer start."""
    return partial(initialize, init=options.init, slope=starting_slope(options))


def fc_fill(options: NetworkOptions, row: FullyConnected) -> Initializer:
    """How the weights of a fully connected layer of a table start."""
    if options.fc_init == "he" and options.init != UNFILLED:
        return partial(initialize, init="he", slope=starting_slope(options))
    return partial(initialize, init=options.init, slope=starting_slope(options), std=row.std, share=row.share)


def initialize(
    w: nn.Parameter,
    rng: np.random.Generator,
    init: str,
    slope: float = 0.0,
    std: float | None = None,
    share: float | None = None,
) -> None:
    """Fill w with the table's fixed `std` or `share` of He's, else as named by `init` (nn/init.py derives them).

    Those two, of fully connected layers, hold for every `init`, so that two networks that differ in `init` differ in
    their conv layers alone.
    """
    if init == UNFILLED:
        return
    if std is not None:
        weights.normal_(w, std, rng)
    elif share is not None:
        weights.normal_(w, share * weights.he_std(w.shape, "fan_in", slope), rng)
    elif init == "gaussian":
        weights.normal_(w, 0.01, rng)  # AlexNet's habit, which the paper argues against
    elif init == "xavier":
        weights.xavier_normal_(w, "fan_in", rng)  # sqrt(1/n), the paper's comparison
    elif init == "he":
        weights.he_normal_(w, "fan_in", slope, rng)
    elif init == "he-backward":
        weights.he_normal_(w, "fan_out", slope, rng)
    else:
        raise ValueError(f"build: no way to fill weights is known for init {init!r}")

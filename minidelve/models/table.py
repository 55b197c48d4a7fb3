"""The vocabulary in which the tables of the paper are written down; build.py turns one into a network.

A table is a list of rows, top to bottom. Nothing here computes: a table is data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace


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
    """A fully connected layer; with `std` or `share` its weights start smaller than the conv layers' rule has them.

    std     the fixed standard deviation of section 2.2
    share   of He's standard deviation, for layers of any number of units
    """

    name: str
    units: int | None  # None: one per class
    dropout: float = 0.0
    std: float | None = None
    share: float | None = None


Row = Conv | Pool | Pyramid | FullyConnected


def conv(name: str, kernel: int, channels: int, stride: int, padding: int) -> Conv:
    """One conv layer."""
    return Conv(name, kernel, channels, stride, (padding,))


def convs(name: str, kernel: int, channels: int, paddings: Sequence[int]) -> Conv:
    """A stage of conv layers of stride 1, one for each padding."""
    return Conv(name, kernel, channels, 1, tuple(paddings))


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

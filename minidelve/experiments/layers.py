"""Layer by layer: what the items share that tell a number of every layer of a network.

Rows are told apart by "layer". What is said of all layers together, or counted over them, has a row of its own there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from minidelve.experiments import style
from minidelve.experiments.claims import Table
from minidelve.experiments.rows import Rows, numbers
from minidelve.experiments.statistics import Estimate, estimate


def by_layer(rows: Rows, layers: Sequence[str], column: str, **wanted: Any) -> list[Estimate]:
    """An estimate for each layer, from one number a seed."""
    return [estimate(numbers(rows, column, layer=layer, **wanted)) for layer in layers]


def means(found: Sequence[Estimate]) -> list[float]:
    """The mean of each; NaN where nothing is known."""
    return [one.mean for one in found]


def cell(number: float, form: str = ".3f") -> str:
    """A number as text; nothing for NaN.

    >>> cell(0.25), cell(math.nan)
    ('0.250', '')
    """
    return "" if math.isnan(number) else format(number, form)


def side_by_side(columns: Mapping[str, Sequence[str]]) -> Table:
    """The table that has these columns.

    >>> side_by_side({"layer": ["conv1", "fc1"], "mean": ["0.1", "0.2"]})
    (['layer', 'mean'], [['conv1', '0.1'], ['fc1', '0.2']])
    """
    return list(columns), [list(line) for line in zip(*columns.values(), strict=True)]


def draw_layers(panel: Any, layers: Sequence[str], found: Sequence[Estimate], label: str, **look: Any) -> None:
    """The means with their intervals, a place for each layer."""
    style.draw_estimates(panel, range(len(layers)), found, label, **look)
    name_layers(panel, layers)


def name_layers(panel: Any, layers: Sequence[str]) -> None:
    """Name the places of a panel that has one for each layer."""
    panel.set_xticks(range(len(layers)), layers, rotation=60, ha="right", rotation_mode="anchor")
    panel.set(xlabel="layer")

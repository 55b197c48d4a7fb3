"""`table1`: the slopes that PReLU learned, layer by layer.

Whether slopes become smaller with depth is told by Spearman's rank correlation of slope and depth over the conv layers,
run by run: -1 if every layer's slope is below that of the layer before, 0 if depth says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidelve.experiments import style, table2
from minidelve.experiments.claims import Above, Below, Column, Compared, Table, Told
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.layers import by_layer, cell, draw_layers, means, side_by_side
from minidelve.experiments.rows import Rows, by_seed
from minidelve.experiments.statistics import ranks
from minidelve.experiments.table2 import CHANNELS, RUNS, SHARED
from minidelve.experiments.trained import trained
from minidelve.models.activations import PRELU_START

LAYERS = ["conv1", *(f"conv2_{i}" for i in range(1, 5)), *(f"conv3_{i}" for i in range(1, 7)), "fc1", "fc2"]
CONVS = 11
PAPER = {  # Table 1, "learned coefficients"
    SHARED: [0.681, 0.103, 0.099, 0.228, 0.561, 0.126, 0.089, 0.124, 0.062, 0.008, 0.210, 0.063, 0.031],
    CHANNELS: [0.596, 0.321, 0.204, 0.294, 0.464, 0.196, 0.152, 0.145, 0.124, 0.134, 0.198, 0.074, 0.075],
}
PAPER_COUNT = {SHARED: 13, CHANNELS: 64 + 4 * 128 + 6 * 256 + 2 * 4096}  # a slope for each channel of its Table 1

Profile = Sequence[float] | np.ndarray  # a slope for each of LAYERS


def run(setup: Setup) -> Rows:
    """A row for each layer: how many slopes it has, their mean and their quartiles."""
    parameters = trained(setup, **RUNS[setup.variant]).saved.parameters
    slopes = {layer: parameters[f"{layer}_act.a"].astype(np.float64) for layer in LAYERS}
    return [
        {"layer": layer, "slopes": a.size, "mean": a.mean(),
         "lower_quartile": np.quantile(a, 0.25), "upper_quartile": np.quantile(a, 0.75)}
        for layer, a in slopes.items()
    ]  # fmt: skip


def profiles(rows: Rows, variant: str) -> dict[int, list[float]]:
    """Seed -> the mean slopes of LAYERS, for the seeds that have a number for every layer."""
    slopes = [by_seed(rows, "mean", variant=variant, layer=layer) for layer in LAYERS]
    return {seed: [of[seed] for of in slopes] for seed in slopes[0] if all(seed in of for of in slopes)}


def rank_correlation(profile: Profile) -> float:
    """Spearman's, of slope and depth over the conv layers; NaN if all slopes are equal.

    >>> round(rank_correlation(range(13, 0, -1)), 9), round(rank_correlation(PAPER[CHANNELS]), 2)
    (-1.0, -0.79)
    """
    order, depth = ranks(np.array(profile[:CONVS])), np.arange(CONVS)
    scale = order.std() * depth.std()
    return float(((order - order.mean()) * depth).mean() / scale) if scale else math.nan


LEAD, LEAD_ON_MEAN = "conv1 less the largest of the deeper layers", "conv1 less the mean of the deeper layers"
FALL, DISTANCE = "rank correlation with depth, conv layers", "distance from the start, 0.25, mean over the layers"
READINGS: dict[str, Callable[[Profile], float]] = {
    LEAD: lambda a: a[0] - max(a[1:]),
    LEAD_ON_MEAN: lambda a: a[0] - float(np.mean(a[1:])),
    FALL: rank_correlation,
    DISTANCE: lambda a: float(np.mean(np.abs(np.array(a) - PRELU_START))),
}
SLOPE = Column("mean", "slope")


def of_reading(claim: type[Compared], variant: str, name: str) -> Compared:
    """A claim on one of the readings."""
    paper = READINGS[name](PAPER[variant])
    return claim(variant, 0, SLOPE, paper=paper, where={"layer": name}, words=f"{variant}, {name}")


CLAIMS = [of_reading(Above, SHARED, LEAD), of_reading(Above, CHANNELS, LEAD)]
CLAIMS += [of_reading(Below, CHANNELS, FALL), of_reading(Told, CHANNELS, DISTANCE)]


def readings(rows: Rows) -> Rows:
    """A row for each run and reading, where a layer's name would be."""
    return [
        {"variant": variant, "seed": seed, "layer": name, "mean": number if math.isfinite(number) else None}
        for variant in PAPER
        for seed, profile in profiles(rows, variant).items()
        for name, read in READINGS.items() for number in [read(profile)]
    ]  # fmt: skip


def quartiles(rows: Rows) -> list[list[float]]:
    """Between which slopes the middle half of each layer's channels lies, on average over the seeds."""
    return [means(by_layer(rows, LAYERS, f"{end}_quartile", variant=CHANNELS)) for end in ("lower", "upper")]


def table(rows: Rows) -> Table:
    """Every layer's slope beside the paper's; then the readings of a whole run, and how many slopes there are."""
    lines, rest = [*LAYERS, *READINGS], [""] * (len(READINGS) + 1)
    columns = {"layer": [*lines, "slopes in all"]}
    for variant, name in ((SHARED, "shared"), (CHANNELS, "channel-wise, mean")):
        ours, paper = by_layer(rows, lines, "mean", variant=variant), PAPER[variant]
        count = sum(means(by_layer(rows, LAYERS, "slopes", variant=variant)))  # the same in every run
        columns[name] = [*(found.text() for found in ours), cell(count, ",.0f")]
        theirs = [*paper, *(read(paper) for read in READINGS.values())]
        columns[f"paper: {name}"] = [*(cell(number) for number in theirs), f"{PAPER_COUNT[variant]:,}"]
    spread = [f"{a:.3f} to {b:.3f}" if math.isfinite(a) else "" for a, b in zip(*quartiles(rows))]
    columns["quartiles over its channels"] = [*spread, *rest]
    return side_by_side(columns)


def draw(rows: Rows) -> Any:
    """Slopes by layer, ours and the paper's."""
    figure, panels = style.panels("Learned slopes of the 14-layer network, layer by layer", 1, 2)
    panels[1].sharey(panels[0])
    middle = {"color": "0.88", "label": "ours: middle half of the channels", "zorder": 1}
    panels[1].fill_between(range(len(LAYERS)), *quartiles(rows), **middle)
    for panel, variant in zip(panels, PAPER, strict=True):
        panel.axhline(PRELU_START, color="0.6", lw=1, label="start")
        panel.plot(PAPER[variant], label="paper (ImageNet)", **style.line(2) | {"linewidth": 1.0})
        ours = by_layer(rows, LAYERS, "mean", variant=variant)
        draw_layers(panel, LAYERS, ours, "ours, 95% intervals", **style.line(0) | {"linestyle": "none"})
        panel.axhline(0, color="0.4", lw=0.8)
        panel.set(title=variant.removeprefix("PReLU "), ylabel="slope a")
    style.legend_below(figure, panels[1])
    return figure


ITEM = Item(
    name="table1",
    title="the slopes that PReLU learned, layer by layer",
    where="Table 1",
    paper="The slopes of the 14-layer network after training on ImageNet, shared by a layer (13 in all) and "
    "channel-wise (the mean of each layer). Section 2.1 reads two things from it: conv1's is far above 0, and the "
    "channel-wise ones become smaller with depth. The number of channel-wise slopes is counted from its channels.",
    ours="The slopes of the networks of `table2` (the same seeds and options; nothing new is trained), whose layers "
    "have the same names: the 14 layers for small images, narrower where the budget says so, trained for far fewer "
    "steps. Slopes start at 0.25 without weight decay, as in the paper; so far above 0 says nothing, and we ask "
    "that conv1's be the largest, which is stricter. A shared slope's gradient is the sum over its C channels, "
    "equation (2): to first order it moves C times as far as the mean of C own slopes.",
    budgets=table2.ITEM.budgets,
    minutes={"quick": 1, "class": 2, "lab": 22},
    variants=lambda budget: list(PAPER),
    run=run, table=table, derived=readings, claims=CLAIMS, draw=draw,
)  # fmt: skip

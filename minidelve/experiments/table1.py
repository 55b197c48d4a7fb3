"""`table1`: the slopes that PReLU learned, layer by layer.

The networks are those of table2, nothing new is trained.  A layer of C channels learned one slope (shared) or C of
them (channel-wise; we take their mean, as the paper does, and their quartiles).  The paper reads two things from its
Table 1:

    conv1    its slope is far above 0: both signs of its edge-like responses are kept
    depth    the channel-wise slopes mostly become smaller from layer to layer: deeper layers are more nonlinear

Every slope starts at 0.25, so that "far above 0" says nothing here.  We ask for something stricter, which is ours and
which the paper's slopes meet: conv1's is above every deeper layer's.

For the second we take Spearman's rank correlation of slope and depth over the conv layers, run by run: -1 if every
layer's slope is below that of the layer before, 0 if depth says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minidelve.experiments import style, table2
from minidelve.experiments.claims import Above, Below, Column, Compared, Table, Told
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.rows import Rows, by_seed, distinct, select
from minidelve.experiments.statistics import Estimate, estimate, ranks
from minidelve.experiments.table2 import CHANNELS, RUNS, SHARED
from minidelve.experiments.training import trained
from minidelve.models.build import PRELU_START

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
    rows = []
    for layer in LAYERS:
        a = parameters[f"{layer}_act.a"].astype(np.float64)
        lower, upper = np.quantile(a, (0.25, 0.75))
        rows.append(
            {"layer": layer, "slopes": a.size, "mean": a.mean(), "lower_quartile": lower, "upper_quartile": upper}
        )
    return rows


def profiles(rows: Rows, variant: str) -> dict[int, list[float]]:
    """Seed -> the mean slopes of LAYERS, for the seeds that have a number for every layer."""
    found = {}
    for seed in distinct(rows, "seed"):
        slopes = {row["layer"]: row["mean"] for row in select(rows, variant=variant, seed=seed)}
        if all(slopes.get(layer) is not None for layer in LAYERS):
            found[seed] = [slopes[layer] for layer in LAYERS]
    return found


def lead(profile: Profile) -> float:
    """conv1's slope less the largest of all deeper layers'."""
    return float(profile[0] - max(profile[1:]))


def lead_on_mean(profile: Profile) -> float:
    """conv1's slope less the mean of all deeper layers'."""
    return float(profile[0] - np.mean(profile[1:]))


def rank_correlation(profile: Profile) -> float:
    """Spearman's, of slope and depth over the conv layers; NaN if all slopes are equal.

    >>> round(rank_correlation(range(13, 0, -1)), 9), round(rank_correlation(PAPER[CHANNELS]), 2)
    (-1.0, -0.79)
    """
    a = np.array(profile[:CONVS])
    order, depth = ranks(a), np.arange(CONVS)
    scale = order.std() * depth.std()
    return float(((order - order.mean()) * depth).mean() / scale) if scale else math.nan


def distance(profile: Profile) -> float:
    """How far a layer's slope is from where it started, on average over the layers."""
    return float(np.mean(np.abs(np.array(profile) - PRELU_START)))


LEAD, LEAD_ON_MEAN = "conv1 less the largest of the deeper layers", "conv1 less the mean of the deeper layers"
FALL, DISTANCE = "rank correlation with depth, conv layers", "distance from the start, 0.25, mean over the layers"
READINGS: dict[str, Callable[[Profile], float]] = {
    LEAD: lead, LEAD_ON_MEAN: lead_on_mean, FALL: rank_correlation, DISTANCE: distance,
}  # fmt: skip
SLOPE = Column("mean", "slope")


def of_reading(claim: type[Compared], variant: str, name: str, **more: Any) -> Compared:
    """A claim on one of the readings."""
    paper, words = READINGS[name](PAPER[variant]), f"{variant}, {name}"
    return claim(variant, 0, SLOPE, paper=paper, where={"layer": name}, words=words, **more)


CLAIMS = [
    of_reading(Above, SHARED, LEAD),
    of_reading(Above, CHANNELS, LEAD),
    of_reading(Below, CHANNELS, FALL),
    of_reading(Told, CHANNELS, DISTANCE),
]


def readings(rows: Rows) -> Rows:
    """A row for each run and reading, where a layer's name would be."""
    return [
        {"variant": variant, "seed": seed, "layer": name, "mean": number if math.isfinite(number) else None}
        for variant in (SHARED, CHANNELS)
        for seed, profile in profiles(rows, variant).items()
        for name, read in READINGS.items() for number in [read(profile)]
    ]  # fmt: skip


def column(rows: Rows, variant: str, lines: Sequence[str], name: str = "mean") -> list[Estimate]:
    """The estimates of a variant's numbers, one for each layer or reading."""
    own = select(rows, variant=variant)
    return [estimate(list(by_seed(own, name, layer=line).values())) for line in lines]


def quartiles(rows: Rows, layers: Sequence[str]) -> tuple[list[float], list[float]]:
    """Between which slopes the middle half of each layer's channels lies, on average over the seeds."""
    lower, upper = (column(rows, CHANNELS, layers, f"{which}_quartile") for which in ("lower", "upper"))
    return [found.mean for found in lower], [found.mean for found in upper]


def table(rows: Rows) -> Table:
    """Every layer's slope beside the paper's; then the readings of a whole run, and how many slopes there are."""
    lines = [*LAYERS, *READINGS]
    columns = [[*lines, "slopes in all"]]
    for variant in (SHARED, CHANNELS):
        counts = [found.mean for found in column(rows, variant, LAYERS, "slopes")]  # the same in every run
        columns.append([found.text() for found in column(rows, variant, lines)] + [f"{sum(counts):,.0f}"])
        if variant == CHANNELS:
            pairs = zip(*quartiles(rows, LAYERS), strict=True)
            columns.append([f"{lower:.3f} to {upper:.3f}" for lower, upper in pairs] + [""] * (len(READINGS) + 1))
        paper = [*PAPER[variant], *(read(PAPER[variant]) for read in READINGS.values())]
        columns.append([f"{number:.3f}" for number in paper] + [f"{PAPER_COUNT[variant]:,}"])
    return [
        "layer", "shared", "paper: shared", "channel-wise, mean", "quartiles over its channels",
        "paper: channel-wise, mean",
    ], [["" if "nan" in cell else cell for cell in line] for line in zip(*columns, strict=True)]  # fmt: skip


def draw(rows: Rows) -> Any:
    """Slopes by layer, ours and the paper's."""
    figure, panels = style.panels("Learned slopes of the 14-layer network, layer by layer", 1, 2)
    panels[1].sharey(panels[0])
    places = np.arange(len(LAYERS))
    panels[1].fill_between(
        places, *quartiles(rows, LAYERS), color="0.88", label="ours: middle half of the channels", zorder=1
    )
    for panel, variant in zip(panels, (SHARED, CHANNELS), strict=True):
        panel.axhline(PRELU_START, color="0.6", lw=1, label="start")
        panel.plot(places, PAPER[variant], label="paper (ImageNet)", **style.line(2) | {"linewidth": 1.0})
        found, look = column(rows, variant, LAYERS), style.line(0) | {"linestyle": "none", "capsize": 3}
        panel.errorbar(places, [e.mean for e in found], [e.bar for e in found], label="ours, 95% intervals", **look)
        panel.axhline(0, color="0.4", lw=0.8)
        panel.set_xticks(places, LAYERS, rotation=60, ha="right", rotation_mode="anchor")
        panel.set(title=variant.removeprefix("PReLU "), ylabel="slope a", xlabel="layer")
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
    variants=lambda budget: [SHARED, CHANNELS],
    run=run, table=table, derived=readings, claims=CLAIMS, draw=draw,
)  # fmt: skip

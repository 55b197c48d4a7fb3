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
from minidelve.experiments.item import Item, Rows, Setup, Trend, distinct, select
from minidelve.experiments.statistics import mean_and_error, plus_minus, ranks
from minidelve.experiments.table2 import ACTIVATIONS, CHANNELS, SHARED
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
    parameters = trained(setup, **ACTIVATIONS[setup.variant]).saved.parameters
    rows = []
    for layer in LAYERS:
        a = parameters[f"{layer}_act.a"].astype(np.float64)
        lower, upper = np.quantile(a, (0.25, 0.75))
        rows.append(
            {"layer": layer, "slopes": a.size, "mean": a.mean(), "lower_quartile": lower, "upper_quartile": upper}
        )
    return rows


def profiles(rows: Rows, variant: str, column: str = "mean") -> np.ndarray:
    """A column by (seed, layer), for the seeds that have a number for every layer."""
    found = []
    for seed in distinct(rows, "seed"):
        by_layer = {row["layer"]: row[column] for row in select(rows, variant=variant, seed=seed)}
        profile = [by_layer.get(layer) for layer in LAYERS]
        if None not in profile:
            found.append(profile)
    return np.array(found, dtype=float).reshape(-1, len(LAYERS))


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


READINGS: dict[str, Callable[[Profile], float]] = {
    "conv1 less the largest of the deeper layers": lead,
    "conv1 less the mean of the deeper layers": lead_on_mean,
    "rank correlation with depth, conv layers": rank_correlation,
    "distance from the start, 0.25, mean over the layers": distance,
}


def stated(numbers: Sequence[float]) -> tuple[float, float]:
    """Mean and standard error of what is finite; (NaN, inf) if nothing is."""
    finite = [x for x in numbers if math.isfinite(x)]
    return mean_and_error(finite) if finite else (math.nan, math.inf)


def reading(rows: Rows, variant: str, read: Callable[[Profile], float]) -> tuple[float, float]:
    """One of the readings, run by run: mean and standard error."""
    return stated([read(profile) for profile in profiles(rows, variant)])


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Every layer's slope beside the paper's; then the readings of a whole run, and how many slopes there are."""
    columns = [[*LAYERS, *READINGS, "slopes in all"]]
    for variant in (SHARED, CHANNELS):
        pairs = [stated(slopes) for slopes in profiles(rows, variant).T.tolist()]
        pairs += [reading(rows, variant, read) for read in READINGS.values()]
        counts = profiles(rows, variant, "slopes").sum(axis=1)  # the same in every run
        columns.append([*("" if math.isnan(mean) else plus_minus(mean, error) for mean, error in pairs)])
        columns[-1].append(f"{counts[0]:,.0f}" if len(counts) else "")
        if variant == CHANNELS:
            columns.append([*quartiles(rows), *[""] * (len(READINGS) + 1)])
        paper = [*PAPER[variant], *(read(PAPER[variant]) for read in READINGS.values())]
        columns.append([*(f"{x:.3f}" for x in paper), f"{PAPER_COUNT[variant]:,}"])
    return [
        "layer", "shared ± standard error", "paper: shared", "channel-wise, mean ± standard error",
        "quartiles over its channels", "paper: channel-wise, mean",
    ], [list(line) for line in zip(*columns, strict=True)]  # fmt: skip


def quartiles(rows: Rows) -> list[str]:
    """Between which slopes the middle half of each layer's channels lies, on average over the seeds."""
    lower, upper = (profiles(rows, CHANNELS, f"{which}_quartile") for which in ("lower", "upper"))
    if not len(lower):
        return [""] * len(LAYERS)
    return [f"{a:.3f} to {b:.3f}" for a, b in zip(lower.mean(axis=0), upper.mean(axis=0), strict=True)]


def trend(rows: Rows) -> Trend:
    """conv1 above every deeper layer, shared and channel-wise; channel-wise slopes fall with depth."""
    leads = {variant: reading(rows, variant, lead) for variant in (SHARED, CHANNELS)}
    fall, moved = reading(rows, CHANNELS, rank_correlation), reading(rows, CHANNELS, distance)
    signed = [*leads.values(), (-fall[0], fall[1])]  # each asked to be above 0
    if any(math.isnan(x) for x, _ in signed):
        return Trend(None, "There are no complete runs with learned slopes.")
    holds = True if all(x > 2 * e for x, e in signed) else False if any(x < -2 * e for x, e in signed) else None
    seeds = len(distinct(rows, "seed"))
    words = ", ".join(f"{v} {plus_minus(*pair)} (paper {lead(PAPER[v]):.2f})" for v, pair in leads.items())
    return Trend(
        holds,
        f"conv1's slope less the largest of the deeper layers', over {seeds} seed{'s' if seeds > 1 else ''}: {words}. "
        f"Rank correlation of channel-wise slope and depth over the conv layers: {plus_minus(*fall, 2)} (paper "
        f"{rank_correlation(PAPER[CHANNELS]):.2f}). Asked for: the differences above 0, the correlation below 0, each "
        f"by more than two standard errors. Channel-wise, a layer's mean slope ends {moved[0]:.3f} from its start at "
        f"0.25 on average (paper {distance(PAPER[CHANNELS]):.2f})."
        + ("" if seeds > 1 else " One seed tells no error."),
    )


def draw(rows: Rows) -> Any:
    """Slopes by layer, ours and the paper's."""
    figure, panels = style.panels("Learned slopes of the 14-layer network, layer by layer", 1, 2)
    panels[1].sharey(panels[0])
    places = np.arange(len(LAYERS))
    for panel, variant in zip(panels, (SHARED, CHANNELS), strict=True):
        panel.axhline(PRELU_START, color="0.6", lw=1, label="start")
        panel.plot(places, PAPER[variant], label="paper (ImageNet)", **style.line(2) | {"linewidth": 1.0})
        pairs = [stated(slopes) for slopes in profiles(rows, variant).T.tolist()]
        bars = [style.bar(error) for _, error in pairs]
        look = style.line(0) | {"linestyle": "none", "capsize": 3}
        panel.errorbar(places, [mean for mean, _ in pairs], bars, label="ours ± 2 standard errors", **look)
        if variant == CHANNELS and len(profiles(rows, variant)):
            lower, upper = (profiles(rows, variant, f"{which}_quartile").mean(axis=0) for which in ("lower", "upper"))
            panel.fill_between(places, lower, upper, color="0.88", label="ours: middle half of the channels", zorder=1)
        panel.axhline(0, color="0.4", lw=0.8)
        panel.set_xticks(places, LAYERS, rotation=60, ha="right", rotation_mode="anchor")
        panel.set(title=variant.removeprefix("PReLU "), ylabel="slope a", xlabel="layer")
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


ITEM = Item(
    name="table1",
    title="the slopes that PReLU learned, layer by layer",
    paper="Table 1: the slopes of the 14-layer network after training on ImageNet, shared by a layer (13 in all) and "
    "channel-wise (the mean of each layer). Section 2.1 reads two things from it: conv1's is far above 0, and the "
    "channel-wise ones become smaller with depth. The number of channel-wise slopes is counted from its channels.",
    ours="The slopes of the networks of `table2` (the same seeds and options; nothing new is trained), whose layers "
    "have the same names: the 14 layers for small images, narrower where the budget says so, trained for far fewer "
    "steps. Slopes start at 0.25 without weight decay, as in the paper; so far above 0 says nothing, and we ask "
    "that conv1's be the largest, which is stricter. A shared slope's gradient is the sum over its C channels, "
    "equation (2): to first order it moves C times as far as the mean of C own slopes.",
    budgets=table2.ITEM.budgets,
    variants=lambda budget: [SHARED, CHANNELS],
    run=run, table=table, trend=trend, draw=draw,
)  # fmt: skip

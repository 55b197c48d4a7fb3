"""`fig2-responses`: how far from 0 the mean response of every layer lies, with ReLU and with PReLU.

A ReLU gives nothing below 0, so its mean response is positive; PReLU's negative half pulls the mean back. Why this
matters is the subject of `fisher`. We take the responses f(y) after every activation:

    mean    E[f(y)] over images, channels and positions
    rms     sqrt(E[f(y)^2])

mean / rms does not change with a layer's scale: halve its weights and biases, double the weights of the next, and what
comes out is the same, but not the mean in between. Where y is normal around 0, as nearly before training, it is with
slope a

    mean / rms = (1 - a) / sqrt(pi (1 + a^2))         .564 for ReLU, .411 for a = 0.25

A mean may also be negative. What counts is the distance from 0, so "smaller" means: smaller in size.
"""

from __future__ import annotations

import math
from contextlib import closing
from typing import Any

import numpy as np

from minidelve import Tensor, no_grad
from minidelve.analysis import observe
from minidelve.backend.streams import upload_ahead
from minidelve.experiments import style, table2
from minidelve.experiments.claims import Above, Column, Table
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.layers import by_layer, cell, draw_layers, means, side_by_side
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import estimate, paired
from minidelve.experiments.table2 import CHANNELS, RELU, RUNS
from minidelve.experiments.trained import CLASS_LONGER, Trained, trained

AFTER = "_act"  # what the activation behind layer conv1 is called: conv1_act
MEASURES = {"mean": "mean response", "scaled": "mean / rms"}
AHEAD = "layers in which it is smaller in size, less half of them"
# A single layer makes a majority of 7 of 13, on which two seeds may agree by luck: half a layer more is not enough.
CLAIMS = [
    Above(CHANNELS, 0, Column(name, f"{words}, {AHEAD}", "layers", 1), least=0.5, where={"layer": AHEAD})
    for name, words in MEASURES.items()
]


def run(setup: Setup) -> Rows:
    """A row for each layer: mean and root mean square of its responses, and their ratio."""
    return responses(trained(setup, **RUNS[setup.variant]))


def responses(net: Trained) -> Rows:
    """Over the whole validation set, batch by batch: sums are kept, not responses."""
    network = net.network
    names = [name for name, _ in network.named_modules() if name.endswith(AFTER)]
    batches = upload_ahead(net.validation().epoch(0), net.config.device)
    with no_grad(), closing(batches), observe(network, names) as seen:
        for x, _ in batches:
            network(Tensor(x))
    rows = []
    for name in names:
        y = seen.responses[name]
        rms = math.sqrt(y.second_moment)
        scaled = y.mean / rms if rms else math.nan  # a layer that is dead for every image
        rows.append({"layer": name.removesuffix(AFTER), "mean": y.mean, "rms": rms, "scaled": scaled})
    return rows


def expected(a: float) -> float:
    """mean / rms after a rectifier of slope a whose input is normal with mean 0.

    >>> round(expected(0), 3), round(expected(0.25), 3)
    (0.564, 0.411)
    """
    return (1 - a) / math.sqrt(math.pi * (1 + a * a))


def sizes(rows: Rows) -> Rows:
    """The rows with every measure's distance from 0."""
    return [row | {name: None if row[name] is None else abs(row[name]) for name in MEASURES} for row in rows]


def less(rows: Rows, measure: str, layer: str) -> list[float]:
    """PReLU's size less ReLU's in one layer, seed by seed."""
    return paired(select(sizes(rows), layer=layer), CHANNELS, RELU, measure)


def layers_of(rows: Rows) -> list[str]:
    """The layers, without what is counted over them."""
    return [layer for layer in distinct(rows, "layer") if layer != AHEAD]


def counted(rows: Rows) -> Rows:
    """For each seed, by how many layers PReLU's is smaller in size in more than half of them."""
    found = []
    for seed in distinct(rows, "seed"):
        row = {"variant": CHANNELS, "seed": seed, "layer": AHEAD}
        for measure in MEASURES:
            own = select(rows, seed=seed)
            signs = [number < 0 for layer in layers_of(rows) for number in less(own, measure, layer)]
            row[measure] = sum(signs) - len(signs) / 2 if signs else None
        found.append(row)
    return found


def table(rows: Rows) -> Table:
    """Sizes of both measures, layer by layer, over the seeds; last, in how many layers PReLU's is the smaller."""
    layers = layers_of(rows)
    columns = {"layer": [*layers, "PReLU's smaller in size"]}
    for measure, words in MEASURES.items():
        for name, variant in (("ReLU", RELU), ("PReLU", CHANNELS)):
            found = means(by_layer(sizes(rows), layers, measure, variant=variant))
            columns[f"{name}: size of {words}, mean over the seeds"] = [*map(cell, found), ""]
        apart = [less(rows, measure, layer) for layer in layers]
        smaller = [number < 0 for numbers in apart for number in numbers]
        share = f" ({100 * np.mean(smaller):.0f}%)" if smaller else ""
        texts = [estimate(numbers).text() if numbers else "" for numbers in apart]
        columns[f"difference of {words}"] = [*texts, f"{sum(smaller)} of {len(smaller)}{share}"]
    columns["paper"] = ["not at hand"] * len(layers) + ["PReLU's generally smaller"]
    return side_by_side(columns)


def draw(rows: Rows) -> Any:
    """Mean response by layer, as it is and in units of the rms."""
    title = "Mean response after every activation of the 14-layer network, 95% intervals"
    figure, panels = style.panels(title, 1, 2)
    layers = layers_of(rows)
    for panel, (measure, words) in zip(panels, MEASURES.items(), strict=True):
        for i, variant in enumerate((RELU, CHANNELS)):
            draw_layers(panel, layers, by_layer(rows, layers, measure, variant=variant), variant, **style.line(i))
        panel.axhline(0, color="0.4", lw=0.8)
        panel.set(title=words, ylabel=words)
    for a, dashes in ((0.0, (0, (1, 1))), (0.25, (0, (4, 2)))):
        panels[1].axhline(expected(a), color="0.6", lw=1.2, ls=dashes, label=f"a = {a:g}, y normal around 0", zorder=1)
    panels[1].set_ylim(top=max(panels[1].get_ylim()[1], 0.62))  # room for a line at .564
    style.legend_below(figure, panels[1])
    return figure


ITEM = Item(
    name="fig2-responses",
    title="mean response of every layer, ReLU against PReLU",
    where="Figure 2 [not in arXiv v1]",
    paper="The mean response of every layer of the trained 14-layer networks of Table 1, "
    "ReLU's against PReLU's, which is generally smaller. Its values are not at hand.",
    ours="The networks of `table2` (the same seeds and options; nothing new is trained, but with `class`, whose "
    "networks are trained for longer): the 14 layers for small "
    "images with ReLU and with channel-wise PReLU, narrower where the budget says so and trained for far fewer steps. "
    "Responses after every activation, over the validation set (centre crops), in evaluation mode. Beside the mean its "
    "ratio to the root mean square, as two networks' layers may differ in scale. A mean may be negative: its size is "
    "compared. LReLU with the fixed slope 0.25 would tell the slope's presence from its learning: `table2` has it.",
    budgets={**table2.ITEM.budgets, "class": Budget(4, CLASS_LONGER)},
    minutes={"quick": 1, "class": 3, "lab": 16},
    variants=lambda budget: [RELU, CHANNELS],
    run=run, derived=counted, table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip

"""`slope-decay`: what weight decay on PReLU's slopes does to them, and to the error.

Networks are trained in pairs: with the weights' decay on the slopes too, or not. How far can it push a slope a? Where
nothing but the decay moves a slope, equation (4) reads

    D := mu D + eps decay a
    a := a - D

Some 1 / (1 - mu) steps later D is eps decay a / (1 - mu), and over t steps

    a fades as    exp(- t eps decay / (1 - mu))

With section 3's eps = 0.01, mu = 0.9 and decay = 0.0005 a factor of e takes 20,000 steps: a slope that the loss does
not hold ends at 0 in the 80 epochs of ImageNet.

The loss moves a as well. With r what a step leaves and s_t the loss's own step at t,

    a_T = r^T a_0 + sum over t of r^(T-t) s_t

If s_t were the same with and without decay (r = 1): late steps fade less than a_0 does. So a slope that grew (s_t > 0)
keeps more than r^T of what it has without decay, and one that fell, less. (In truth s_t changes too.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minidelve.errors import Diverged
from minidelve.experiments import style
from minidelve.experiments.claims import TOP1, Below, Column, Compared, NotAbove, Table, Told
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.layers import by_layer, cell, draw_layers, means, name_layers, side_by_side
from minidelve.experiments.rows import Row, Rows, distinct, numbers, select
from minidelve.experiments.statistics import Estimate, estimate
from minidelve.experiments.table2 import CHANNELS, RUNS
from minidelve.experiments.trained import CLASS, FULL, LAB, QUICK, Trained, opened, trained
from minidelve.models.activations import PRELU_START

WHOSE = ("weights alone", "slopes too")
USUAL, LARGER = 0.0005, 0.005
DECAYS = {"decays": (USUAL, LARGER)}
WHOLE = "all layers"  # the mean over the layers, each counted once
DERIVED = "derived, if the decay alone moved a"


def named(decay: float, whose: str) -> str:
    """A variant: "0.0005, weights alone"."""
    return f"{decay:g}, {whose}"


def effect(claim: type[Compared], decay: float, column: Column) -> Compared:
    """A claim on what decay on the slopes changes, over all layers."""
    alone, too = (named(decay, whose) for whose in WHOSE)
    words = f"Decay {decay:g} on the slopes too less on the weights alone, {column.words}"
    return claim(too, alone, column, where={"layer": WHOLE}, words=words)


SLOPES = Column("mean_abs_a", "mean absolute slope", digits=4)
CLAIMS = [effect(Below, LARGER, SLOPES), effect(NotAbove, USUAL, SLOPES)]
CLAIMS += [effect(Told, decay, TOP1) for decay in (LARGER, USUAL)]


def variants(budget: Budget) -> list[str]:
    """Every decay with and without the slopes."""
    return [named(decay, whose) for decay in budget["decays"] for whose in WHOSE]


def run(setup: Setup) -> Rows:
    """A row for each layer, and one for their mean: mean |a|, and what the decay alone would leave of a slope."""
    decay, whose = setup.variant.split(", ")
    row: Row = {"decay": float(decay), "whose": whose}
    try:  # for the first decay without the slopes, these are the options of table2's network
        net = trained(setup, **RUNS[CHANNELS], weight_decay=float(decay), decay_slopes=whose == WHOSE[1])
    except Diverged:
        return [row | {"layer": WHOLE} | dict.fromkeys(("mean_abs_a", "derived_factor", "top1_error"))]
    slopes = {name.removesuffix("_act.a"): a for name, a in net.saved.parameters.items() if name.endswith("_act.a")}
    of_layers = {layer: float(np.abs(a).mean()) for layer, a in slopes.items()}
    of_layers[WHOLE] = float(np.mean(list(of_layers.values())))
    row["derived_factor"] = shrinkage(stages(net), float(decay), net.config.momentum)
    row["top1_error"] = net.final["val_top1_error"]
    return [row | {"layer": layer, "mean_abs_a": mean} for layer, mean in of_layers.items()]


def stages(net: Trained) -> list[tuple[float, int]]:
    """(learning rate, steps) of each epoch."""
    steps = math.ceil(len(opened(net.config.data)[0]) / net.config.batch_size)
    return [(row["lr"], steps) for row in net.history]


def shrinkage(stages: Iterable[tuple[float, int]], decay: float, momentum: float) -> float:
    """What is left of a slope that nothing but the decay moves: equation (4), step by step.

    >>> round(shrinkage([(0.01, 1900)], 0.0005, 0.9), 3), round(math.exp(-1900 * 0.01 * 0.0005 / (1 - 0.9)), 3)
    (0.91, 0.909)
    """
    a, D = 1.0, 0.0
    for rate, steps in stages:
        for _ in range(steps):
            D = momentum * D + rate * decay * a  # (4)
            a -= D
    return a


def complete(rows: Rows) -> Rows:
    """Without the pairs of which a run diverged."""
    lost = {(row["decay"], row["seed"]) for row in rows if row["mean_abs_a"] is None}
    return [row for row in rows if (row["decay"], row["seed"]) not in lost]


def slopes_of(rows: Rows, decay: float, whose: str) -> list[Estimate]:
    """Mean |a| for each layer, and for all of them."""
    return by_layer(rows, distinct(rows, "layer"), "mean_abs_a", decay=decay, whose=whose)


def ratios(rows: Rows, decay: float) -> list[float]:
    """For each layer: mean |a| with decay on the slopes over mean |a| without; the last is that of all layers."""
    alone, too = (means(slopes_of(rows, decay, whose)) for whose in WHOSE)
    return [t / a if a else math.nan for t, a in zip(too, alone, strict=True)]


def factor(rows: Rows, decay: float) -> float:
    """The derived one: the same in every run of that decay."""
    return float(select(rows, decay=decay)[0]["derived_factor"])


def table(rows: Rows) -> Table:
    """Mean |a| layer by layer, for both runs of each pair; below, the derivation and the errors."""
    whole, rows = rows, complete(rows)
    columns = {"layer": [*distinct(rows, "layer"), DERIVED, "top-1 error %", "runs that diverged"]}
    for decay in distinct(rows, "decay"):
        for whose in WHOSE:
            slopes, own = slopes_of(rows, decay, whose), select(whole, variant=named(decay, whose), layer=WHOLE)
            error = estimate(numbers(rows, TOP1.name, variant=named(decay, whose), layer=WHOLE)).text(2)
            below = ["", error, f"{len(select(own, mean_abs_a=None))}"]
            columns[f"mean abs. a, decay {decay:g} of {whose}"] = [*(cell(x, ".4f") for x in means(slopes)), *below]
        difference = f"difference {estimate(effect(Told, decay, TOP1).numbers(rows)).text(2)}"
        below = [cell(factor(rows, decay)), difference, ""]
        columns[f"ratio, decay {decay:g}"] = [*map(cell, ratios(rows, decay)), *below]
    return side_by_side(columns)


def draw(rows: Rows) -> Any:
    """Mean |a| by layer, and the ratios beside the derived factors."""
    figure, (left, right) = style.panels("PReLU's slopes with and without weight decay on them", 1, 2)
    rows = complete(rows)
    layers = [layer for layer in distinct(rows, "layer") if layer != WHOLE]
    left.axhline(PRELU_START, label="start", **style.PREDICTION)
    for i, decay in enumerate(distinct(rows, "decay")):
        for j, whose in enumerate(WHOSE):
            slopes = slopes_of(rows, decay, whose)[: len(layers)]
            draw_layers(left, layers, slopes, f"decay {decay:g}, {whose}", **style.line(2 * i + j))
        right.axhline(factor(rows, decay), **style.PREDICTION, label=None if i else "derived, the decay alone")
        right.plot(ratios(rows, decay)[: len(layers)], label=f"decay {decay:g}", **style.line(2 * i + 1))
    name_layers(right, layers)
    left.set(title="mean |a|, 95% intervals", ylabel="mean |a| over the layer's channels")
    left.set_ylim(bottom=0)
    right.set(title="with decay on the slopes / without", ylabel="ratio of mean |a|")
    for panel in (left, right):
        panel.margins(y=0.1)
    style.legend(left, right)
    return figure


ITEM = Item(
    name="slope-decay",
    title="weight decay on PReLU's slopes",
    where="section 2.1",
    paper="Section 2.1 uses no weight decay on the slopes: it would push them to 0 and so PReLU towards ReLU. No "
    "numbers are given. Table 1 has slopes learned without it. With section 3's rate of 0.01, momentum of 0.9 and "
    "decay of 0.0005 a slope that the loss does not hold would fade by a factor of e in 20,000 steps, two epochs of "
    "ImageNet in batches of 128.",
    ours="The 14 layers for small images (`lab14`) with a slope per channel, in pairs that differ in nothing but "
    "whether the weights' decay is the slopes' too: with the usual decay of 0.0005, and with ten times as much for "
    "weights and slopes, as our runs have too few steps for the usual one to show much. The derived factor is what a "
    "run's rates and steps would leave of a slope that the decay alone moves, a product of 1 - rate decay / (1 - "
    "momentum) for every step but the first few; slopes are those after the last epoch, errors those of centre crops.",
    budgets={
        "quick": Budget(1, QUICK | DECAYS),
        "class": Budget(3, CLASS | DECAYS),
        "lab": Budget(3, LAB | DECAYS),
        "full": Budget(5, FULL | DECAYS),
    },
    minutes={"quick": 1, "class": 3, "lab": 26},
    variants=variants,
    run=run, table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip

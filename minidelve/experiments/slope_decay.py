"""`slope-decay`: what weight decay on PReLU's slopes does to them, and to the error.

Section 2.1 leaves the slopes a out of the weight decay, which would push them to 0, that is, to ReLU.  Here networks
are trained in pairs that differ in this alone: with the weights' decay on the slopes too, or not.  How far can it push?
Where nothing but the decay moves a slope, equation (4) reads

    D := mu D + eps decay a
    a := a - D

Some 1 / (1 - mu) steps later D is eps decay a / (1 - mu): from then on a step leaves of a the share

    1 - eps decay / (1 - mu)        so that a fades as        exp(- t eps decay / (1 - mu))

over t steps.  With eps = 0.01, mu = 0.9 and a decay of 0.0005, section 3's, a factor of e takes 20,000 steps.  That is
two epochs of ImageNet in batches of 128, of some 80 in all, 20 of them at this rate: a slope that the loss does not
hold ends at 0.  A run of 1,900 steps at that rate keeps 91% of it; ours of the lab budget, whose rate falls on the way,
94%.  So there is a second pair with ten times the decay, of weights and slopes.

The loss moves a as well.  With r the share above and s_t the loss's own step at t,

    a_T = r^T a_0 + sum over t of r^(T-t) s_t

If s_t were the same with and without decay (r = 1): late steps fade less than a_0 does.  So a slope that grew (s_t > 0)
keeps more than r^T of what it has without decay, and one that fell, less.  (In truth s_t changes too.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from minidelve.errors import Diverged
from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error, paired, plus_minus
from minidelve.experiments.table2 import CHANNELS, RUNS
from minidelve.experiments.training import FULL, LAB, QUICK, Trained, opened, trained

WHOSE = ("weights alone", "slopes too")
DECAYS = {"decays": (0.0005, 0.005)}
WHOLE = "all layers"  # the mean over the layers, each counted once


def variants(budget: Budget) -> list[str]:
    """Every decay with and without the slopes: "0.0005, weights alone"."""
    return [f"{decay:g}, {whose}" for decay in budget["decays"] for whose in WHOSE]


def run(setup: Setup) -> Rows:
    """A row for each layer, and one for their mean: mean |a|, and what the decay alone would leave of a slope."""
    decay, whose = setup.variant.split(", ")
    row = {"decay": float(decay), "whose": whose}
    try:  # for the first decay without the slopes, these are the options of table2's network
        net = trained(setup, **RUNS[CHANNELS], weight_decay=float(decay), decay_slopes=whose == WHOSE[1])
    except Diverged:
        return [row | {"layer": WHOLE} | dict.fromkeys(("mean_abs_a", "derived_factor", "top1_error"))]
    slopes = {name.removesuffix("_act.a"): a for name, a in net.saved.parameters.items() if name.endswith("_act.a")}
    means = {layer: float(np.abs(a).mean()) for layer, a in slopes.items()}
    means[WHOLE] = float(np.mean(list(means.values())))
    of_run = {
        "derived_factor": shrinkage(stages(net), float(decay), net.config.momentum),
        "top1_error": net.final["val_top1_error"],
    }
    return [row | {"layer": layer, "mean_abs_a": mean} | of_run for layer, mean in means.items()]


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
            D = momentum * D + rate * decay * a
            a -= D
    return a


def complete(rows: Rows) -> Rows:
    """Without the pairs of which a run diverged."""
    lost = {(row["decay"], row["seed"]) for row in rows if row["mean_abs_a"] is None}
    return [row for row in rows if (row["decay"], row["seed"]) not in lost]


def numbers_of(rows: Rows, decay: float, whose: str, layer: str, column: str) -> list[float]:
    """A column's numbers, one for each seed."""
    return [row[column] for row in select(rows, decay=decay, whose=whose, layer=layer)]


def effect(rows: Rows, decay: float, column: str) -> tuple[float, float]:
    """Decay on the slopes too less decay on the weights alone, seed by seed, over all layers; its standard error."""
    own = select(rows, layer=WHOLE)
    alone, too = (f"{decay:g}, {whose}" for whose in WHOSE)
    return mean_and_error(paired(own, too, alone, column))


def ratios(rows: Rows, decay: float) -> list[float]:
    """For each layer: mean |a| with decay on the slopes over mean |a| without; the last is that of all layers."""
    alone, too = (
        [np.mean(numbers_of(rows, decay, whose, layer, "mean_abs_a")) for layer in distinct(rows, "layer")]
        for whose in WHOSE
    )
    return [float(t / a) if a else math.nan for t, a in zip(too, alone, strict=True)]


def factor(rows: Rows, decay: float) -> float:
    """The derived one: the same in every run of that decay."""
    return float(select(rows, decay=decay)[0]["derived_factor"])


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Mean |a| layer by layer, for both runs of each pair; below, the derivation and the errors."""
    rows = complete(rows)
    decays, layers = distinct(rows, "decay"), distinct(rows, "layer")
    header, columns = ["layer"], [[*layers, "derived, if the decay alone moved a", "top-1 error %"]]
    for decay in decays:
        for whose in WHOSE:
            header.append(f"mean abs. a, decay {decay:g} of {whose}")
            numbers = [f"{np.mean(numbers_of(rows, decay, whose, layer, 'mean_abs_a')):.4f}" for layer in layers]
            errors = numbers_of(rows, decay, whose, WHOLE, "top1_error")
            columns.append([*numbers, "", plus_minus(*mean_and_error(errors), 2)])
        header.append("ratio")
        quotients = [f"{ratio:.3f}" if math.isfinite(ratio) else "" for ratio in ratios(rows, decay)]
        less = plus_minus(*effect(rows, decay, "top1_error"), 2)
        columns.append([*quotients, f"{factor(rows, decay):.3f}", f"difference {less}"])
    return header, [list(line) for line in zip(*columns, strict=True)]


def trend(rows: Rows) -> Trend:
    """Smaller slopes by more than two standard errors under the larger decay, and larger ones under neither."""
    asked, rows = rows, complete(rows)
    if not rows:
        return Trend(None, "No pair is complete: a loss did not stay finite.")
    decays = distinct(rows, "decay")
    effects = {decay: effect(rows, decay, "mean_abs_a") for decay in decays}
    mean, error = effects.get(max(distinct(asked, "decay")), (math.nan, math.inf))
    larger = any(m > 2 * e for m, e in effects.values())
    seeds = len(distinct(rows, "seed"))
    lost = len(select(asked, layer=WHOLE, mean_abs_a=None))
    words = "; ".join(
        f"decay {decay:g}: {plus_minus(*effects[decay], 4)}, a factor of {ratios(rows, decay)[-1]:.3f} "
        f"(derived, if the decay alone moved a: {factor(rows, decay):.3f}), and the top-1 error changes by "
        f"{plus_minus(*effect(rows, decay, 'top1_error'), 2)} points"
        for decay in decays
    )
    return Trend(
        False if larger else True if mean < -2 * error else None,
        f"What decay on the slopes changes in their mean absolute value, seed by seed over {seeds} "
        f"seed{'s' if seeds > 1 else ''} (asked for: below 0 by more than two standard errors for the larger decay, "
        f"and above 0 by as much for neither): {words}."
        + (f" Runs that diverged: {lost}." if lost else "")
        + ("" if seeds > 1 else " One seed tells no error."),
    )


def draw(rows: Rows) -> Any:
    """Mean |a| by layer, and the ratios beside the derived factors."""
    figure, (left, right) = style.panels("PReLU's slopes with and without weight decay on them", 1, 2)
    rows = complete(rows)
    layers = distinct(rows, "layer")
    x = range(len(layers) - 1)
    left.axhline(0.25, label="start", **style.PREDICTION)
    for i, decay in enumerate(distinct(rows, "decay")):
        for j, whose in enumerate(WHOSE):
            of_layers = [numbers_of(rows, decay, whose, layer, "mean_abs_a") for layer in layers]
            means, errors = zip(*map(mean_and_error, of_layers), strict=True)
            bars = [style.bar(e) for e in errors[:-1]]
            left.errorbar(x, means[:-1], bars, label=f"decay {decay:g}, {whose}", capsize=2, **style.line(2 * i + j))
        right.axhline(factor(rows, decay), **style.PREDICTION, label="derived, the decay alone" if i == 0 else None)
        right.plot(x, ratios(rows, decay)[:-1], label=f"decay {decay:g}", **style.line(2 * i + 1))
    for panel in (left, right):
        panel.set_xticks(x, layers[:-1], rotation=60, ha="right")
        panel.margins(y=0.1)
    left.set(title="mean |a|, ± 2 standard errors", ylabel="mean |a| over the layer's channels")
    left.set_ylim(bottom=0)
    right.set(title="with decay on the slopes / without", ylabel="ratio of mean |a|")
    left.legend(loc="best")
    if rows:
        right.legend(loc="best")
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
    budgets={"quick": Budget(1, QUICK | DECAYS), "lab": Budget(3, LAB | DECAYS), "full": Budget(5, FULL | DECAYS)},
    variants=variants,
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip

"""`fig2-responses`: how far from 0 the mean response of every layer lies, with ReLU and with PReLU.

A ReLU gives nothing below 0, so its mean response is positive; PReLU's negative half pulls the mean back.  Why this
matters is the subject of `fisher`.  The networks are those of table2; in evaluation mode (no dropout) they see the
validation set, and we take the responses after every activation:

    mean    E[f(y)] over images, channels and positions
    rms     sqrt(E[f(y)^2])

Two networks give their layers different scales: halve the weights and biases of one layer and double the weights of
the next, and what comes out is the same, but not the mean in between.  mean / rms does not change with the scale, so
we show both.  Where y is normal around 0, as nearly before training, it is with slope a

    mean / rms = (1 - a) / sqrt(pi (1 + a^2))         .564 for ReLU, .411 for a = 0.25

A layer's mean may also be negative.  What counts is the distance from 0, so "smaller" means: smaller in size.
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
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error, plus_minus
from minidelve.experiments.table2 import CHANNELS, RELU, RUNS
from minidelve.experiments.training import Trained, trained

AFTER = "_act"  # what the activation behind layer conv1 is called: conv1_act
MEASURES = {"mean": "mean response", "scaled": "mean / rms"}


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


def known(rows: Rows, column: str, **wanted: Any) -> list[float]:
    """The numbers of a column in the chosen rows, without missing ones."""
    return [row[column] for row in select(rows, **wanted) if row[column] is not None]


def smaller(rows: Rows, column: str, seed: int) -> tuple[int, int]:
    """In how many layers PReLU's number is smaller in size than ReLU's of the same seed, and of how many."""
    theirs = {row["layer"]: row[column] for row in select(rows, variant=RELU, seed=seed)}
    pairs = [
        (abs(row[column]), abs(theirs[row["layer"]]))
        for row in select(rows, variant=CHANNELS, seed=seed)
        if row[column] is not None and theirs.get(row["layer"]) is not None
    ]
    return sum(mine < other for mine, other in pairs), len(pairs)


def differences(rows: Rows, column: str, layer: str) -> list[float]:
    """|PReLU's| - |ReLU's| in one layer, seed by seed."""
    own = select(rows, layer=layer)
    mine, theirs = (
        {row["seed"]: abs(row[column]) for row in select(own, variant=v) if row[column] is not None}
        for v in (CHANNELS, RELU)
    )
    return [mine[seed] - theirs[seed] for seed in mine if seed in theirs]


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Sizes of both measures, layer by layer, over the seeds; last, in how many layers PReLU's is the smaller."""
    lines = []
    for layer in distinct(rows, "layer"):
        line = [layer]
        for column in MEASURES:
            several = [known(rows, column, layer=layer, variant=v) for v in (RELU, CHANNELS)]
            line += [f"{np.mean(np.abs(numbers)):.3f}" if numbers else "" for numbers in several]
            apart = differences(rows, column, layer)
            line.append(plus_minus(*mean_and_error(apart)) if apart else "")
        lines.append([*line, "not at hand"])
    counts = {column: [smaller(rows, column, seed) for seed in distinct(rows, "seed")] for column in MEASURES}
    last = ["PReLU's smaller in size"]
    for column in MEASURES:
        last += ["", "", f"{sum(s for s, _ in counts[column])} of {sum(n for _, n in counts[column])}"]
    header = ["layer"]
    for words in MEASURES.values():
        sizes = [f"{name}: size of {words}, mean over the seeds" for name in ("ReLU", "PReLU")]
        header += [*sizes, "difference ± standard error"]
    return [*header, "paper (ICCV, Figure 2)"], [*lines, [*last, "PReLU's generally smaller"]]


def trend(rows: Rows) -> Trend:
    """In more than half of the layers, by both measures, over the seeds.

    A single layer makes a majority of 7 of 13.  Where two seeds agree on it the standard error is 0, which is no
    certainty: so half a layer more than half is not enough.
    """
    words, over = [], []
    for column, name in MEASURES.items():
        counts = [(s, n) for s, n in (smaller(rows, column, seed) for seed in distinct(rows, "seed")) if n]
        if not counts:
            return Trend(None, f"There is no pair of runs that has a number for {name}.")
        share, error = mean_and_error([s / n for s, n in counts])
        ahead = mean_and_error([s - n / 2 for s, n in counts])  # in layers
        over.append((ahead[0], max(2 * ahead[1], 0.5)))
        percent = plus_minus(100 * share, 100 * error, 0)
        words.append(f"of {name} in {sum(s for s, _ in counts)} of {sum(n for _, n in counts)} layers ({percent}%)")
    holds = True if all(x > least for x, least in over) else False if any(x < -least for x, least in over) else None
    seeds = len(distinct(rows, "seed"))
    return Trend(
        holds,
        f"PReLU's is smaller in size than ReLU's, counted over {seeds} seed{'s' if seeds > 1 else ''}: "
        + " and ".join(words)
        + " (asked for: more than half by both measures, by more than two standard errors and half a layer)."
        + ("" if seeds > 1 else " One seed tells no error."),
    )


def draw(rows: Rows) -> Any:
    """Mean response by layer, as it is and in units of the rms."""
    title = "Mean response after every activation of the 14-layer network, ± 2 standard errors"
    figure, panels = style.panels(title, 1, 2)
    layers = distinct(rows, "layer")
    for panel, (column, words) in zip(panels, MEASURES.items(), strict=True):
        for i, variant in enumerate((RELU, CHANNELS)):
            stated = [
                mean_and_error(numbers) if numbers else (math.nan, math.inf)
                for numbers in (known(rows, column, layer=layer, variant=variant) for layer in layers)
            ]
            bars = [style.bar(error) for _, error in stated]
            panel.errorbar(range(len(layers)), [m for m, _ in stated], bars, capsize=3, label=variant, **style.line(i))
        panel.axhline(0, color="0.4", lw=0.8)
        panel.set_xticks(range(len(layers)), layers, rotation=60, ha="right", rotation_mode="anchor")
        panel.set(title=words, xlabel="layer", ylabel=words)
    for a, place in ((0.0, (0, (1, 1))), (0.25, (0, (4, 2)))):
        panels[1].axhline(expected(a), color="0.6", lw=1.2, ls=place, label=f"a = {a:g}, y normal around 0", zorder=1)
    panels[1].set_ylim(top=max(panels[1].get_ylim()[1], 0.62))  # room for a line at .564
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


ITEM = Item(
    name="fig2-responses",
    title="mean response of every layer, ReLU against PReLU",
    where="Figure 2 [not in arXiv v1]",
    paper="Figure 2 of the ICCV version: the mean response of every layer of the trained 14-layer networks of Table 1, "
    "ReLU's against PReLU's, which is generally smaller. Its values are not at hand.",
    ours="The networks of `table2` (the same seeds and options; nothing new is trained): the 14 layers for small "
    "images with ReLU and with channel-wise PReLU, narrower where the budget says so and trained for far fewer steps. "
    "Responses after every activation, over the validation set (centre crops), in evaluation mode. Beside the mean its "
    "ratio to the root mean square, as two networks' layers may differ in scale. A mean may be negative: its size is "
    "compared. LReLU with the fixed slope 0.25 would tell the slope's presence from its learning: `table2` has it.",
    budgets=table2.ITEM.budgets,
    variants=lambda budget: [RELU, CHANNELS],
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip

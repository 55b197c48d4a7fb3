"""`dying-relu`: how many units are dead after training, against the learning rate.

analysis/dead_units.py says what a dead unit is. What kills it, it is said, is a large step that carries its weights or
its bias to where every image lies on the negative side. So the learning rate is what varies here, from 0, the network
as it is initialized, to rates at which training diverges.

A channel of a conv layer may be positive at any of many positions of an image, a unit of fc1 at one: it is counted more
easily.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minidelve import data, models
from minidelve.analysis.dead_units import NotFinite, dead_units, gradient_factor
from minidelve.errors import Diverged
from minidelve.experiments import style
from minidelve.experiments.claims import Above, CannotTell, Column, Table, Verdict, judge
from minidelve.experiments.comparison import mean_and_spread
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.layers import by_layer, means, name_layers
from minidelve.experiments.rows import Rows, distinct, numbers, select
from minidelve.experiments.statistics import estimate
from minidelve.experiments.table2 import CHANNELS, LRELU_01, RELU, RUNS
from minidelve.experiments.trained import CLASS, FULL, LAB, QUICK, configured, opened, trained
from minidelve.training.setting_up import create_network, prepare
from minidelve.training.views import loaders

COMPARED = (RELU, LRELU_01, CHANNELS)
SHARE = Column("share", "% of units always negative", "points", 1)
COLUMNS = (
    SHARE, Column("conv", "of conv channels", digits=1), Column("fc", "of units in fc1 and fc2", digits=1),
    Column("gradient_factor", "their factor on the gradient"), Column("top1_error", "top-1 error %", digits=1),
)  # fmt: skip
WHOLE = "all layers"
START = 0.0  # the "rate" of a network that was not trained


def settings(of: dict[str, Any], epochs: int, factors: tuple[float, ...]) -> dict[str, Any]:
    """A budget's settings with n epochs at one rate: its own times each of the factors."""
    rates = tuple(round(factor * of["lr"], 6) for factor in factors)
    return {name: value for name, value in of.items() if name != "lr"} | {
        "epochs": epochs, "milestones": [], "rates": rates}  # fmt: skip


def named(activation: str, rate: float) -> str:
    """A variant: "ReLU, 0.01"."""
    return f"{activation}, {rate:g}"


def variants(budget: Budget) -> list[str]:
    """Every activation with every rate."""
    return [named(activation, rate) for rate in (START, *budget["rates"]) for activation in COMPARED]


def run(setup: Setup) -> Rows:
    """A row for each layer with an activation; a single one, of no layer, for a run that diverged."""
    activation, rate = setup.variant.rsplit(", ", 1)
    row = {"activation": activation, "rate": float(rate), "diverged": False, "top1_error": None}
    try:
        if row["rate"] == START:
            network, batches = untrained(setup, RUNS[activation])
        else:
            net = trained(setup, **RUNS[activation], lr=row["rate"])
            network, batches, row["top1_error"] = net.network, net.validation(), net.final["val_top1_error"]
        found = dead_units(network, (x for x, _ in batches.epoch(0)), setup.device)
    except (Diverged, NotFinite):  # NotFinite: with its very last step
        missing = dict.fromkeys(("layer", "units", "dead", "share", "gradient_factor", "top1_error"))
        return [row | {"diverged": True} | missing]
    return [
        row | {"layer": layer, "units": len(dead), "dead": int(dead.sum()), "share": float(100 * dead.mean()),
               "gradient_factor": gradient_factor(getattr(network, f"{layer}_act"), dead)}
        for layer, dead in found.items()
    ]  # fmt: skip


def untrained(setup: Setup, options: dict[str, Any]) -> tuple[models.Network, data.Loader]:
    """The network with which such a training begins, and the validation set's batches."""
    config = configured(setup, options)
    sets = opened(config.data)
    begun = prepare(config, create_network(config, len(sets[0].classes)), sets[0], None, Path())
    begun.network.eval()
    return begun.network, loaders(config, *sets, begun.statistics)[1]


def share(layers: Rows, start: str = "") -> float | None:
    """How many percent of the units are dead in the layers whose names start so; None if there is no number."""
    own = [row for row in layers if row["units"] and row["layer"].startswith(start)]
    return 100 * sum(row["dead"] for row in own) / sum(row["units"] for row in own) if own else None


def totals(rows: Rows) -> Rows:
    """A row for each run: the shares of all its units, of conv channels, of fc1 and fc2's; the dead ones' mean |a|."""
    found = []
    for variant, seed in dict.fromkeys((row["variant"], row["seed"]) for row in rows):
        layers = select(rows, variant=variant, seed=seed)
        dead = [row for row in layers if row["dead"]]
        passed = sum(row["dead"] * row["gradient_factor"] for row in dead)
        found.append(layers[0] | {
            "layer": WHOLE, "share": share(layers), "conv": share(layers, "conv"), "fc": share(layers, "fc"),
            "gradient_factor": passed / sum(row["dead"] for row in dead) if dead else None,
        })  # fmt: skip
    return found


def finite(runs: Rows, *activations: str) -> list[float]:
    """The rates above 0 at which no run of these activations diverged, rising."""
    lost = {row["rate"] for row in runs if row["diverged"] and row["activation"] in activations}
    return sorted(set(distinct(runs, "rate")) - lost - {START})


class MoreWithTheRate:
    """ReLU's share grows with the rate, and is above PReLU's at the largest one where neither diverges."""

    def judge(self, rows: Rows) -> Verdict:
        runs = select(rows, layer=WHOLE)
        rates, both = finite(runs, RELU), finite(runs, RELU, CHANNELS)
        if len(rates) < 2 or not both:
            raise CannotTell("Too many runs diverged: there are no two rates with a share of dead ReLUs to compare.")
        (low, high), last = (rates[0], rates[-1]), both[-1]
        grows = f"ReLU's {SHARE.words}, at {high:g} less at {low:g}, the largest and smallest rates without divergence"
        above = f"ReLU's {SHARE.words} less PReLU's, at {last:g}, the largest rate at which neither diverged"
        return judge([
            Above(named(RELU, high), named(RELU, low), SHARE, words=grows),
            Above(named(RELU, last), named(CHANNELS, last), SHARE, words=above),
        ], runs)  # fmt: skip


def table(rows: Rows) -> Table:
    """Shares in percent: of all units, of conv channels, of units of fc1 and fc2."""
    runs, lines = select(rows, layer=WHOLE), []
    for activation in distinct(runs, "activation"):
        for rate in distinct(runs, "rate"):
            own = select(runs, activation=activation, rate=rate)
            lost = f"{len(select(own, diverged=True))} of {len(own)}"
            cells = [mean_and_spread(own, column) for column in COLUMNS]
            lines.append([activation, f"{rate:g}" if rate != START else "0: as initialized", lost, *cells])
    return ["activation", "learning rate", "runs that diverged", *(column.words for column in COLUMNS)], lines


def draw(rows: Rows) -> Any:
    """Shares against the rate; and layer by layer at the largest rate where neither ReLU nor PReLU diverges."""
    figure, (left, right) = style.panels("Units that are never above 0, after training", 1, 2)
    runs, layers = select(rows, layer=WHOLE), [layer for layer in distinct(rows, "layer") if layer not in (None, WHOLE)]
    rates, at = sorted(distinct(runs, "rate")), (finite(runs, RELU, CHANNELS) or [START])[-1]
    top = max([5.0, *numbers(runs, "share")])
    for i, activation in enumerate(COMPARED):
        dots = [(rates.index(run["rate"]), run["share"]) for run in select(runs, activation=activation, diverged=False)]
        left.plot(*np.reshape(dots, (-1, 2)).T, **style.line(i) | {"linestyle": "", "alpha": 0.4})
        shares = [estimate(numbers(runs, "share", activation=activation, rate=rate)) for rate in rates]
        left.plot(means(shares), label=activation, **style.line(i) | {"marker": ""})
        if lost := [k for k, rate in enumerate(rates) if rate not in (START, *finite(runs, activation))]:
            look = style.line(i) | {"linestyle": "", "marker": "x", "markersize": 8, "markeredgewidth": 2}
            left.plot(lost, [top * (1.12 + 0.07 * i)] * len(lost), label=f"{activation}: a run diverged", **look)
        of_layers = by_layer(rows, layers, "share", activation=activation, rate=at)
        right.plot(means(of_layers), label=activation, **style.line(i))
    left.set_xticks(range(len(rates)), ["0: start", *(f"{rate:g}" for rate in rates[1:])])
    left.set(title="all layers, every run and the mean", xlabel="learning rate", ylabel="% of units")
    left.set_ylim(-0.03 * top, 1.35 * top)
    name_layers(right, layers)
    right.set(title=f"layer by layer, learning rate {at:g}", ylabel="% of the layer's units", ylim=(-3, 103))
    style.legend(left, right)
    return figure


ITEM = Item(
    name="dying-relu",
    title="dead units against the learning rate",
    where="nowhere: a claim of its readers",
    paper="The paper does not speak of dead units. Readers of it do: a ReLU that is negative for every image gets no "
    "gradient any more, a large learning rate is blamed for it, and a leak is said to help. There are no numbers.",
    ours="The 14 layers for small images (`lab14`) with ReLU, LReLU (a = 0.01) and channel-wise PReLU, trained for a "
    "few epochs at one rate. A unit (a channel of a conv layer, or a unit of fc1 or fc2) is counted if its "
    "pre-activation is at most 0 at every position of every image of the validation set (centre crops, no dropout). A "
    "ReLU is dead then; an LReLU or a PReLU still passes the gradient on, times |a|, which the table has beside their "
    "share. A run whose loss does not stay finite has no share.",
    budgets={
        "quick": Budget(1, settings(QUICK, 1, (0.25, 1, 4))),
        "class": Budget(6, settings(CLASS, 2, (0.25, 4, 8))),
        "lab": Budget(2, settings(LAB, 3, (0.25, 1, 4))),
        "full": Budget(4, settings(FULL, 10, (0.25, 0.5, 1, 2, 4, 8))),
    },
    minutes={"quick": 2, "class": 6, "lab": 8},
    variants=variants,
    run=run, derived=totals, table=table, claims=[MoreWithTheRate()], draw=draw,
)  # fmt: skip

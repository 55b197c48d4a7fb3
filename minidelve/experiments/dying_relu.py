"""`dying-relu`: how many units are dead after training, against the learning rate.

dead_units.py says what a dead unit is, and why that matters to a ReLU.  What kills a unit, it is said, is a large step
that carries its weights or its bias to where every image lies on the negative side.  So the learning rate is what
varies here, from 0, the network as it is initialized, to rates at which training diverges.

Always negative units of LReLU and PReLU are counted alike, as the same accident.  They are not dead: beside their
share stands the factor |a| with which the gradient passes them.

A channel of a conv layer may be positive at any of many positions of an image, a unit of fc1 at one: the same criterion
is met there more easily.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidelve import data, models
from minidelve.errors import Diverged
from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.dead_units import NotFinite, dead_units, gradient_factor
from minidelve.experiments.item import Budget, Item, Setup
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error, paired, plus_minus
from minidelve.experiments.table2 import CHANNELS, RELU, RUNS
from minidelve.experiments.training import FULL, LAB, QUICK, configured, opened, trained
from minidelve.training.setting_up import create_network, prepare
from minidelve.training.views import loaders

LRELU = "LReLU a=0.01"
COMPARED = (RELU, LRELU, CHANNELS)
COLUMNS = {
    "share": "% of units always negative", "conv": "of conv channels", "fc": "of units in fc1 and fc2",
    "gradient_factor": "their factor on the gradient", "top1_error": "top-1 error %",
}  # fmt: skip
START = 0.0  # the "rate" of a network that was not trained


def settings(of: dict[str, Any], epochs: int, factors: tuple[float, ...]) -> dict[str, Any]:
    """A budget's settings with so many epochs at one rate: its own times each of the factors."""
    rates = tuple(round(factor * of["lr"], 6) for factor in factors)
    return {name: value for name, value in of.items() if name != "lr"} | {
        "epochs": epochs, "milestones": [], "rates": rates}  # fmt: skip


def variants(budget: Budget) -> list[str]:
    """Every activation with every rate: "ReLU, 0.01"."""
    return [f"{activation}, {rate:g}" for rate in (START, *budget["rates"]) for activation in COMPARED]


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


def totals(rows: Rows) -> Rows:
    """A row for each run: the shares of all its units, of conv channels, of fc1 and fc2's; the dead ones' mean |a|."""
    runs = []
    for variant, seed in dict.fromkeys((row["variant"], row["seed"]) for row in rows):
        layers = select(rows, variant=variant, seed=seed)
        total = {name: layers[0][name] for name in ("variant", "seed", "activation", "rate", "diverged", "top1_error")}
        for name, start in {} if total["diverged"] else {"share": "", "conv": "conv", "fc": "fc"}.items():
            own = [layer for layer in layers if layer["layer"].startswith(start)]
            total[name] = 100 * sum(layer["dead"] for layer in own) / sum(layer["units"] for layer in own)
        dead = [layer for layer in layers if layer["dead"]]
        passed = sum(layer["dead"] * layer["gradient_factor"] for layer in dead)
        total["gradient_factor"] = passed / sum(layer["dead"] for layer in dead) if dead else None
        runs.append(total)
    return runs


def runs_of(runs: Rows, activation: str, rate: float) -> Rows:
    """Those runs of that activation and rate that did not diverge."""
    return select(runs, activation=activation, rate=rate, diverged=False)


def finite(runs: Rows, *activations: str) -> list[float]:
    """The rates above 0 at which no run of these activations diverged, rising."""
    lost = {row["rate"] for row in runs if row["diverged"] and row["activation"] in activations}
    return sorted(set(distinct(runs, "rate")) - lost - {START})


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Shares in percent: of all units, of conv channels, of units of fc1 and fc2."""
    runs, lines = totals(rows), []
    for activation in distinct(runs, "activation"):
        for rate in distinct(runs, "rate"):
            there, good = select(runs, activation=activation, rate=rate), runs_of(runs, activation, rate)
            lines.append([
                activation, f"{rate:g}" if rate != START else "0: as initialized",
                f"{len(there) - len(good)} of {len(there)}",
                *(text(good, column, 3 if column == "gradient_factor" else 1) for column in COLUMNS),
            ])  # fmt: skip
    return ["activation", "learning rate", "runs that diverged", *COLUMNS.values()], lines


def text(rows: Rows, column: str, digits: int) -> str:
    """The mean of what is there of a column with its standard error; nothing, if nothing is."""
    numbers = [row[column] for row in rows if row[column] is not None]
    return plus_minus(*mean_and_error(numbers), digits) if numbers else ""


def trend(rows: Rows) -> Trend:
    """ReLU's share grows with the rate, and is above PReLU's at the largest one where neither diverges."""
    runs = totals(rows)
    rates, both = finite(runs, RELU), finite(runs, RELU, CHANNELS)
    if len(rates) < 2 or not both:
        return Trend(None, "Too many runs diverged: there are no two rates with a share of dead ReLUs to compare.")
    growth = mean_and_error(paired(runs, f"{RELU}, {rates[-1]:g}", f"{RELU}, {rates[0]:g}", "share"))
    above = mean_and_error(paired(runs, f"{RELU}, {both[-1]:g}", f"{CHANNELS}, {both[-1]:g}", "share"))
    holds = all(mean > 2 * error for mean, error in (growth, above))
    wrong = any(mean + 2 * error < 0 for mean, error in (growth, above))
    seeds = len(distinct(rows, "seed"))
    course = ", ".join(f"{text(runs_of(runs, RELU, rate), 'share', 1)}% at {rate:g}" for rate in rates)
    lost = [f"{a} at {r:g}" for a in COMPARED for r in distinct(runs, "rate") if r not in (START, *finite(runs, a))]
    return Trend(
        True if holds else False if wrong else None,
        f"The share of dead units in the ReLU network is {course}: from the smallest to the largest of these rates it "
        f"grows by {plus_minus(*growth, 1)} points, over {seeds} seed{'s' if seeds > 1 else ''}. At {both[-1]:g}, the "
        f"largest rate at which neither diverges, it is {plus_minus(*above, 1)} points above the share of always "
        "negative units in the PReLU network (asked for: both above 0 by more than two standard errors). "
        + (f"Diverged: {', '.join(lost)}." if lost else "No run diverged.")
        + ("" if seeds > 1 else " One seed tells no error."),
    )


def draw(rows: Rows) -> Any:
    """Shares against the rate; and layer by layer at the largest rate where neither ReLU nor PReLU diverges."""
    figure, (left, right) = style.panels("Units that are never above 0, after training", 1, 2)
    runs = totals(rows)
    rates, layers = sorted(distinct(runs, "rate")), [layer for layer in distinct(rows, "layer") if layer]
    at = (finite(runs, RELU, CHANNELS) or [START])[-1]
    top = max([5.0, *(run["share"] for run in runs if not run["diverged"])])
    for i, activation in enumerate(distinct(runs, "activation")):
        shares = {k: [run["share"] for run in runs_of(runs, activation, rate)] for k, rate in enumerate(rates)}
        points = [(k, *mean_and_error(numbers)) for k, numbers in shares.items() if numbers]
        if points:
            x, means, errors = zip(*points, strict=True)
            bars = [style.bar(e) for e in errors]
            left.errorbar(x, means, bars, label=activation, capsize=2, **style.line(i))
        if lost := [k for k, rate in enumerate(rates) if rate not in (START, *finite(runs, activation))]:
            look = style.line(i) | {"linestyle": "", "marker": "x", "markersize": 8, "markeredgewidth": 2}
            left.plot(lost, [top * (1.12 + 0.07 * i)] * len(lost), label=f"{activation}: a run diverged", **look)
        own = [[row["share"] for row in select(runs_of(rows, activation, at), layer=layer)] for layer in layers]
        if all(own):
            right.plot(range(len(layers)), [mean_and_error(s)[0] for s in own], label=activation, **style.line(i))
    left.set_xticks(range(len(rates)), ["0: start", *(f"{rate:g}" for rate in rates[1:])])
    left.set(title="all layers, ± 2 standard errors", xlabel="learning rate", ylabel="% of units")
    left.set_ylim(-0.03 * top, 1.35 * top)
    right.set_xticks(range(len(layers)), layers, rotation=60, ha="right")
    right.set(title=f"layer by layer, learning rate {at:g}", ylabel="% of the layer's units", ylim=(-3, 103))
    for panel in (left, right):
        if panel.get_legend_handles_labels()[0]:
            panel.legend(loc="best")
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
        "lab": Budget(2, settings(LAB, 3, (0.25, 1, 4))),
        "full": Budget(4, settings(FULL, 10, (0.25, 0.5, 1, 2, 4, 8))),
    },
    variants=variants,
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip

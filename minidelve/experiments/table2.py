"""`table2`: the same 14-layer network with ReLU, LReLU and PReLU.

Several runs of each, which differ in their seed: in the initial weights, the order of the images, the crops and
dropout.  Runs of one seed see the same images in the same order, whatever the activation; so the activations are
compared seed by seed.  The mean of the differences is the difference of the means; but what a seed does to both
cancels in each difference, and the standard error, taken from the differences, does not count it.

Two things distinguish PReLU from ReLU: that negative responses pass at all, and that their slope is learned.  LReLU
with PReLU's first slope, 0.25, has only the first.
"""

from __future__ import annotations

from typing import Any

from minidelve.experiments import style
from minidelve.experiments.item import Budget, Item, Rows, Setup, Trend, distinct, select
from minidelve.experiments.statistics import mean_and_error, paired, plus_minus, spread
from minidelve.experiments.training import FULL, LAB, QUICK, tested, trained

RELU, LEAKY, SHARED, CHANNELS = "ReLU", "LReLU a=0.25", "PReLU shared", "PReLU channel-wise"
ACTIVATIONS: dict[str, dict[str, Any]] = {
    RELU: {"activation": "relu"},
    LEAKY: {"activation": "lrelu", "slope": 0.25},
    "LReLU a=0.01": {"activation": "lrelu", "slope": 0.01},
    SHARED: {"activation": "prelu-shared"},
    CHANNELS: {"activation": "prelu"},
}
PAPER = {RELU: (33.82, 13.34), SHARED: (32.71, 12.87), CHANNELS: (32.64, 12.75)}  # top-1, top-5; Table 2, ten views


def run(setup: Setup) -> Rows:
    """One row: errors of one run, ten views."""
    net = trained(setup, **ACTIVATIONS[setup.variant])
    found = tested([net], protocol="ten-view").rows[0].tally.errors()
    return [{"top1_error": found.top1, "top5_error": found.top5, "train_loss": net.final["train_loss"]}]


def against(rows: Rows, variant: str, other: str) -> tuple[float, float]:
    """Mean difference in top-1 error, seed by seed, and its standard error."""
    return mean_and_error(paired(rows, variant, other, "top1_error"))


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """Errors in percent, and how they differ from ReLU's, beside the paper's."""
    lines = []
    for variant in distinct(rows, "variant"):
        top1, top5 = ([row[f"{which}_error"] for row in select(rows, variant=variant)] for which in ("top1", "top5"))
        ours = [f"{mean_and_error(x)[0]:.2f}" + (f" (sd {spread(x):.2f})" if len(x) > 1 else "") for x in (top1, top5)]
        beside = "" if variant == RELU else plus_minus(*against(rows, variant, RELU), 2)
        theirs = PAPER.get(variant)
        paper = ["", "", ""] if theirs is None else [f"{theirs[0]:.2f}", f"{theirs[1]:.2f}", ""]
        if theirs and variant != RELU:
            paper[2] = f"{theirs[0] - PAPER[RELU][0]:.2f}"
        lines.append([variant, *ours, beside, *paper])
    return [
        "activation", "top-1 error %", "top-5 error %", "top-1 less ReLU's, seed by seed ± standard error",
        "paper: top-1", "paper: top-5", "paper: top-1 less ReLU's",
    ], lines  # fmt: skip


def trend(rows: Rows) -> Trend:
    """Both PReLUs below ReLU by more than two standard errors; channel-wise not worse than shared."""
    gains = {variant: against(rows, variant, RELU) for variant in (SHARED, CHANNELS)}
    between, error = against(rows, CHANNELS, SHARED)
    below = all(gain < -2 * e for gain, e in gains.values())
    worse = between > 2 * error
    wrong = worse or any(gain > 2 * e for gain, e in gains.values())
    seeds = len(distinct(rows, "seed"))
    words = ", ".join(f"{v} {plus_minus(*gains[v], 2)}" for v in gains)
    verdict = "above" if worse else "not worse than" if between <= 0 else "not clearly above"
    return Trend(
        True if below and not wrong else False if wrong else None,
        f"Top-1 error less ReLU's, in points over {seeds} seed{'s' if seeds > 1 else ''}: {words} (asked for: below 0 "
        f"by more than two standard errors). Channel-wise is {verdict} shared: {plus_minus(between, error, 2)}."
        + control(rows)
        + ("" if seeds > 1 else " One seed tells no error."),
    )


def control(rows: Rows) -> str:
    """Whether it is the slope's learning that helps, or already its being there."""
    there, learning, error = against(rows, LEAKY, RELU), *against(rows, CHANNELS, LEAKY)
    told = "does not show" if learning > -2 * error else "shows"
    return (
        f" A control: LReLU with the fixed slope 0.25, PReLU's first, is at {plus_minus(*there, 2)} (in the ICCV "
        f"version no better than ReLU). Learning a slope per channel changes that by {plus_minus(learning, error, 2)}: "
        f"it {told} that learning helps at this scale."
    )


def draw(rows: Rows) -> Any:
    """Every run's error, and the differences seed by seed."""
    figure, (left, right) = style.panels("Error by activation: the 14-layer network", 1, 2)
    variants = distinct(rows, "variant")
    for i, variant in enumerate(variants):
        errors = [row["top1_error"] for row in select(rows, variant=variant)]
        mean, error = mean_and_error(errors)
        left.plot(errors, [i] * len(errors), "o", color="0.6", ms=5, label=None if i else "one run")
        bar = style.bar(error)
        left.errorbar(mean, i, xerr=bar, fmt="D", color="black", ms=5, capsize=4, zorder=4,
                      label=None if i else "mean ± 2 standard errors")  # fmt: skip
        if variant != RELU:
            differences = paired(rows, variant, RELU, "top1_error")
            mean, error = mean_and_error(differences)
            bar = style.bar(error)
            right.plot(differences, [i] * len(differences), "o", color="0.6", ms=5)
            right.errorbar(mean, i, xerr=bar, fmt="D", color="black", ms=5, capsize=4, zorder=4)
            if variant in PAPER:
                right.plot(PAPER[variant][0] - PAPER[RELU][0], i, "x", color="#b03a2e", ms=8, mew=2,
                           label="paper (ImageNet)" if variant == SHARED else None)  # fmt: skip
    for panel in (left, right):
        panel.set_yticks(range(len(variants)), variants)
        panel.set_ylim(len(variants) - 0.5, -0.5)
    right.axvline(0, color="0.4", lw=1)
    left.set(title="ten-view top-1 error", xlabel="error (%)")
    right.set(title="less ReLU's, seed by seed", xlabel="difference (points)")
    left.legend(loc="best")
    if right.get_legend_handles_labels()[0]:
        right.legend(loc="best")
    return figure


ITEM = Item(
    name="table2",
    title="ReLU, LReLU and PReLU on the 14-layer network",
    paper="Table 2: the 14-layer network of Table 1, trained for 75 epochs on ImageNet with each activation, ten "
    "views. The ICCV version adds LReLU with a slope of 0.25, no better than ReLU.",
    ours="The 14 layers for small images (`lab14`, narrower where the budget says so), trained from scratch with each "
    "activation and the same options, several seeds; every run is tested after its last epoch with ten views.",
    budgets={"quick": Budget(1, QUICK), "lab": Budget(4, LAB), "full": Budget(5, FULL)},
    variants=lambda budget: list(ACTIVATIONS),
    run=run, table=table, trend=trend, draw=draw,
)  # fmt: skip

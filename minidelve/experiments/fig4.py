"""`fig4`: how ReLU and PReLU converge, in training and in validation error.

The networks are those of table2.py, trained once for both items: of one seed, ReLU and PReLU see the same images in
the same order.  As in the paper's figure the error on the batches that are being trained on is drawn light, that on
the validation set dark.  The first is measured with dropout and on random crops, the second without and on centre
crops; so the validation error may well be the lower one.

"Lower throughout" is a claim about every epoch, and with few seeds curves cross by luck.  We say in which share of
the epochs PReLU's mean over the seeds is lower, and count the claim as shown, for each of the two errors, when

    in the last epoch PReLU's is lower by more than two standard errors of the difference, seed by seed,
    its mean is lower in at least MOST of the epochs,
    and in no two epochs on end is it higher by more than CLEARLY standard errors.

CLEARLY is three.  With 4 seeds luck alone gives that in 2.9% of the epochs (Student's t), so that among dozens one is
to be expected: an epoch by itself contradicts nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from minidelve.experiments import style
from minidelve.experiments.claims import Own, Trend
from minidelve.experiments.courses import (
    BATCHES,
    EPOCH,
    course,
    draw_mean,
    final,
    last_epoch,
    mark_drops,
    points,
    seed_by_seed,
    told,
)
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.rows import Rows, distinct
from minidelve.experiments.statistics import mean_and_error, plus_minus
from minidelve.experiments.table2 import CHANNELS, RELU, RUNS
from minidelve.experiments.table2 import ITEM as TABLE2
from minidelve.experiments.training import trained

MOST, CLEARLY = 0.9, 3
VARIANTS = (RELU, CHANNELS)
LOOKS = {RELU: ("#000000", "0.62", "-", "o"), CHANNELS: ("#1f4e9c", "#9db7e0", "--", "s")}  # validation, training
KINDS = {"train_error": "training", "val_error": "validation"}


class Gap(NamedTuple):
    """PReLU's error less ReLU's after some epoch: mean over the seeds and its standard error, in points."""

    epoch: float
    mean: float
    error: float


def run(setup: Setup) -> Rows:
    """The course of one run."""
    return course(trained(setup, **RUNS[setup.variant]))


def gaps(rows: Rows, column: str) -> list[Gap]:
    """PReLU less ReLU, epoch by epoch, each seed against itself."""
    errors = {
        (variant, seed): dict(points(rows, EPOCH, column, variant=variant, seed=seed))
        for variant in VARIANTS
        for seed in distinct(rows, "seed")
    }
    found = []
    for epoch in sorted({epoch for curve in errors.values() for epoch in curve}):
        relu, prelu = ({s: c[epoch] for (v, s), c in errors.items() if v == name and epoch in c} for name in VARIANTS)
        if differences := seed_by_seed(prelu, relu):
            found.append(Gap(epoch, *mean_and_error(differences)))
    return found


def lower(of: list[Gap]) -> float:
    """The share of the epochs in which PReLU's mean is lower."""
    return float(np.mean([gap.mean < 0 for gap in of]))


def clearly_higher(of: list[Gap]) -> list[float]:
    """The epochs that contradict the claim: the one before or the one after does so too."""
    higher = [False, *(gap.mean > CLEARLY * gap.error for gap in of), False]
    return [gap.epoch for i, gap in enumerate(of, 1) if higher[i] and (higher[i - 1] or higher[i + 1])]


def table(rows: Rows) -> tuple[list[str], list[list[str]]]:
    """The last epoch and the whole course; the paper gives curves and no numbers."""
    lines = []
    for column, name in KINDS.items():
        of = gaps(rows, column)
        errors = [told(list(final(rows, variant, column).values()), 2) for variant in VARIANTS]
        ours = [plus_minus(of[-1].mean, of[-1].error, 2), f"{100 * lower(of):.0f}%"] if of else ["not known"] * 2
        lines.append([name, *errors, *ours, "lower throughout"])
    return [
        "top-1 error %", "ReLU, last epoch", "PReLU, last epoch", "PReLU less ReLU, seed by seed ± standard error",
        "epochs in which PReLU's mean is lower", "paper, PReLU (Figure 4, a curve)",
    ], lines  # fmt: skip


def verdict(of: list[Gap]) -> bool | None:
    """Of one curve: whether PReLU's error is lower throughout; None if that cannot be told."""
    last = of[-1]
    if clearly_higher(of) or last.mean > 2 * last.error:
        return False
    return True if last.mean < -2 * last.error and lower(of) >= MOST else None


def trend(rows: Rows) -> Trend:
    """Both curves must hold; one that fails decides."""
    found = {column: gaps(rows, column) for column in KINDS}
    if not all(found.values()):
        return Trend(None, "The errors of one of the two are missing.")
    verdicts = [verdict(of) for of in found.values()]
    words = [
        f"{name} error in {100 * lower(of):.0f}% of {len(of)} epochs, by {plus_minus(-of[-1].mean, of[-1].error, 2)} "
        f"points after the last"
        for name, of in zip(KINDS.values(), found.values(), strict=True)
    ]
    higher = {KINDS[column]: [f"{epoch:.0f}" for epoch in clearly_higher(of)] for column, of in found.items()}
    clearly = "; ".join(f"{name}: {', '.join(epochs)}" for name, epochs in higher.items() if epochs) or "none"
    seeds = len(distinct(rows, "seed"))
    return Trend(
        False if False in verdicts else None if None in verdicts else True,
        f"Over {seeds} seed{'s' if seeds > 1 else ''} PReLU has the lower " + ", and the lower ".join(words)
        + f" (asked for: in {100 * MOST:.0f}% of them, in the last by more than two standard errors). Epochs in which "
        f"it is higher by more than {CLEARLY} standard errors, two or more on end: {clearly}."
        + ("" if seeds > 1 else " One seed tells no error."),
    )  # fmt: skip


def draw(rows: Rows) -> Any:
    """Both courses as in the paper, and their difference."""
    figure, (curves, differences) = style.panels("Convergence of ReLU and PReLU: the 14-layer network", 1, 2)
    for variant in VARIANTS:
        dark, light, dashes, marker = LOOKS[variant]
        training, validation = f"{variant}, training batches", f"{variant}, validation"
        draw_mean(curves, rows, variant, BATCHES, "train_error", color=light, ls=dashes, lw=1.1, label=training)
        draw_mean(curves, rows, variant, EPOCH, "val_error", color=dark, ls=dashes, lw=1.8, marker=marker, ms=3.5,
                  label=validation)  # fmt: skip
    for i, (column, name) in enumerate(KINDS.items()):
        of = gaps(rows, column)
        bars = [style.bar(gap.error) for gap in of]
        differences.errorbar([gap.epoch + 0.1 * i for gap in of], [gap.mean for gap in of], bars, capsize=3,
                             label=name, **style.line(i))  # fmt: skip
    differences.axhline(0, color="0.4", lw=1)
    for panel in (curves, differences):
        mark_drops(panel, rows)
        panel.set(xlabel="epoch", xlim=(0, 1.02 * last_epoch(rows) + 0.2))
    curves.set(title="means over the seeds", ylabel="top-1 error (%)")
    differences.set(title="PReLU less ReLU, ± 2 standard errors", ylabel="difference (points)")
    figure.legend(*curves.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    differences.legend(loc="upper right")
    return figure


ITEM = Item(
    name="fig4",
    title="convergence of ReLU and PReLU",
    where="Figure 4 [not in arXiv v1]",
    paper="Figure 4 of the ICCV version: model A on ImageNet with ReLU and with PReLU, the same epochs and the same "
    "learning rates, which fall after epochs 20 and 65 of about 80. PReLU converges faster and has the lower error in "
    "training and in validation throughout.",
    ours="The 14-layer networks of `table2` in place of model A, ReLU against channel-wise PReLU, with that item's "
    "budgets and seeds: networks that it has trained are not trained again. The learning rate is divided by ten after "
    "60% and 85% of the epochs. Training errors are those of the batches as they are trained on, with dropout; "
    "validation errors are of centre crops. LReLU with the fixed slope 0.25 would tell the slope's presence from its "
    "learning: `table2` has it.",
    budgets=TABLE2.budgets,
    variants=lambda budget: list(VARIANTS),
    run=run, table=table, claims=[Own(trend)], draw=draw,
)  # fmt: skip

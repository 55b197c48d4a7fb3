"""`fig4`: how ReLU and PReLU converge, in training and in validation error.

Training errors are measured with dropout and on random crops: validation's may well be the lower ones.

"Lower throughout" is a claim about every epoch, and with few seeds curves cross by luck. With gap_e the mean over the
seeds of PReLU's error less ReLU's after epoch e, we ask for each of the two errors that

    of the last epoch      the interval of gap_e lies below 0
    of all epochs          gap_e < 0 in at least MOST of them
    of no two on end       the interval of gap_e lies above 0

Luck alone puts an interval above 0 in one epoch of 40: an epoch by itself contradicts nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from minidelve.experiments import style, table2
from minidelve.experiments.claims import Table, Verdict, over
from minidelve.experiments.courses import BATCHES, EPOCH, course, drops, ends, last_epoch, mean_curve
from minidelve.experiments.item import Item, Setup
from minidelve.experiments.rows import Rows, distinct, numbers, select
from minidelve.experiments.statistics import Estimate, estimate, paired
from minidelve.experiments.table2 import CHANNELS, RELU, RUNS
from minidelve.experiments.trained import trained

MOST = 0.9
LOOKS = {RELU: ("#000000", "0.62", "-", "o"), CHANNELS: ("#1f4e9c", "#9db7e0", "--", "s")}  # validation, training
Gaps = dict[float, Estimate]  # epoch -> PReLU's error less ReLU's, each seed against itself


def run(setup: Setup) -> Rows:
    """The course of one run."""
    return course(trained(setup, **RUNS[setup.variant]))


def gaps(rows: Rows, column: str) -> Gaps:
    """Those of one of the two errors."""
    own = select(rows, what=EPOCH)
    differences = {epoch: paired(select(own, epoch=epoch), CHANNELS, RELU, column) for epoch in distinct(own, "epoch")}
    return {epoch: estimate(differences[epoch]) for epoch in sorted(differences) if differences[epoch]}


def lower(of: Gaps) -> float:
    """The share of the epochs in which PReLU's mean is lower."""
    return float(np.mean([gap.mean < 0 for gap in of.values()]))


def clearly_higher(of: Gaps) -> list[float]:
    """The epochs that contradict the claim: the one before or the one after does so too."""
    higher = [False, *(gap.sign() > 0 for gap in of.values()), False]
    return [epoch for i, epoch in enumerate(of, 1) if higher[i] and (higher[i - 1] or higher[i + 1])]


def lower_throughout(of: Gaps) -> bool | None:
    """Whether PReLU's error is lower throughout; None if that cannot be told."""
    last = list(of.values())[-1].sign()
    if clearly_higher(of) or last > 0:
        return False
    return True if last < 0 and lower(of) >= MOST else None


@dataclass(frozen=True)
class LowerThroughout:
    """PReLU's error is lower than ReLU's in every epoch, up to luck."""

    column: str
    words: str

    def judge(self, rows: Rows) -> Verdict:
        """The verdict, and in which epochs the error is lower and higher."""
        found = gaps(rows, self.column)
        if not found:
            return Verdict(None, f"The {self.words} errors of one of the two are missing.")
        last, higher = list(found.values())[-1], clearly_higher(found)
        return Verdict(
            lower_throughout(found),
            f"PReLU has the lower {self.words} error in {100 * lower(found):.0f}% of {len(found)} epochs (claimed: in "
            f"{100 * MOST:.0f}%), by {(-last).text(2)} points after the last{over(last.count)} (claimed: above 0). "
            "Epochs, two or more on end, of which the interval says that it is higher: "
            f"{', '.join(f'{epoch:.0f}' for epoch in higher) or 'none'}.",
        )


CLAIMS = [LowerThroughout("train_error", "training"), LowerThroughout("val_error", "validation")]


def table(rows: Rows) -> Table:
    """The last epoch and the whole course; the paper gives curves and no numbers."""
    lines = []
    for claim in CLAIMS:
        of = gaps(rows, claim.column)
        errors = [estimate(numbers(ends(rows), claim.column, variant=variant)).text(2) for variant in LOOKS]
        ours = [list(of.values())[-1].text(2), f"{100 * lower(of):.0f}%"] if of else ["not known"] * 2
        lines.append([claim.words, *errors, *ours, "lower throughout"])
    return [
        "top-1 error %", "ReLU, last epoch", "PReLU, last epoch", "PReLU less ReLU, seed by seed",
        "epochs in which PReLU's mean is lower", "paper, PReLU (a curve)",
    ], lines  # fmt: skip


def draw(rows: Rows) -> Any:
    """Both courses, as in the paper light in training and dark in validation, and their difference."""
    figure, (curves, differences) = style.panels("Convergence of ReLU and PReLU: the 14-layer network", 1, 2)
    for variant, (dark, light, dashes, marker) in LOOKS.items():
        training = {"color": light, "lw": 1.1, "label": f"{variant}, training batches"}
        validation = {"color": dark, "lw": 1.8, "marker": marker, "ms": 3.5, "label": f"{variant}, validation"}
        curves.plot(*mean_curve(rows, BATCHES, "train_error", variant=variant), ls=dashes, **training)
        curves.plot(*mean_curve(rows, EPOCH, "val_error", variant=variant), ls=dashes, **validation)
    for i, claim in enumerate(CLAIMS):
        of = gaps(rows, claim.column)
        style.draw_estimates(differences, [e + 0.1 * i for e in of], list(of.values()), claim.words, **style.line(i))
    differences.axhline(0, color="0.4", lw=1)
    for panel in (curves, differences):
        for i, epoch in enumerate(drops(rows)):
            panel.axvline(epoch, **style.LEVEL, label=None if i else "learning rate / 10")
        panel.set(xlabel="epoch", xlim=(0, 1.02 * last_epoch(rows) + 0.2))
    curves.set(title="means over the seeds", ylabel="top-1 error (%)")
    differences.set(title="PReLU less ReLU, 95% intervals", ylabel="difference (points)")
    style.legend_below(figure, curves, columns=3)
    style.legend(differences)
    return figure


ITEM = Item(
    name="fig4",
    title="convergence of ReLU and PReLU",
    where="Figure 4 [not in arXiv v1]",
    paper="Model A on ImageNet with ReLU and with PReLU, the same epochs and the same "
    "learning rates, which fall after epochs 20 and 65 of about 80. PReLU converges faster and has the lower error in "
    "training and in validation throughout.",
    ours="The 14-layer networks of `table2` in place of model A, ReLU against channel-wise PReLU, with that item's "
    "budgets and seeds: networks that it has trained are not trained again. The learning rate is divided by ten after "
    "60% and 85% of the epochs. Training errors are those of the batches as they are trained on, with dropout; "
    "validation errors are of centre crops. LReLU with the fixed slope 0.25 would tell the slope's presence from its "
    "learning: `table2` has it.",
    budgets=table2.ITEM.budgets,
    minutes={"quick": 1, "class": 2, "lab": 16},
    variants=lambda budget: list(LOOKS),
    run=run, table=table, claims=CLAIMS, draw=draw,
)  # fmt: skip

"""The course of a training run, as rows and as curves: what the items of Figures 3 and 4 share.

A run's history has numbers of two kinds.  While the network trains, every batch gives a loss and an error, those of
the network as it was at that moment, with dropout; step_log.py keeps their means over tenths of an epoch.  After each
epoch the network is tested on centre crops of the validation set.  The rows of a course are told apart by "what":

    BATCHES   epoch (0.1, 0.2, ...), train_loss, train_error     over the batches since the point before
    EPOCH     epoch (1, 2, ...), train_loss, train_error         over all batches of the epoch
              val_error, lr, classes, val_images                 after it

Errors are top-1, in percent.  A network that knows nothing gives each of C classes the probability 1/C: its loss is
ln C, and its error 100 (1 - 1/C).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidelve.experiments import style
from minidelve.experiments.rows import Rows, distinct, select
from minidelve.experiments.statistics import mean_and_error, plus_minus
from minidelve.experiments.training import Trained, opened

BATCHES, EPOCH = "batches", "epoch"


def course(net: Trained) -> Rows:
    """The rows of a run, epoch by epoch."""
    classes, val_images = len(net.saved.meta["classes"]), len(opened(net.config.data)[1])
    rows: Rows = []
    for line in net.history:
        for share, loss, error in line["within"]:
            rows.append({"what": BATCHES, "epoch": line["epoch"] - 1 + share, "train_loss": loss, "train_error": error})
        rows.append(
            {
                "what": EPOCH, "epoch": float(line["epoch"]), "train_loss": line["train_loss"],
                "train_error": line["train_top1_error"], "val_error": line["val_top1_error"], "lr": line["lr"],
                "classes": classes, "val_images": val_images,
            }
        )  # fmt: skip
    return rows


def points(rows: Rows, what: str, column: str, **wanted: Any) -> list[tuple[float, float]]:
    """(epoch, number) of the rows of one kind, in their order; a missing number is left out."""
    chosen = select(rows, what=what, **wanted)
    return [(row["epoch"], row[column]) for row in chosen if row[column] is not None]


def mean_curve(rows: Rows, what: str, column: str, **wanted: Any) -> tuple[list[float], list[float]]:
    """(epochs, means over the seeds)."""
    by_epoch: dict[float, list[float]] = {}
    for epoch, number in points(rows, what, column, **wanted):
        by_epoch.setdefault(epoch, []).append(number)
    epochs = sorted(by_epoch)
    return epochs, [float(np.mean(by_epoch[epoch])) for epoch in epochs]


def last_epoch(rows: Rows) -> float:
    """How many epochs were trained."""
    return max(row["epoch"] for row in select(rows, what=EPOCH))


def final(rows: Rows, variant: str, column: str) -> dict[int, float]:
    """Seed -> the number of the last epoch, where it is known."""
    chosen = select(rows, what=EPOCH, variant=variant, epoch=last_epoch(rows))
    return {row["seed"]: row[column] for row in chosen if row[column] is not None}


def seed_by_seed(mine: dict[int, float], theirs: dict[int, float]) -> list[float]:
    """mine - theirs for each seed that both have."""
    return [mine[seed] - theirs[seed] for seed in mine if seed in theirs]


def drops(rows: Rows) -> list[float]:
    """The epochs after which the learning rate was lower."""
    rates = sorted({(row["epoch"], row["lr"]) for row in select(rows, what=EPOCH) if row["lr"] is not None})
    return [a[0] for a, b in zip(rates, rates[1:]) if b[1] < a[1]]


def class_count(rows: Rows) -> int:
    """C."""
    return int(select(rows, what=EPOCH)[0]["classes"])


def chance_loss(rows: Rows) -> float:
    """ln C."""
    return math.log(class_count(rows))


def chance_error(rows: Rows) -> tuple[float, float]:
    """(the error of guessing in percent, the standard error with which so many validation images tell it).

    Of n images a guess is right on a share of 1/C, give or take sqrt(1/C (1 - 1/C) / n).
    """
    right, images = 1 / class_count(rows), select(rows, what=EPOCH)[0]["val_images"]
    return 100 * (1 - right), 100 * math.sqrt(right * (1 - right) / images)


def told(numbers: Sequence[float], digits: int) -> str:
    """Their mean with its standard error, as text; of none: not known.

    >>> told([1.0, 3.0], 1), told([], 1)
    ('2.0 ± 1.0', 'not known')
    """
    return plus_minus(*mean_and_error(numbers), digits) if numbers else "not known"


def draw_seeds(axes: Any, rows: Rows, variant: str, what: str, column: str, **look: Any) -> None:
    """A thin line for each seed's course; the first carries the label."""
    for i, seed in enumerate(distinct(select(rows, variant=variant), "seed")):
        epochs, numbers = mean_curve(rows, what, column, variant=variant, seed=seed)
        axes.plot(epochs, numbers, label=None if i else variant, **look)


def draw_mean(axes: Any, rows: Rows, variant: str, what: str, column: str, **look: Any) -> None:
    """The mean over the seeds."""
    axes.plot(*mean_curve(rows, what, column, variant=variant), **look)


def mark_drops(axes: Any, rows: Rows) -> None:
    """A dotted line where the learning rate falls."""
    for i, epoch in enumerate(drops(rows)):
        axes.axvline(epoch, color="0.4", ls=":", lw=1.2, label=None if i else "learning rate / 10")


def mark_chance(axes: Any, height: float, label: str) -> None:
    """A broad pale line at what guessing gives."""
    axes.axhline(height, label=label, **style.PREDICTION)


def show_at_least(axes: Any, low: float, high: float) -> None:
    """Let the y axis reach from low to high or further, so that a curve that does not move looks like it."""
    bottom, top = axes.get_ylim()
    axes.set_ylim(min(bottom, low), max(top, high))

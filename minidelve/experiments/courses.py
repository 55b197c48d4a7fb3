"""The course of a training run, as rows and as curves: what the items of Figures 3 and 4 share.

A run's history has numbers of two kinds. While the network trains, every batch gives a loss and an error, those of
the network as it was at that moment, with dropout; step_log.py keeps their means over tenths of an epoch. After each
epoch the network is tested on centre crops of the validation set. The rows of a course are told apart by "what":

    BATCHES   epoch (0.1, 0.2, ...), train_loss, train_error     over the batches since the point before
    EPOCH     epoch (1, 2, ...), train_loss, train_error         over all batches of the epoch
              val_error, lr, classes, val_images                 after it

Errors are top-1, in percent.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from minidelve.experiments.rows import Rows, distinct, numbers, select
from minidelve.experiments.statistics import estimate
from minidelve.experiments.trained import Trained, opened

BATCHES, EPOCH, BESIDE = "batches", "epoch", "beside guessing"


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


def mean_curve(rows: Rows, what: str, column: str, **wanted: Any) -> tuple[list[float], list[float]]:
    """(epochs, means over the seeds): NaN where a number is missing."""
    epochs = distinct(select(rows, what=what, **wanted), "epoch")
    return epochs, [estimate(numbers(rows, column, what=what, epoch=epoch, **wanted)).mean for epoch in epochs]


def last_epoch(rows: Rows) -> float:
    """How many epochs were trained."""
    return max(row["epoch"] for row in select(rows, what=EPOCH))


def ends(rows: Rows) -> Rows:
    """The rows of the last epoch, one for each run."""
    return select(rows, what=EPOCH, epoch=last_epoch(rows))


def drops(rows: Rows) -> list[float]:
    """The epochs after which the learning rate was lower."""
    rates = sorted({(row["epoch"], row["lr"]) for row in select(rows, what=EPOCH) if row["lr"] is not None})
    return [a[0] for a, b in zip(rates, rates[1:]) if b[1] < a[1]]


class Guess(NamedTuple):
    """What guessing among C classes gives: ln C, an error in percent, and the error's standard error.

    Of n validation images a guess is right on a share of 1/C, give or take sqrt(1/C (1 - 1/C) / n).
    """

    classes: int
    loss: float
    error: float
    wavers: float


def guessing(rows: Rows) -> Guess:
    """By somebody who knows nothing of the images that were trained on."""
    first = select(rows, what=EPOCH)[0]
    right, images = 1 / first["classes"], first["val_images"]
    return Guess(first["classes"], -math.log(right), 100 * (1 - right), 100 * math.sqrt(right * (1 - right) / images))


def beside_guessing(rows: Rows) -> Rows:
    """A row for each run: the last epoch's training loss less ln C, and its error less guessing's in `wavers`."""
    guess = guessing(rows)
    return [
        {"variant": row["variant"], "seed": row["seed"], "what": BESIDE,
         "loss": minus(row["train_loss"], guess.loss), "error": minus(row["val_error"], guess.error, guess.wavers)}
        for row in ends(rows)
    ]  # fmt: skip


def minus(number: float | None, other: float, unit: float = 1.0) -> float | None:
    """(number - other) / unit; None for a missing number."""
    return None if number is None else (number - other) / unit


def draw_seeds(panel: Any, rows: Rows, variant: str, what: str, column: str, **look: Any) -> None:
    """A thin line for each seed's course; the first carries the label."""
    for i, seed in enumerate(distinct(select(rows, variant=variant), "seed")):
        curve = mean_curve(rows, what, column, variant=variant, seed=seed)
        panel.plot(*curve, label=None if i else variant, **look)


def show_at_least(panel: Any, low: float, high: float) -> None:
    """Let the y axis reach from low to high or further, so that a curve that does not move looks like it."""
    bottom, top = panel.get_ylim()
    panel.set_ylim(min(bottom, low), max(top, high))

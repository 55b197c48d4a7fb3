"""What a training run says: its first line, and a line per epoch."""

from __future__ import annotations

from typing import Any

from minidelve import data, nn
from minidelve.analysis.summary import summarize
from minidelve.progress import duration
from minidelve.training.config import Config, title


def describe(config: Config, network: nn.Sequential, train_set: data.Dataset, val_set: data.Dataset, done: int) -> str:
    """The first line of a run of which `done` epochs are finished."""
    parameters = sum(p.size for p in network.parameters())
    work = sum(layer.multiply_adds for layer in summarize(network, config.size))
    return (
        f"{title(config)}: {parameters:,} parameters, {work / 1e9:.3g} billion multiply-adds an image, "
        f"{len(train_set.classes)} classes, {len(train_set)} training and {len(val_set)} validation images"
        + (f"; resuming after epoch {done}" if done else "")
    )


def epoch_line(row: dict[str, Any], epochs: int, seconds_each: float) -> str:
    """An epoch's figures and, at `seconds_each` for every epoch, the time still needed."""
    to_come = epochs - row["epoch"]
    top5 = f"top-5 {row['val_top5_error']:5.1f}%  " if row["val_top5_error"] is not None else ""
    left = f"  {duration(seconds_each * to_come)} left" if to_come else ""
    return (
        f"epoch {row['epoch']:>3}/{epochs}  lr {row['lr']:<7.3g} loss {row['train_loss']:.4f}  "
        f"train top-1 {row['train_top1_error']:5.1f}%  val top-1 {row['val_top1_error']:5.1f}%  "
        f"{top5}{row['images_per_second']:.0f} img/s{left}"
    )

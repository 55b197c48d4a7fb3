"""What a training run says: its first line, and a line per epoch."""

from __future__ import annotations

from typing import Any

from minidelve import data, nn
from minidelve.analysis.summary import summarize
from minidelve.optim.schedules import stepped
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


def rates_to_come(config: Config, done: int) -> str:
    """The learning rate of each epoch after the first `done`, such as: epochs 5 to 8 at a rate of 0.0001."""
    if config.plateau:
        return "the rate goes on from where it was, and drops on a plateau"
    milestones = config.milestones or []
    ends = [m for m in milestones if m > done] + [config.epochs]
    spans = []
    for first, last in zip([done + 1, *(end + 1 for end in ends)], ends, strict=False):
        rate = stepped(config.lr, milestones, first - 1)
        spans.append(f"{f'epoch {first}' if first == last else f'epochs {first} to {last}'} at a rate of {rate:g}")
    passed = [m for m in milestones if m <= done]
    kept = f" (it dropped after {', '.join(map(str, passed))}; --milestones sets others)" if passed else ""
    return ", ".join(spans) + kept


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

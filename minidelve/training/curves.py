"""curves.png: loss and errors over the epochs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from minidelve.analysis.pictures import legible, picture
from minidelve.disk.files import write_whole
from minidelve.progress import note_once


def draw_curves(history: list[dict[str, Any]], path: Path, title: str) -> None:
    """Write the picture of a run's history; where that cannot be done, say so."""
    content = picture(path.name, lambda: curves(history, title))
    if content is not None:
        try:
            write_whole(path, content)
        except OSError as error:
            note_once(f"minidelve: {path} cannot be written ({error.strerror or error}); all else is done")


def curves(history: list[dict[str, Any]], title: str) -> Any:
    """The Figure of a run's history: training loss on the left, errors in percent on the right.

    As in the paper's figures, the error on the training batches is light and the validation error dark. Dotted lines
    mark the epochs after which the learning rate dropped.
    """
    from matplotlib.ticker import MaxNLocator

    from minidelve.analysis.figure import Figure

    epochs = [row["epoch"] for row in history]
    drops = [a["epoch"] + 0.5 for a, b in zip(history, history[1:]) if b["lr"] < a["lr"]]
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(legible(title))
    loss, error = figure.subplots(1, 2)

    loss.plot(epochs, [row["train_loss"] for row in history], color="black", marker=".", label="training")
    loss.set(xlabel="epoch", ylabel="cross entropy (nats)", title="Loss")
    loss.set_ylim(0, 1.05 * max(row["train_loss"] for row in history) or 1)  # of a single class it is 0
    for name, label, style in (
        ("train_top1_error", "training, top-1", {"color": "0.6"}),
        ("val_top1_error", "validation, top-1", {"color": "black"}),
        ("val_top5_error", "validation, top-5", {"color": "black", "ls": "--"}),
    ):
        if history[0][name] is not None:  # top-5 error of at most five classes
            error.plot(epochs, [row[name] for row in history], marker=".", label=label, **style)
    error.set(xlabel="epoch", ylabel="error (%)", title="Errors", ylim=(0, 100))
    for axes in (loss, error):
        for drop in drops:
            axes.axvline(drop, color="0.7", ls=":", label="learning rate / 10" if drop == drops[0] else None)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_xlim(0.5, epochs[-1] + 0.5)
        axes.grid(color="0.9")
        axes.legend()
    return figure

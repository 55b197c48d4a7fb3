"""Write a run folder with random weights, to try or to measure `minidelve evaluate` and `predict` without training.

    python examples/untrained_run.py model_a ilsvrc-100.zip runs/random_a
    minidelve evaluate runs/random_a --protocol dense --scales 256,384,480

MODEL is a name that `minidelve train --model` knows, PATH a data set of which one split is enough. The mean
image is that of up to 100 of its pictures. The weights are drawn by the paper's initialization; the
network has learned nothing, so expect errors near 100%. A fourth argument is the crop's side; the default
is 224, and 56 for lab14. A fifth is a number to which the standard deviation of the logits is brought, by a factor on
the last layer: without training they are so small that all probabilities are alike.
"""

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np

from minidelve import Tensor, data, models
from minidelve.nn import Module
from minidelve.training.checkpoint import Checkpoint, save
from minidelve.training.config import Config
from minidelve.training.validation import evaluating
from minidelve.training.views import views

SPREAD_OVER = 100  # pictures, of which the mean image is made too


def main(model: str, path: str, out: str, size: int, deviation: float | None = None) -> None:
    dataset = open_any_split(path)
    config = Config(data=str(Path(path).absolute()), model=model, size=size, short_side=round(size * 256 / 224))
    view = views(size, config.short_side)[1]
    statistics = data.compute_statistics(dataset, view, max_images=SPREAD_OVER)
    network = models.create(model, len(dataset.classes), config.activation, config.init, config.seed)
    if deviation is not None:
        spread(network, data.Loader(dataset, 1, view, statistics, shuffle=False, seed=0), deviation)
    meta = {
        "config": asdict(config),
        "std": statistics.std,
        "classes": dataset.classes,
        "class_names": dataset.class_names,
        "history": [],  # no epoch was trained
        "schedule": {},
        "lr": config.lr,
        "skipped": {},
    }
    parameters = {name: parameter.data for name, parameter in network.named_parameters()}
    Path(out).mkdir(parents=True, exist_ok=True)
    save(Path(out) / "best.npz", Checkpoint(parameters, [], statistics.mean, meta))
    count = sum(parameter.size for parameter in network.parameters())
    print(f"{out}/best.npz: {model} with {count:,} random parameters, {len(dataset.classes)} classes, crops of {size}")


def spread(network: Module, loader: data.Loader, deviation: float) -> None:
    """Scale the last layer so that the logits have this standard deviation, over the first pictures."""
    with evaluating(network):
        logits = [network(Tensor(x)).data for (x, _), _ in zip(loader.epoch(0), range(SPREAD_OVER))]
    for parameter in list(network.parameters())[-2:]:  # weight and bias
        parameter.data *= deviation / np.std(logits)


def open_any_split(path: str) -> data.Dataset:
    """The validation images, or the training images where there are no others."""
    try:
        return data.open_dataset(path, "val")
    except data.DataError:
        return data.open_dataset(path, "train")


if __name__ == "__main__":
    if not 4 <= len(sys.argv) <= 6:
        sys.exit(__doc__)
    model, path, out = sys.argv[1:4]
    size = int(sys.argv[4]) if len(sys.argv) > 4 else models.usual_size(model)
    main(model, path, out, size, float(sys.argv[5]) if len(sys.argv) > 5 else None)

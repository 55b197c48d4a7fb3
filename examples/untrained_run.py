"""Write a run folder with random weights, to try or to measure `minidelve evaluate` and `predict` without training.

    python examples/untrained_run.py model_a ilsvrc-100.zip runs/random_a
    minidelve evaluate runs/random_a --protocol dense --scales 256,384,480

MODEL is a name that `minidelve train --model` knows, PATH a data set of which one split is enough. The mean
image is that of up to 100 of its pictures. The weights are drawn by the paper's initialization; the
network has learned nothing, so expect errors near 100%. A fourth argument is the crop's side; the default
is 224, and 56 for lab14.
"""

import sys
from dataclasses import asdict
from pathlib import Path

from minidelve import data, models
from minidelve.training.checkpoint import Checkpoint, save
from minidelve.training.config import Config
from minidelve.training.views import views


def main(model: str, path: str, out: str, size: int) -> None:
    dataset = open_any_split(path)
    config = Config(data=str(Path(path).absolute()), model=model, size=size, short_side=round(size * 256 / 224))
    statistics = data.compute_statistics(dataset, views(size, config.short_side)[1], max_images=100)
    network = models.create(model, len(dataset.classes), config.activation, config.init, config.seed)
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


def open_any_split(path: str) -> data.Dataset:
    """The validation images, or the training images where there are no others."""
    try:
        return data.open_dataset(path, "val")
    except data.DataError:
        return data.open_dataset(path, "train")


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    model, path, out = sys.argv[1:4]
    main(model, path, out, int(sys.argv[4]) if len(sys.argv) == 5 else models.usual_size(model))

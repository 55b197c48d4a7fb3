"""What a run's network gets to see: random views of the training images, the centre of the others.

Training (section 3 of the paper): each image brought to a shorter side, which may be drawn at random, then a random
crop, a random flip, and random colours. Testing after each epoch: one shorter side, the centre crop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from minidelve import data
from minidelve.training.config import Config


def views(
    size: int, short_side: int | None = None, jitter: Sequence[int] | None = None
) -> tuple[data.Transform, data.Transform]:
    """(training view, testing view) of an image: a random crop and flip, or the centre crop.

    Images are first brought to the shorter side, which for training is drawn at random with `jitter`.
    Without either, larger images are shrunk to 8/7 of the crop, the paper's 256 to 224, and smaller
    ones stay.
    """
    scale = testing_scale(size, short_side)
    crop: data.Transform = data.Compose([scale, data.RandomCrop(size)])
    if jitter:
        crop = data.ScaleJitter(jitter[0], jitter[1], size)
    return data.Compose([crop, data.RandomFlip()]), data.Compose([scale, data.CenterCrop(size)])


def testing_scale(size: int, short_side: int | None = None) -> data.ResizeShorterSide:
    """What brings an image to the shorter side at which a run tests."""
    return data.ResizeShorterSide(short_side) if short_side else data.ShrinkShorterSide(round(size * 256 / 224))


def loaders(
    config: Config, train_set: data.Dataset, val_set: data.Dataset, statistics: data.Statistics
) -> tuple[data.Loader, data.Loader]:
    """The training loader (shuffled, random views and colours) and the validation loader."""
    training, testing = views(config.size, config.short_side, config.jitter)
    colour = data.ColourAlteration(statistics.covariance, config.colour) if config.colour else None
    common: dict[str, Any] = {"seed": config.seed, "workers": config.workers, "on_bad_image": config.on_bad_image}
    return (
        data.Loader(train_set, config.batch_size, training, statistics, shuffle=True, colour=colour, **common),
        data.Loader(val_set, min(config.batch_size, len(val_set)), testing, statistics, shuffle=False, **common),
    )

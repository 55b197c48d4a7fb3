"""Some of the images of a data set as a data set of its own, and a share of the training images held out.

A set without validation images can still be tested on images that the network has not been trained on: some of each
class are set aside first. Which ones depends on the seed and on how many images each class has, not on the machine,
so a run, its resumption and its evaluation mean the same images.
"""

import os
import random
from collections.abc import Sequence

import numpy as np

from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.folder import FolderDataset
from minidelve.data.opening import open_dataset
from minidelve.errors import DataError, MissingSplit


class Part(Dataset):
    """The images `numbers` of the data set `whole`, in that order, as `split`."""

    def __init__(self, whole: Dataset, numbers: Sequence[int], split: str):
        self.whole, self.numbers = whole, list(numbers)
        super().__init__(
            name=whole.name,
            kind=whole.kind,
            split=split,
            classes=whole.classes,
            class_names=whole.class_names,
            labels=whole.labels[self.numbers],
            strays=whole.strays,
            cache_bytes=0,  # the whole has a cache
        )

    def path(self, i: int) -> str:
        """As in the whole."""
        return self.whole.path(self.numbers[i])

    def read(self, i: int) -> bytes:
        """The file of image i, if the whole is of files."""
        assert isinstance(self.whole, FolderDataset), self.whole
        return self.whole.read(self.numbers[i])

    def image(self, i: int) -> np.ndarray:
        """As in the whole."""
        return self.whole.image(self.numbers[i])

    def measure(self, i: int) -> tuple[int, int]:
        """As in the whole."""
        return self.whole.measure(self.numbers[i])

    def check_image(self, i: int) -> None:
        """As in the whole."""
        self.whole.check_image(self.numbers[i])


def hold_out(dataset: Dataset, fraction: float, seed: int = 0) -> tuple[Part, Part]:
    """(train, val): of each class with n images round(fraction n), but at least one and not all, become val.

    A class with a single image keeps it for training. Raises DataError if nothing can be held out.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"fraction is {fraction}; expected a number above 0 and below 1")
    held: list[int] = []
    for label in range(len(dataset.classes)):
        of_class = np.flatnonzero(dataset.labels == label).tolist()
        if len(of_class) > 1:
            count = min(max(round(fraction * len(of_class)), 1), len(of_class) - 1)
            held += random.Random(f"{seed} {label}").sample(of_class, count)
    if not held:
        raise DataError(
            f"{dataset.name}: has a single image of each class",
            expected="two or more, of which one can be held out",
            cure="add images",
        )
    rest = np.setdiff1d(np.arange(len(dataset)), held).tolist()
    return Part(dataset, rest, "train"), Part(dataset, sorted(held), "val")


def open_for_training(
    path: str | os.PathLike[str],
    val_fraction: float | None = None,
    seed: int = 0,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
) -> tuple[Dataset, Dataset]:
    """The training and the validation images at `path`; with `val_fraction` that share of train/ is the validation.

    Raises DataError as `open_dataset` does.
    """
    train = open_dataset(path, "train", cache_bytes)
    if val_fraction is not None:
        return hold_out(train, val_fraction, seed)
    return train, open_dataset(path, "val", cache_bytes)


def open_tested(
    path: str | os.PathLike[str], split: str, val_fraction: float | None, seed: int, elsewhere: bool = False
) -> Dataset:
    """The split of the data set that a run with these options is tested on, to be read once: nothing is kept.

    A run that held images out is tested on those, on the data set that it was trained on and, if `elsewhere`, on one
    that has no val/ of its own.
    """
    if val_fraction is not None and not elsewhere:
        return open_for_training(path, val_fraction, seed, cache_bytes=0)[split == "val"]
    try:
        return open_dataset(path, split, cache_bytes=0)
    except MissingSplit:
        if val_fraction is None or split != "val":
            raise
        return open_for_training(path, val_fraction, seed, cache_bytes=0)[1]

"""The built-in `toy` set: ten classes drawn by formula, so that nothing has to be downloaded.

A class is a texture AND a shape: {checkered, striped} x {circle, cross, square, star, triangle}.
Neither alone decides, and nothing simpler does: place, size, angle, stretch, colours, background
and clutter are random in every picture. The mean picture of a class is gray mud and a linear
classifier on the pixels is close to guessing; a convolutional network learns the set in minutes.

How a picture is drawn is in drawing.py.
"""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from minidelve.data.dataset import DEFAULT_CACHE_BYTES, SPLITS, Dataset
from minidelve.data.toy.drawing import SHAPES, SIZE, TEXTURES, draw
from minidelve.disk.owning import new_folder
from minidelve.errors import DataError
from minidelve.progress import Track, untracked

CLASSES = [f"{texture}_{shape}" for texture in TEXTURES for shape in SHAPES]
CLASS_NAMES = [name.replace("_", " ") for name in CLASSES]


class ToyDataset(Dataset):
    """The toy set as a Dataset: `train_size` or `val_size` pictures of 64 x 64.

    Picture i is of class i % 10 and depends on (split, i) alone, not on the sizes: a smaller set
    is the beginning of a larger one, and has the classes in equal parts too.
    """

    def __init__(
        self, split: str = "train", train_size: int = 5000, val_size: int = 1000, cache_bytes: int = DEFAULT_CACHE_BYTES
    ):
        if split not in SPLITS:
            raise DataError(f"toy: no split {split!r}", expected="'train' or 'val'")
        size = train_size if split == "train" else val_size
        if size < 1:
            raise DataError(f"toy: {size} {split} images asked for", expected="at least 1")
        super().__init__(
            name="toy",
            kind="toy",
            split=split,
            classes=list(CLASSES),
            class_names=list(CLASS_NAMES),
            labels=np.arange(size) % len(CLASSES),
            cache_bytes=cache_bytes,
        )

    def path(self, i: int) -> str:
        """Nowhere on a disk, but named like the member of a zip."""
        return f"toy!{self.split}/{CLASSES[self.labels[i]]}/{i:05d}.png"

    def _load(self, i: int) -> np.ndarray:
        texture, shape = CLASSES[self.labels[i]].split("_")
        # The 2015 keeps these streams apart from any that a run seeds with small numbers.
        return draw(texture, shape, np.random.default_rng([2015, SPLITS.index(self.split), i]))


def write_toy(
    folder: str | os.PathLike[str],
    train_size: int = 5000,
    val_size: int = 1000,
    track: Track = untracked,
) -> None:
    """Write the toy set as PNG files in ImageNet's layout: folder/<split>/<class>/<i>.png.

    `open_dataset(folder)` then gives the same pixels and labels, ordered by class. `track` may show how
    far an iterable is. The folder appears when it is complete: an interruption leaves nothing behind.
    Raises DataError if the folder cannot be written or already holds something: nothing is overwritten.
    """
    size = (train_size + val_size) * SIZE * SIZE * 3  # noise hardly compresses
    with new_folder(Path(folder), f"{folder}:", DataError, size) as root:
        for split in SPLITS:
            _write_split(root, ToyDataset(split, train_size, val_size, cache_bytes=0), track)
        words = [f"{name}\t{words}\n" for name, words in zip(CLASSES, CLASS_NAMES, strict=True)]
        (root / "words.txt").write_text("".join(words), encoding="utf-8")


def _write_split(root: Path, toy: ToyDataset, track: Track) -> None:
    for name in CLASSES[: len(toy)]:
        (root / toy.split / name).mkdir(parents=True, exist_ok=True)
    for i in track(range(len(toy)), len(toy), f"drawing {toy.split}"):
        path = root / toy.path(i).removeprefix("toy!")
        Image.fromarray(toy.image(i)).save(path, compress_level=1)  # noise hardly compresses

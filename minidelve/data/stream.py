"""Decoded images one by one, in order, for ways of testing that look at an image whole.

A Loader hands out batches of one size; the paper's testing (section 3: all windows of a map, corners of
the whole image, several scales) needs each image as large as it is. Threads read and resize ahead, a
fixed number of images at most, so memory does not grow with the data set.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import Literal, NamedTuple

import numpy as np

from minidelve.data.ahead import ahead
from minidelve.data.dataset import Dataset
from minidelve.data.transforms import Transform
from minidelve.errors import DataError

AHEAD = 8  # images for each worker, being made or waiting


class Picture(NamedTuple):
    """One image of a data set: its number there, its path, and uint8 (H, W, 3) as each transform shows it."""

    number: int
    path: str
    images: list[np.ndarray]


class ImageStream:
    """Every image of a data set through each of `transforms`: `for picture in stream: ...`

    transforms     such as one ResizeShorterSide for each scale; each gets the image as decoded
    workers        threads that read ahead; 0 reads each image when it is asked for
    on_bad_image   "error": an image that cannot be read raises DataError with its path.
                   "skip": it is left out and noted in `skipped` (path -> reason)

    The order is the data set's, whatever the number of workers. Raises DataError if not one image can be
    read, and for one that a transform refuses.
    """

    def __init__(
        self,
        dataset: Dataset,
        transforms: Sequence[Transform],
        workers: int = 2,
        on_bad_image: Literal["error", "skip"] = "error",
    ):
        self.dataset, self.transforms = dataset, list(transforms)
        self.workers, self.on_bad_image = workers, on_bad_image
        self.skipped: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[Picture]:
        pictures = ahead(self._read, range(len(self)), self.workers, most=AHEAD * self.workers, name="stream")
        empty = True
        with contextlib.closing(pictures):  # the threads end with this loop, not when garbage is collected
            for picture in pictures:
                if isinstance(picture, Picture):
                    empty = False
                    yield picture
                else:
                    path, reason = picture
                    self.skipped[path] = reason
        if empty and self.skipped:
            raise DataError(
                f"{self.dataset.name}: not one image of the split {self.dataset.split!r} can be "
                f"read; the first: {next(iter(self.skipped.values()))}"
            )

    def _read(self, i: int, stop: threading.Event) -> Picture | tuple[str, str]:
        """The picture, or (path, reason) of one that is left out; runs in a worker."""
        path = self.dataset.path(i)
        if stop.is_set():
            return path, "not read"
        try:
            image = self.dataset.image(i)
        except DataError as error:
            if self.on_bad_image == "error":
                raise DataError(f"{error} (or leave such images out: --on-bad-image skip)") from error
            return path, str(error)
        try:
            return Picture(i, path, [transform(image, np.random.default_rng(0)) for transform in self.transforms])
        except DataError as error:
            raise DataError(f"{path}: {error}") from error

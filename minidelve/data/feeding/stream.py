"""Decoded images one by one, in order, for ways of testing that look at a whole image.

A Loader hands out batches of one size; the paper's testing (section 3: all windows of a map, corners of
the whole image, several scales) needs each image as large as it is. Threads read and resize ahead, a
fixed number of images at most, so memory does not grow with the data set.
"""

import contextlib
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from minidelve.data.dataset import Dataset
from minidelve.data.feeding.ahead import ahead
from minidelve.data.feeding.bad_images import BadImages, Unreadable
from minidelve.data.images.transforms import Transform

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
    on_bad_image   "error" or "skip" (bad_images.py)

    The order is the data set's, whatever the number of workers. Raises DataError if not one image can be
    used.
    """

    def __init__(
        self,
        dataset: Dataset,
        transforms: Sequence[Transform],
        workers: int = 2,
        on_bad_image: str = "error",
    ):
        self.dataset, self.transforms = dataset, list(transforms)
        self.workers = workers
        self._bad = BadImages(dataset, on_bad_image)

    @property
    def skipped(self) -> dict[str, str]:
        """The images left out so far: path -> reason."""
        return self._bad.skipped

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[Picture]:
        pictures = ahead(self._read, range(len(self)), self.workers, most=AHEAD * self.workers, name="stream")
        empty = True
        with contextlib.closing(pictures):  # the threads end with this loop, not when garbage is collected
            for picture in pictures:
                if isinstance(picture, Unreadable):
                    self._bad.leave_out(picture)
                else:
                    empty = False
                    yield picture
        if empty and self.skipped:
            raise self._bad.nothing_left()

    def _read(self, i: int, stop: threading.Event) -> Picture | Unreadable:
        """Image i as each transform shows it; runs in a worker."""
        path = self.dataset.path(i)
        if stop.is_set():
            return Unreadable(path, "not read")
        image = self._bad.read(i)
        if isinstance(image, Unreadable):
            return image
        rng = np.random.default_rng  # each transform from the same seed: those for testing draw nothing
        images = []
        for transform in self.transforms:
            seen = self._bad.see(transform, i, image, rng(0))
            if isinstance(seen, Unreadable):
                return seen
            images.append(seen)
        return Picture(i, path, images)

"""From a data set to batches, prepared by threads while the network computes.

Threads, not processes: Pillow and NumPy let go of Python's lock while they decode and copy, and a
batch made by a thread is in our memory already.

What an epoch yields depends on (seed, epoch) alone, and batches are handed out in the order they were
planned, whichever thread is ready first.
The order of an epoch comes from one random generator; each image has another of its own for its views and colour.
So any number of workers gives the same batches, bit for bit, and a run can be repeated on another machine.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minidelve.data.dataset import Dataset
from minidelve.data.feeding.ahead import ahead
from minidelve.data.feeding.bad_images import BadImages, Unreadable
from minidelve.data.feeding.statistics import Statistics
from minidelve.data.images.colour import ColourAlteration
from minidelve.data.images.transforms import Transform
from minidelve.errors import DataError


class _Batch(NamedTuple):
    images: np.ndarray
    labels: np.ndarray
    bad: list[Unreadable]


class Loader:
    """Batches of normalised images: `for images, labels in loader.epoch(3): ...`

    images: dtype (N, 3, H, W), a transposed view of memory in the order (N, H, W, 3): pixels stay
    as Pillow gives them, and the network's kernels work in that order inside. labels: int64 (N,).
    The last batch of an epoch holds what is left, or is left out with `drop_last`.

    dataset, transform   each image of the one goes through the other
    statistics           mean image and standard deviation; they also say which size is expected
    colour               shifts the colour of each image at random (colour.py)
    shuffle, seed        a new order each epoch, the same for the same (seed, epoch)
    workers              threads; 0 prepares each batch when it is asked for
    on_bad_image         "error" or "skip" (bad_images.py). A batch is shorter by what is skipped; one
                         with nothing left is not yielded, and an epoch with nothing left raises DataError.

    Raises DataError if the data set has fewer than `batch_size` images.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        transform: Transform,
        statistics: Statistics,
        *,
        shuffle: bool,
        seed: int,
        workers: int = 2,
        drop_last: bool = False,
        on_bad_image: str = "error",
        dtype: DTypeLike = np.float32,
        colour: ColourAlteration | None = None,
    ):
        for name, value, least in (("batch_size", batch_size, 1), ("workers", workers, 0), ("seed", seed, 0)):
            if value < least:
                raise ValueError(f"{name} is {value}; expected at least {least}")
        if batch_size > len(dataset):
            raise DataError(
                f"{dataset.name}: a batch of {batch_size} is more than the {len(dataset)} images "
                f"of the split {dataset.split!r}; choose a batch size of at most {len(dataset)}"
            )
        self.dataset, self.transform, self.statistics = dataset, transform, statistics
        self.batch_size, self.drop_last = batch_size, drop_last
        self.shuffle, self.seed, self.colour = shuffle, seed, colour
        self.workers, self.dtype = workers, np.dtype(dtype)
        self._bad = BadImages(dataset, on_bad_image)

    @property
    def skipped(self) -> dict[str, str]:
        """The images left out so far: path -> reason."""
        return self._bad.skipped

    @property
    def batches(self) -> int:
        """How many batches an epoch has; fewer, if whole batches of bad images are skipped."""
        full, rest = divmod(len(self.dataset), self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __len__(self) -> int:
        return self.batches

    def epoch(self, epoch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The batches of one epoch. The number seeds order and views: training counts from 1, validation
        always asks for 0.

        An error in a thread is raised here, when its batch is due. Leaving early, by break or by
        an exception, stops the threads at the image they are at.
        """
        plan = self._plan(epoch)
        batches = ahead(
            lambda indices, stop: self._load(epoch, indices, stop),
            plan,
            self.workers,
            most=2 * self.workers,
            name="loader",
        )
        empty = True
        # closing(), so that the threads end with this loop and not when garbage is collected.
        with contextlib.closing(batches):
            for images, labels, bad in batches:
                self._bad.leave_out(*bad)
                if len(labels):
                    empty = False
                    yield images, labels
        if empty and plan:
            raise self._bad.nothing_left()

    def _plan(self, epoch: int) -> list[list[int]]:
        """The indices of each batch."""
        order = self._order(epoch).tolist()
        return [order[k * self.batch_size : (k + 1) * self.batch_size] for k in range(self.batches)]

    def _order(self, epoch: int) -> np.ndarray:
        """(images,) the indices of all images in the order in which this epoch sees them."""
        order = np.arange(len(self.dataset))
        if self.shuffle:
            np.random.default_rng([self.seed, epoch, 0]).shuffle(order)
        return order

    def _rng(self, epoch: int, i: int) -> np.random.Generator:
        """The generator that image i's view and colour are drawn from: its own, whichever image is read first."""
        # Not i: image 0 would draw the very numbers that shuffled the epoch.
        return np.random.default_rng([self.seed, epoch, i + 1])

    def _load(self, epoch: int, indices: list[int], stop: threading.Event) -> _Batch:
        """Read, transform and normalise the images of one batch; runs in a worker."""
        shape = self.statistics.mean.shape
        images = np.empty((len(indices), *shape), self.dtype)
        kept: list[int] = []
        bad: list[Unreadable] = []
        for i in indices:
            if stop.is_set():
                break
            image = self._bad.read(i)
            if isinstance(image, Unreadable):
                bad.append(image)
                continue
            rng = self._rng(epoch, i)
            image = self._transformed(image, rng, i, shape)
            if isinstance(image, Unreadable):
                bad.append(image)
                continue
            view = image[None]
            shift = self.colour.draw(rng)[None] if self.colour else None
            # One image at a time: its numbers stay in the cache for all three passes over them.
            self.statistics.normalize(view, shifts=shift, out=images[len(kept) : len(kept) + 1])
            kept.append(i)
        return _Batch(images[: len(kept)].transpose(0, 3, 1, 2), self.dataset.labels[kept], bad)

    def _transformed(
        self, image: np.ndarray, rng: np.random.Generator, i: int, shape: tuple[int, ...]
    ) -> np.ndarray | Unreadable:
        seen = self._bad.see(self.transform, i, image, rng)
        if isinstance(seen, Unreadable):
            return seen
        if seen.shape != shape:  # NumPy would raise too, or stretch an image of one pixel
            raise DataError(
                f"{self.dataset.path(i)}: is {seen.shape[1]} x {seen.shape[0]} pixels after "
                f"the transforms; expected {shape[1]} x {shape[0]} like the mean; add a crop"
            )
        return seen

"""An image that cannot be used: the one place that says what happens then.

    "error"   the work stops: DataError with the image's path, the reason and the option that would leave it out
    "skip"    the image is left out, counted and named in `skipped` (path -> reason)

An image cannot be used if it cannot be read, or if a transform refuses it: a crop does not fit on it.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from minidelve.data.dataset import Dataset
from minidelve.data.images.transforms import Transform
from minidelve.errors import DataChanged, DataError

POLICIES = ("error", "skip")
ADVICE = "(or leave such images out: --on-bad-image skip)"


class Unreadable(NamedTuple):
    """An image that cannot be used: where it lives, and why it cannot."""

    path: str
    reason: str


class BadImages:
    """Reads the images of a data set for one user of it: `bad.read(i)`, or `for i, image in bad.images(numbers)`.
    `bad.see(transform, i, image, rng)` shows one through a transform.

    policy    "error" or "skip"
    advice    added to the error; says how to leave such images out
    skipped   what was left out so far, path -> reason

    Threads may read ahead, but what they meet counts only when its turn comes: `read` returns an Unreadable, and
    the one who puts results in order hands it to `leave_out`. So `skipped` is the same for any number of threads.

    Raises ValueError for another policy.
    """

    def __init__(self, dataset: Dataset, policy: str = "error", advice: str = ADVICE):
        if policy not in POLICIES:
            raise ValueError(f"on_bad_image is {policy!r}; expected 'error' or 'skip'")
        self.dataset, self.policy, self.advice = dataset, policy, advice
        self.skipped: dict[str, str] = {}

    def read(self, i: int) -> np.ndarray | Unreadable:
        """Image i, uint8 (H, W, 3), or why it cannot be read; raises DataError where that stops the work."""
        try:
            return self.dataset.image(i)
        except DataError as error:
            return self._met(i, error)

    def see(self, transform: Transform, i: int, image: np.ndarray, rng: np.random.Generator) -> np.ndarray | Unreadable:
        """`image`, which is image i, transformed, or why it cannot be; raises DataError where that stops the work."""
        try:
            return transform(image, rng)
        except DataError as error:
            return self._met(i, DataError(f"{self.dataset.path(i)}: {error}"))

    def check(self, i: int) -> Unreadable | None:
        """Like `read`, but also compares the checksum of an image from a packed store; None for a good image."""
        try:
            self.dataset.check_image(i)
        except DataError as error:
            return self._met(i, error)
        return None

    def _met(self, i: int, error: DataError) -> Unreadable:
        if isinstance(error, DataChanged):
            raise error
        if self.policy == "error":
            raise DataError(f"{error} {self.advice}".rstrip()) from error
        return Unreadable(self.dataset.path(i), str(error))

    def leave_out(self, *bad: Unreadable) -> None:
        """Count and name images whose turn has come."""
        self.skipped.update(bad)

    def images(self, numbers: Iterable[int]) -> Iterator[tuple[int, np.ndarray]]:
        """The images of these numbers that can be read, each with its number; the others are left out."""
        for i in numbers:
            image = self.read(i)
            if isinstance(image, Unreadable):
                self.leave_out(image)
            else:
                yield i, image

    def nothing_left(self) -> DataError:
        """The error for a split of which every image was left out."""
        return DataError(
            f"{self.dataset.name}: not one image of the split {self.dataset.split!r} can be used; the first: "
            f"{next(iter(self.skipped.values()))}"
        )

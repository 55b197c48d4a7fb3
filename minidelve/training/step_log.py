"""What an epoch's training steps gave: the loss and the error of each batch, as it was when the batch was seen.

The network changes from batch to batch, so these are not the errors of any one network. They cost nothing, as
training computes them anyway. The paper's curves show them too, lightly, beside the validation error.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

POINTS = 10  # of an epoch, in its curve


def mean_over_images(batches: Sequence[tuple[float, int]]) -> float:
    """The mean over all images, of which each batch tells its own mean and how many images it has.

    >>> mean_over_images([(2.0, 4), (1.0, 2)])
    1.6666666666666667
    """
    return sum(mean * images for mean, images in batches) / sum(images for _, images in batches)


class StepLog:
    """Losses, misses and images of an epoch's steps; `loss` and `top1_error` (in percent) are means over the images.

    >>> log = StepLog()
    >>> log.add(2.0, 3, 4)
    >>> log.add(1.0, 0, 2)
    >>> log.top1_error, log.within()
    (50.0, [[0.5, 2.0, 75.0], [1.0, 1.0, 0.0]])
    """

    def __init__(self) -> None:
        self.steps: list[tuple[float, int, int]] = []

    def add(self, loss: float, missed: int, images: int) -> None:
        """One more step: the batch's mean loss, how many of its images were misclassified, and how many it has."""
        self.steps.append((loss, missed, images))

    @property
    def images(self) -> int:
        """How many were seen."""
        return sum(images for _, _, images in self.steps)

    @property
    def loss(self) -> float:
        """The mean over the images seen."""
        return mean_over_images([(loss, images) for loss, _, images in self.steps])

    @property
    def top1_error(self) -> float:
        """In percent of the images seen."""
        return 100 * sum(missed for _, missed, _ in self.steps) / self.images

    def within(self) -> list[list[float]]:
        """The epoch's course in up to ten points: [share of the steps done, mean loss, error in percent].

        Each is the mean over the steps since the point before.
        """
        done, course = 0, []
        for part in np.array_split(np.array(self.steps, dtype=float), min(POINTS, len(self.steps))):
            loss, missed, images = part.T
            done += len(part)
            point = (done / len(self.steps), (loss * images).sum() / images.sum(), 100 * missed.sum() / images.sum())
            course.append([float(number) for number in point])
        return course

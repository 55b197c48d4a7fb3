"""Normalising the input: subtract the mean image, divide by one standard deviation.

The paper subtracts the per-pixel mean (section 3), which leaves inputs in about [-128, 128]. He's
initialization keeps their variance through all layers, so the logits would begin as large and the
softmax could overflow. Section 2.2 names the ways out: smaller weights in the last layers, a factor
on each layer, or normalising the input. We normalise the input, since that leaves the
initialization of every layer to the formula that derives it (`minidelve train --normalize mean-std`).

One number for all values is enough for that. One for each pixel or channel would also change the
proportions between them. The paper's own way, only the mean and no division, is std = 1
(`--normalize mean`); there the smaller weights of the fully connected layers do the work, and a smaller
learning rate.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike
from PIL import Image

from minidelve.data.dataset import Dataset
from minidelve.data.feeding.bad_images import BadImages, Unreadable
from minidelve.data.images.transforms import Transform
from minidelve.errors import DataError


@dataclass(frozen=True)
class Statistics:
    """mean: float32 (h, w, 3), the mean image.  std: of all values, taken about that mean image.
    covariance: float64 (3, 3) of the pixels' red, green and blue, taken about the mean colour."""

    mean: np.ndarray
    std: float
    covariance: np.ndarray | None = None

    def normalize(
        self,
        images: np.ndarray,
        dtype: DTypeLike = np.float32,
        shifts: np.ndarray | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """(x + shift - mean) / std for uint8 images (N, h, w, 3), in `out` or a new array of dtype.

        shifts, (N, 3), moves the colour of each image (colour.py); None leaves the colours alone.
        Raises DataError if the images are not of the mean image's size.
        """
        if images.shape[1:] != self.mean.shape:
            raise DataError(
                f"images of {_size(images.shape[1:])} pixels do not fit the mean image of "
                f"{_size(self.mean.shape)}; crop them to that size or compute the mean anew"
            )
        out = np.empty(images.shape, dtype) if out is None else out
        out[...] = images
        out -= self.mean
        if shifts is not None:
            out += shifts[:, None, None, :].astype(out.dtype)
        out /= self.std
        return out

    def warped(self, size: tuple[int, int]) -> "Statistics":
        """For images of another (height, width): the mean image resized to it, bilinearly.

        For testing on images larger than the crops: as in arXiv 1406.4729; the paper does not say.
        """
        if size == self.mean.shape[:2]:
            return self
        height, width = size
        planes = [Image.fromarray(np.ascontiguousarray(self.mean[:, :, c])) for c in range(3)]  # one float each
        resized = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
        return replace(self, mean=np.stack(resized, axis=2))


def compute_statistics(
    dataset: Dataset, transform: Transform, max_images: int | None = None, on_bad_image: str = "error"
) -> Statistics:
    """The statistics of a training set as `transform` shows it, such as CenterCrop(56).

    `transform` must bring all images to one size. If it draws at random, it does so from a fixed
    seed. With `max_images`, at most that many are looked at, spread evenly over the set.

    Sums are exact: of integers, or in float64 of integers below 2^53. (In float32 the variance, a
    difference of two large sums, could be all rounding error.)

    Raises DataError for a bad image unless `on_bad_image` is "skip" (bad_images.py), for images of
    unequal size, and if there is nothing to divide by: no image, or all of them the same.
    """
    most = min(max_images or len(dataset), len(dataset))
    bad, rng = BadImages(dataset, on_bad_image, advice=""), np.random.default_rng(0)
    count, total, products = 0, np.zeros((1, 1, 3), np.int64), np.zeros((3, 3))
    for i, image in bad.images(k * len(dataset) // most for k in range(most)):
        seen = bad.see(transform, i, image, rng)
        if isinstance(seen, Unreadable):
            bad.leave_out(seen)
            continue
        image = seen
        if count == 0:
            total = np.zeros(image.shape, np.int64)
        elif image.shape != total.shape:
            raise DataError(
                f"{dataset.path(i)}: is {_size(image.shape)} pixels where others are {_size(total.shape)}; "
                "a mean image needs equal sizes; crop to one size"
            )
        count += 1
        total += image
        pixels = image.reshape(-1, 3).astype(np.float64)
        products += pixels.T @ pixels
    if count == 0 and bad.skipped:
        raise bad.nothing_left()
    mean, variance = mean_and_variance(total, float(np.trace(products)), max(count, 1))
    if variance <= 0:
        raise DataError(
            f"{dataset.name}: the standard deviation of {count} readable images is 0; expected "
            "at least two different images; add some"
        )
    colour = mean.mean(axis=(0, 1))
    covariance = products / (count * mean.size / 3) - np.outer(colour, colour)
    return Statistics(mean.astype(np.float32), float(np.sqrt(variance)), covariance)


def mean_and_variance(total: np.ndarray, squares: float, count: int) -> tuple[np.ndarray, float]:
    """The mean image, and the variance of all values about it, from what was summed over `count` images.

    total     (h, w, 3), the sum of the images
    squares   the sum of the squares of all their values
    """
    # Var[x] = E[x^2] - E[x]^2 at each place of the mean image, averaged over the places.
    mean = total / count
    return mean, squares / (count * mean.size) - float(np.square(mean).mean())


def _size(shape: tuple[int, ...]) -> str:
    return f"{shape[1]} x {shape[0]}"

"""What happens to an image before the network sees it: each augmentation a small class.

All follow one protocol, so that a new one needs no registration, only these two arguments:

    transform(image, rng) -> image      uint8 (H, W, 3) in, uint8 (h, w, 3) out

`rng` is a NumPy Generator that belongs to this image in this epoch; a transform draws from it and
from nothing else, which keeps an epoch the same for any number of workers. An image may be a view
and is read-only: crops and flips return views of it and copy nothing.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from PIL import Image

from minidelve.data.images.decoding import MAX_PIXELS
from minidelve.errors import DataError


class Transform(Protocol):
    """uint8 (H, W, 3) -> uint8 (h, w, 3), with randomness from rng only."""

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray: ...


class Compose:
    """Several transforms, one after the other."""

    def __init__(self, transforms: Sequence[Transform]):
        self.transforms = list(transforms)

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        for transform in self.transforms:
            image = transform(image, rng)
        return image


class RandomCrop:
    """A size x size window anywhere in the image, every position equally likely.

    The object is then seen at many places, and the network cannot learn where it stands (section 3 of
    the paper). Raises DataError if the image is smaller.
    """

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, columns = _room(image, self.size)
        # rng.random costs less than rng.integers for a single number.
        top, left = int(rng.random() * (rows + 1)), int(rng.random() * (columns + 1))
        return image[top : top + self.size, left : left + self.size]


class CenterCrop:
    """The size x size window in the middle: the view of the test after each epoch.

    Raises DataError if the image is smaller.
    """

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, columns = _room(image, self.size)
        top, left = rows // 2, columns // 2
        return image[top : top + self.size, left : left + self.size]


def _room(image: np.ndarray, size: int) -> tuple[int, int]:
    """How far a window of the size can be moved down and to the right."""
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise too_small(width, height, size)
    return height - size, width - size


def too_small(width: int, height: int, size: int, name: str = "") -> DataError:
    """The error for an image, by `name` if it is known, on which a crop of size x size does not fit."""
    return DataError(
        f"{name and name + ': '}the image of {width} x {height} pixels is smaller than the crop of {size} x {size}",
        cure=f"train with a --size of at most {min(height, width)}, or with --short-side {size}, which enlarges it",
    )


class RandomFlip:
    """The image, or with probability p its mirror image (left and right exchanged)."""

    def __init__(self, p: float = 0.5):
        self.p = p

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image[:, ::-1] if rng.random() < self.p else image


class ResizeShorterSide:
    """The image scaled so that its shorter side is `size`; its proportions stay.

    ImageNet's images are of many sizes; this brings them to a common scale before the crop. An
    image that has the size already passes untouched. Raises DataError for one so long and thin that
    it would become larger than any image may be.
    """

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if min(image.shape[:2]) == self.size:
            return image
        height, width = scaled_size(image, self.size)
        # Pillow widens its bilinear filter when it shrinks, so that fine detail does not alias.
        return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))


def scaled_size(image: np.ndarray, shorter_side: int) -> tuple[int, int]:
    """(height, width) of the image scaled to the shorter side. Raises DataError if that is too large."""
    height, width = image.shape[:2]
    shorter = min(height, width)
    scaled = round(height * shorter_side / shorter), round(width * shorter_side / shorter)
    if scaled[0] * scaled[1] > MAX_PIXELS:
        raise DataError(
            f"the image of {width} x {height} pixels would become {scaled[1]} x {scaled[0]}; "
            f"expected at most {MAX_PIXELS // 10**6} megapixels; choose a smaller scale or remove it"
        )
    return scaled


class ShrinkShorterSide(ResizeShorterSide):
    """Like ResizeShorterSide, but an image that is smaller already passes untouched.

    Enlarging would invent detail, and hide that the images are too small for the crop.
    """

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image if min(image.shape[:2]) <= self.size else super().__call__(image, rng)


class ScaleJitter:
    """A random scale, then a random crop: the shorter side becomes s, drawn uniformly from low..high.

    An object is then seen large and small (section 3 of the paper: s in [256, 512] and crops of 224,
    from the first epoch on; that every integer is equally likely is our reading). Images smaller
    than s are enlarged, as in the paper.

    The same as ResizeShorterSide(s) and then RandomCrop(size), but for rounding, by one or two of 255
    levels. Only the pixels of the crop are computed.
    """

    def __init__(self, low: int, high: int, size: int):
        if not size <= low <= high:
            raise ValueError(f"ScaleJitter: scales {low} to {high} for crops of {size}; expected crop <= low <= high")
        self.low, self.high, self.size = low, high, size

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        s = self.low + int(rng.random() * (self.high - self.low + 1))
        height, width = scaled_size(image, s)
        top, left = int(rng.random() * (height - self.size + 1)), int(rng.random() * (width - self.size + 1))
        rows = _Span(top, self.size, image.shape[0] / height, image.shape[0])
        columns = _Span(left, self.size, image.shape[1] / width, image.shape[1])
        needed = image[rows.first : rows.last, columns.first : columns.last]  # Pillow copies what it is given
        box = (columns.start, rows.start, columns.end, rows.end)
        crop = Image.fromarray(needed).resize((self.size, self.size), Image.Resampling.BILINEAR, box)
        return np.asarray(crop)


class _Span:
    """One axis of a crop in an image that is not resized yet.

    first, last    the pixels of the image that the crop can depend on
    start, end     the crop's edges, counted from `first`, in fractions of a pixel
    """

    def __init__(self, begin: int, size: int, pixels_each: float, length: int):
        start, end = begin * pixels_each, (begin + size) * pixels_each
        reach = max(1.0, pixels_each) + 1  # a bilinear filter's, and one for rounding
        self.first, self.last = max(0, int(start - reach)), min(length, int(end + reach) + 1)
        self.start, self.end = start - self.first, end - self.first

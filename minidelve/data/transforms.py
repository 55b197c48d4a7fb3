"""What happens to an image before the net sees it: each augmentation a small class.

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

from minidelve.data.errors import DataError
from minidelve.data.images import MAX_PIXELS


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

    The object is then seen at many places, and the net cannot learn where it stands (section 3 of
    the paper). Raises DataError if the image is smaller.
    """

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, columns = _room(image, self.size)
        # Not rng.integers, which costs five times as much for one number.
        top, left = int(rng.random() * (rows + 1)), int(rng.random() * (columns + 1))
        return image[top:top + self.size, left:left + self.size]


class CenterCrop:
    """The size x size window in the middle: the one view by which a net is compared with others.

    Raises DataError if the image is smaller.
    """

    def __init__(self, size: int):
        self.size = size

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        rows, columns = _room(image, self.size)
        top, left = rows // 2, columns // 2
        return image[top:top + self.size, left:left + self.size]


def _room(image: np.ndarray, size: int) -> tuple[int, int]:
    """How far a window of the size can be moved down and to the right."""
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise DataError(f"the image of {width} x {height} pixels is smaller than the crop of {size} x "
                        f"{size}; train with a --size of at most {min(height, width)}, or leave the image out")
    return height - size, width - size


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
        height, width = image.shape[:2]
        shorter = min(height, width)
        if shorter == self.size:
            return image
        new_size = round(width * self.size / shorter), round(height * self.size / shorter)
        if new_size[0] * new_size[1] > MAX_PIXELS:
            raise DataError(f"the image of {width} x {height} pixels would become {new_size[0]} x "
                            f"{new_size[1]}; expected at most {MAX_PIXELS // 10**6} megapixels; remove it")
        # Pillow widens its bilinear filter when it shrinks, so that fine detail does not alias.
        return np.asarray(Image.fromarray(image).resize(new_size, Image.Resampling.BILINEAR))


class ShrinkShorterSide(ResizeShorterSide):
    """Like ResizeShorterSide, but an image that is smaller already passes untouched.

    Enlarging would invent detail, and hide that the images are too small for the crop.
    """

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return image if min(image.shape[:2]) <= self.size else super().__call__(image, rng)

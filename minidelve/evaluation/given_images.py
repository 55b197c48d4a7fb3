"""Pictures as a person has them at hand, in Python: paths, arrays, Pillow's images, one or many.

    for name, pixels in given_images(["fish.jpg", array, Image.open("cat.png")]): ...

A path and a Pillow image are turned upright as their EXIF says, as `minidelve predict` turns a file. An array is taken
as it is: uint8, red, green and blue last.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from PIL import Image

from minidelve import data
from minidelve.errors import DataError, shown

ONE, SEVERAL = "(H, W, 3)", "(N, H, W, 3)"
KINDS = f"a path, a uint8 array {ONE}, a Pillow image, or several of them in a list or an array {SEVERAL}"


def given_images(images: Any) -> Iterator[tuple[str, np.ndarray]]:
    """(what to call it, uint8 (H, W, 3)) of each picture, read when its turn comes.

    Raises DataError, which names the picture, for one that cannot be read, and for what is none.
    """
    if isinstance(images, str | os.PathLike | Image.Image) or is_one_array(images):
        yield name_and_pixels(images, "the image")
        return
    if isinstance(images, bytes | bytearray | Mapping) or not isinstance(images, Iterable):
        raise DataError(f"images: {described(images)}", expected=KINDS)
    for number, image in enumerate(images):
        yield name_and_pixels(image, f"image {number}")


def is_one_array(images: Any) -> bool:
    """Whether this is an array of one picture; DataError for an array that is neither one nor several."""
    if not isinstance(images, np.ndarray):
        return False
    check_array(images, "images", {3: ONE, 4: SEVERAL})
    return images.ndim == 3


def name_and_pixels(image: Any, name: str) -> tuple[str, np.ndarray]:
    """(what to call it, uint8 (H, W, 3)) of one picture: its path, or `name` where it has none."""
    if isinstance(image, str | os.PathLike):
        path = os.fspath(image)
        if not path:
            raise DataError(f"{name}: {described(image)}", expected=KINDS)
        if not isinstance(path, str):
            raise DataError(f"{name}: is a path in bytes, {shown(path)}", expected="text")
        return path, data.decode(path, upright=True)
    if isinstance(image, Image.Image):
        name = getattr(image, "filename", "") or name
        return name, data.from_pillow(image, name)
    if isinstance(image, np.ndarray):
        check_array(image, name, {3: ONE})
        return name, image
    raise DataError(f"{name}: {described(image)}", expected=KINDS)


def check_array(image: np.ndarray, name: str, layouts: Mapping[int, str]) -> None:
    """DataError with the cure unless it is uint8 in one of these layouts, by their number of axes: ONE or SEVERAL."""
    given = f"{name}: an array of {image.dtype} of shape {image.shape}"
    if image.ndim not in layouts or image.shape[-1] != 3:
        channels_first = image.ndim in layouts and image.shape[-3] == 3
        cure = f"write x.transpose({'0, 2, 3, 1' if image.ndim == 4 else '1, 2, 0'})" if channels_first else ""
        raise DataError(given, expected=" or ".join(layouts.values()), cure=cure)
    if 0 in image.shape[-3:]:
        raise DataError(given, expected="at least one pixel")
    if image.dtype != np.uint8:
        cure = "for numbers from 0 to 1 write (255 * x).round().astype(np.uint8)" if image.dtype.kind == "f" else ""
        raise DataError(given, expected="uint8, from 0 to 255", cure=cure)


def described(value: Any) -> str:
    """What a value is that should have been another thing.

    >>> described(0.5)
    'is a float, 0.5'
    """
    kind = type(value).__name__
    return f"is {'an' if kind[0] in 'aeiouAEIOU' else 'a'} {kind}, {shown(value)}"

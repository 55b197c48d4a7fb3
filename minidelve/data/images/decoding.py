"""From the bytes of a JPEG, PNG or WebP file to an array of RGB pixels.

Every picture ends as uint8 (H, W, 3), whatever it was:

    gray, 1-bit, palette   each pixel's colour written as RGB
    16-bit                 the high byte of each value
    CMYK                   Pillow's plain conversion, without a colour profile
    transparent            laid on white, as a browser shows it. Dropping the alpha channel
                           instead would bring up colours nobody has seen, often black.
    animated               its first frame

What a file says about its pixels, in text, EXIF or a colour profile, is not read, and so cannot spoil them
(formats/). An EXIF orientation is ignored too, as is usual with ImageNet: the pixels stay as they are stored, and
bounding boxes drawn for the stored pixels stay true.
"""

import os
from typing import BinaryIO

import numpy as np
from PIL import Image

from minidelve.data.door import door
from minidelve.data.images.formats.exif import ORIENTATION, turned
from minidelve.data.images.formats.exif import upright as turned_upright
from minidelve.data.images.formats.jpeg import Jpeg
from minidelve.data.images.formats.png import Png, rows_of, strips
from minidelve.data.images.formats.webp import WebP
from minidelve.disk.files import read_file
from minidelve.errors import DataError

SUFFIXES = (".jpeg", ".jpg", ".png", ".webp")
FORMATS = (Jpeg, Png, WebP)
MAX_PIXELS = 100_000_000
MAX_FILE_BYTES = 2**28  # of 100 megapixels, the largest file that people have is a quarter of it
STRIP_PIXELS = 2**22
AGAIN = "fetch the file again or remove it"


def decode(
    source: bytes | str | os.PathLike[str] | BinaryIO,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    upright: bool = False,
) -> np.ndarray:
    """Decode a JPEG, PNG or WebP, given as bytes, a path or an open binary file: uint8 (H, W, 3).

    The format is read from the first bytes, not from the suffix: ImageNet itself holds PNGs named
    .JPEG. `name` stands for the picture in messages; the default is its path.

    `upright` turns a photograph as its EXIF orientation says. It is off for data sets: ImageNet's
    practice, and so what networks are compared by, is to take the pixels as stored.

    Raises DataError when the file cannot be read, is of no such format, is broken or truncated, or
    has more than `max_pixels` pixels; the last is told from the header, before anything is decoded.
    """
    if isinstance(source, (str, os.PathLike)):
        name = name or os.fspath(source)
        with door(name, "cannot be read", OSError, cure="check the path"):
            data = read_file(source, MAX_FILE_BYTES)
    else:
        data = source if isinstance(source, bytes) else source.read()
    name = name or "image"
    # Pillow's readers meet broken bytes with OSError, SyntaxError, ValueError, struct.error, IndexError, ...:
    # no list of them is complete, and to the user all mean the same.
    with door(name, "is broken or truncated", Exception, cure=AGAIN):
        picture = _outline(data, name)
        width, height = picture.width, picture.height
        if not 0 < width * height <= max_pixels:
            raise DataError(
                f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels",
                expected=f"at most {max_pixels / 1e6:.0f}",
                cure="scale the picture down",
            )
        image = _to_rgb(picture.read())
        return turned_upright(image, picture.exif) if upright else image


def from_pillow(image: Image.Image, name: str = "image", upright: bool = True) -> np.ndarray:
    """A picture that Pillow has opened or made: uint8 (H, W, 3), as `decode` gives its file.

    Raises DataError where its file turns out to be broken, and for pixels of more than 8 bits.
    """
    with door(name, "is broken or truncated", Exception, cure=AGAIN):
        if image.mode[0] in "IF":
            cure = "give the path of its file, or an array of uint8"
            raise DataError(f"{name}: its mode is {image.mode}", expected="8 bits a channel", cure=cure)
        if not 0 < image.width * image.height <= MAX_PIXELS:
            found = f"{name}: is {image.width} x {image.height} pixels"
            raise DataError(found, expected=f"1 to {MAX_PIXELS / 1e6:.0f} million of them")
        pixels = _to_rgb(image)
        return turned(pixels, image.getexif().get(ORIENTATION, 1)) if upright else pixels


def size_of(data: bytes, name: str = "image") -> tuple[int, int]:
    """(height, width) of a picture, read from its header alone. Raises DataError if that cannot be read."""
    with door(name, "is broken or truncated", Exception, cure=AGAIN):
        picture = _outline(data, name)
        return picture.height, picture.width


def _outline(data: bytes, name: str) -> Jpeg | Png | WebP:
    """The picture in its format, not decoded yet.

    Not with Image.open: that checks the size against one limit for the whole process and warns on
    the way, and neither silencing a warning nor moving the limit is safe while other threads run.
    """
    if not data:
        raise DataError(f"{name}: is empty", expected="a JPEG, PNG or WebP", cure=AGAIN)
    for of_format in FORMATS:
        if of_format.begins(data):
            return of_format(data)
    raise DataError(
        f"{name}: is neither JPEG nor PNG nor WebP (it begins with {data[:8]!r})", cure="convert it or remove it"
    )


def _to_rgb(image: Image.Image) -> np.ndarray:
    """The picture laid on white. In strips: of a large one, only the result exists twice."""
    if image.width * image.height <= STRIP_PIXELS:
        return np.array(_on_white(image))
    pixels = np.empty((image.height, image.width, 3), np.uint8)
    for top, bottom in strips(image.width, image.height, STRIP_PIXELS):
        pixels[top:bottom] = np.asarray(_on_white(rows_of(image, top, bottom)))
    return pixels


def _on_white(image: Image.Image) -> Image.Image:
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")

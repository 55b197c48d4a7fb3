"""From the bytes of a JPEG or PNG file to an array of RGB pixels.

Every picture ends as uint8 (H, W, 3), whatever it was:

    gray, 1-bit, palette   each pixel's colour written as RGB
    16-bit                 the high byte of each value
    CMYK                   Pillow's plain conversion, without a colour profile
    transparent            laid on white, as a browser shows it. Dropping the alpha channel
                           instead would bring up colours nobody has seen, often black.

An EXIF orientation is ignored, as is usual with ImageNet: the pixels stay as they are stored, and
bounding boxes drawn for the stored pixels stay true.
"""

import io
import os
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile, ImageOps
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from minidelve.data.door import door
from minidelve.errors import DataError

SUFFIXES = (".jpeg", ".jpg", ".png")
MAX_PIXELS = 100_000_000
AGAIN = "fetch the file again or remove it"

_FORMATS: dict[bytes, type[ImageFile.ImageFile]] = {b"\xff\xd8\xff": JpegImageFile, b"\x89PNG\r\n\x1a\n": PngImageFile}


def decode(
    source: bytes | str | os.PathLike[str] | BinaryIO,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    upright: bool = False,
) -> np.ndarray:
    """Decode a JPEG or PNG, given as bytes, a path or an open binary file: uint8 (H, W, 3).

    The format is read from the first bytes, not from the suffix: ImageNet itself holds PNGs named
    .JPEG. `name` stands for the picture in messages; the default is its path.

    `upright` turns a photograph as its EXIF orientation says. It is off for data sets: ImageNet's
    practice, and so what networks are compared by, is to take the pixels as stored.

    Raises DataError when the file cannot be read, is neither JPEG nor PNG, is broken or truncated, or
    has more than `max_pixels` pixels; the last is told from the header, before anything is decoded.
    """
    if isinstance(source, (str, os.PathLike)):
        name = name or os.fspath(source)
        with door(name, "cannot be read", OSError, cure="check the path"), open(source, "rb") as file:
            data = file.read()
    else:
        data = source if isinstance(source, bytes) else source.read()
    name = name or "image"
    # Pillow's readers meet broken bytes with OSError, SyntaxError, ValueError, struct.error, IndexError, ...:
    # no list of them is complete, and to the user all mean the same.
    with door(name, "is broken or truncated", Exception, cure=AGAIN):
        image = _open(data, name)
        width, height = image.size
        if not 0 < width * height <= max_pixels:
            raise DataError(
                f"{name}: {width} x {height} is {width * height / 1e6:.0f} megapixels",
                expected=f"at most {max_pixels / 1e6:.0f}",
                cure="scale the picture down",
            )
        return _to_rgb(ImageOps.exif_transpose(image) if upright else image)


def size_of(data: bytes, name: str = "image") -> tuple[int, int]:
    """(height, width) of a picture, read from its header alone. Raises DataError if that cannot be read."""
    with door(name, "is broken or truncated", Exception, cure=AGAIN):
        width, height = _open(data, name).size
        return height, width


def _open(data: bytes, name: str) -> ImageFile.ImageFile:
    """Read the header only.

    Not with Image.open: that checks the size against one limit for the whole process and warns on
    the way, and neither silencing a warning nor moving the limit is safe while other threads run.
    """
    if not data:
        raise DataError(f"{name}: is empty", expected="a JPEG or PNG", cure="fetch the file again or remove it")
    for magic, image_file in _FORMATS.items():
        if data.startswith(magic):
            return image_file(io.BytesIO(data))
    raise DataError(f"{name}: is neither JPEG nor PNG (it begins with {data[:8]!r})", cure="convert it or remove it")


def _to_rgb(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):  # 16-bit gray: convert("RGB") would clip it to 255, not scale it
        gray = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return np.repeat(gray[:, :, None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return np.array(image.convert("RGB"))

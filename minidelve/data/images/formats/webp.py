"""WebP: RIFF, 12 bytes and then chunks (WebP container specification; RFC 9649).

A chunk is a name of four letters, its length (little-endian), data, and a zero where the length is odd. Pixels come
as VP8 (lossy, with ALPH for transparency) or VP8L (lossless), alone or after a VP8X with the size of the canvas. Of
an animation the first frame is read, an ANMF: where it lies on the canvas, which is empty otherwise, and its pixels.
"""

import io
from collections.abc import Iterator

from PIL import Image, features
from PIL.WebPImagePlugin import WebPImageFile

PIXELS = (b"VP8 ", b"VP8L")
TRANSPARENT = 0x10  # the flag of VP8X
FRAME_HEADER = 16  # left, top, width, height, duration: 3 bytes each; flags
EXIF = b"Exif\0\0"


class WebP:
    """A WebP without its metadata and all but the first of its frames."""

    name = "WebP"

    @staticmethod
    def begins(data: bytes) -> bool:
        return data.startswith(b"RIFF") and data[8:12] == b"WEBP"

    def __init__(self, data: bytes):
        self.exif = b""
        self.width = self.height = self._left = self._top = 0
        canvas, animated, picture = False, False, dict[bytes, bytes]()
        end = 8 + _little(data[4:8])
        if end > len(data) + 1:  # a last padding byte is often forgotten
            raise ValueError("it ends before its pixels")
        for name, chunk in _chunks(data, 12, min(end, len(data))):
            body = chunk[8:]
            if name == b"EXIF":
                self.exif = body.removeprefix(EXIF)
            elif name == b"VP8X" and not picture:
                self.width, self.height, canvas = _little(body[4:7]) + 1, _little(body[7:10]) + 1, True
            elif name == b"ANMF" and not picture:
                picture = dict(_chunks(body, FRAME_HEADER, len(body)))
                animated = True
                self._left, self._top = 2 * _little(body[:3]), 2 * _little(body[3:6])
            elif name in PIXELS or name == b"ALPH":
                picture.setdefault(name, chunk)
        pixels = next((picture[name] for name in PIXELS if name in picture), None)
        if pixels is None:
            raise ValueError("it ends before its pixels")
        self._frame = _size_of(pixels)
        if not canvas:
            self.width, self.height = self._frame
        elif not animated and self._frame != (self.width, self.height):
            raise ValueError("its pixels are not as many as its canvas has")
        content = _canvas(*self._frame) + picture.get(b"ALPH", b"") + pixels
        self._bare = b"RIFF" + (len(content) + 4).to_bytes(4, "little") + b"WEBP" + content

    def read(self) -> Image.Image:
        """The picture, in a mode of Pillow's."""
        if not features.check("webp"):
            raise ValueError("this Pillow was built without WebP")
        width, height = self._frame
        if self._left + width > self.width or self._top + height > self.height:
            raise ValueError("its first frame is larger than the canvas")
        image = WebPImageFile(io.BytesIO(self._bare))
        image.load()
        image._decoder = None  # it holds two canvases more
        if self._frame == (self.width, self.height):
            return image
        whole = Image.new("RGBA", (self.width, self.height))
        whole.paste(image, (self._left, self._top))
        return whole


def _chunks(data: bytes, at: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """The name of each chunk between two places, and the whole of it."""
    while at + 8 <= end:
        length = _little(data[at + 4 : at + 8])
        if at + 8 + length > end:
            raise ValueError("it ends before its pixels")
        yield data[at : at + 4], data[at : at + 8 + length] + b"\0" * (length % 2)
        at += 8 + length + length % 2


def _size_of(pixels: bytes) -> tuple[int, int]:
    """Width and height of a chunk of pixels: 14 bits each."""
    if pixels.startswith(b"VP8L"):
        bits = _little(pixels[9:13])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(pixels[14:16]) & 0x3FFF, _little(pixels[16:18]) & 0x3FFF


def _canvas(width: int, height: int) -> bytes:
    """The VP8X of a picture that may be transparent."""
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"VP8X" + (10).to_bytes(4, "little") + bytes([TRANSPARENT, 0, 0, 0]) + size


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")

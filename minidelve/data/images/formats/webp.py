"""WebP: RIFF, 12 bytes and then chunks (WebP container specification; RFC 9649).

A chunk is a name of four letters, its length (little-endian), data, and a zero where the length is odd. Pixels come
as VP8 (lossy, with ALPH for transparency) or VP8L (lossless), alone or after a VP8X with the size of the canvas. Of
an animation, ANIM and the first ANMF are kept: its first frame, laid on an empty canvas.
"""

import io
from collections.abc import Iterator

from PIL import Image, features
from PIL.WebPImagePlugin import WebPImageFile

PIXELS = (b"VP8 ", b"VP8L", b"ANMF")
KEPT = (*PIXELS, b"ALPH", b"ANIM")
METADATA_FLAGS = 0x20 | 0x08 | 0x04  # of VP8X: there is a colour profile, EXIF, XMP
EXIF = b"Exif\0\0"


class WebP:
    """A WebP without its metadata and all but the first of its frames."""

    name = "WebP"

    @staticmethod
    def begins(data: bytes) -> bool:
        return data.startswith(b"RIFF") and data[8:12] == b"WEBP"

    def __init__(self, data: bytes):
        self.exif = b""
        self.width = self.height = 0
        kept: list[bytes] = []
        for name, chunk in _chunks(data):
            body = chunk[8:]
            if name == b"EXIF":
                self.exif = body.removeprefix(EXIF)
            elif name == b"VP8X" and not kept:
                self.width, self.height = _little(body[4:7]) + 1, _little(body[7:10]) + 1
                kept.append(chunk[:8] + bytes([body[0] & ~METADATA_FLAGS]) + body[1:])
            elif name in KEPT and not any(old.startswith(name) for old in kept):
                if not kept:
                    self.width, self.height = _size_of_frame(name, body)
                kept.append(chunk)
        if not any(chunk.startswith(PIXELS) for chunk in kept):
            raise ValueError("it ends before its pixels")
        content = b"".join(kept)
        self._bare = b"RIFF" + (len(content) + 4).to_bytes(4, "little") + b"WEBP" + content

    def read(self) -> Image.Image:
        """The picture, in a mode of Pillow's."""
        if not features.check("webp"):
            raise ValueError("this Pillow was built without WebP")
        image = WebPImageFile(io.BytesIO(self._bare))
        image.load()
        image._decoder = None  # it holds two canvases more
        return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name, and the whole of it."""
    at, end = 12, 8 + _little(data[4:8])
    if end > len(data) + 1:  # a padding byte is often forgotten
        raise ValueError("it ends before its pixels")
    while at + 8 <= min(end, len(data)):
        length = _little(data[at + 4 : at + 8])
        if at + 8 + length > len(data):
            raise ValueError("it ends before its pixels")
        yield data[at : at + 4], data[at : at + 8 + length] + b"\0" * (length % 2)
        at += 8 + length + length % 2


def _size_of_frame(name: bytes, body: bytes) -> tuple[int, int]:
    """Width and height of a simple file: 14 bits each."""
    if name == b"VP8L":
        bits = _little(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return _little(body[6:8]) & 0x3FFF, _little(body[8:10]) & 0x3FFF


def _little(number: bytes) -> int:
    return int.from_bytes(number, "little")

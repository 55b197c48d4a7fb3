"""PNG: a mark of 8 bytes, then chunks (PNG specification, third edition, sections 5 and 11).

A chunk is a length, a name of four letters, data, and a CRC-32 of name and data. Four make the pixels: IHDR (size,
depth, kind of colour), PLTE (the palette), tRNS (what is transparent) and IDAT (the rows, deflated). Of an animated
PNG they are the picture that programs without animation show.

tRNS names one gray or one colour that is transparent, in samples of the file's own depth. Pillow compares it with
samples that are scaled to 8 bits already, where a gray of 4 bits never fits and colours of 16 bits fall together. So
it is done here; the alphas of a palette are Pillow's.
"""

import io
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

MARK = b"\x89PNG\r\n\x1a\n"
GRAY, RGB, PALETTE = 0, 2, 3
CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, 4: 2, 6: 4}
# Adam7, the seven pictures of an interlaced one: first column, first row, steps to the next column and row.
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
MOST_DEFLATED = 1032  # to one: a match of 258 bytes in 2 bits
STRIP_PIXELS = 2**20


class Png:
    """A PNG without its metadata."""

    name = "PNG"

    @staticmethod
    def begins(data: bytes) -> bool:
        return data.startswith(MARK)

    def __init__(self, data: bytes):
        self.exif, transparent, end = b"", b"", b""
        kept: list[bytes] = []
        self._pixels: list[bytes] = []
        for name, chunk in _chunks(data):
            body = chunk[8:-4]
            if name == b"eXIf":
                self.exif = body
            if name not in (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"):
                continue
            if zlib.crc32(chunk[4:-4]).to_bytes(4, "big") != chunk[-4:]:
                raise ValueError(f"the checksum of {name.decode()} does not fit")
            if not kept and (name, len(body)) != (b"IHDR", 13):
                raise ValueError("it has no header")
            if name == b"IDAT":
                self._pixels.append(body)
            elif name == b"IEND":
                end = chunk
            elif name == b"tRNS" and kept[0][17] != PALETTE:
                transparent = body
                continue
            elif kept and name == b"IHDR" or self._pixels:
                continue
            kept.append(chunk)
        if not self._pixels:
            raise ValueError("it ends before its pixels")
        self._bare = b"".join([MARK, *kept, b"" if end else b"\0\0\0\0IEND\xae\x42\x60\x82"])
        header = kept[0][8:]
        self.width, self.height = int.from_bytes(header[:4], "big"), int.from_bytes(header[4:8], "big")
        self._depth, self._colour, self._interlaced = header[8], header[9], bool(header[12])
        mask = 2**self._depth - 1
        self._transparent = [
            int.from_bytes(transparent[i : i + 2], "big") & mask for i in range(0, len(transparent), 2)
        ]

    def read(self) -> Image.Image:
        """The picture, in a mode of Pillow's."""
        expected = self._unpacked_bytes()
        if expected > MOST_DEFLATED * sum(map(len, self._pixels)):
            raise ValueError(f"{sum(map(len, self._pixels))} bytes cannot hold {self.width} x {self.height} pixels")
        image = PngImageFile(io.BytesIO(self._bare))
        image.load()
        # Pillow takes the end of the deflated stream for the end of the picture, and leaves what is missing zero.
        if (self._interlaced or not np.asarray(rows_of(image, self.height - 1, self.height)).any()) and (
            self._held_bytes(expected) < expected
        ):
            raise ValueError("its pixels end early")
        if len(self._transparent) == CHANNELS[self._colour] and self._colour in (GRAY, RGB):
            return self._with_alpha(image)
        return _high_bytes(image) if image.mode.startswith("I") else image

    def _unpacked_bytes(self) -> int:
        """How many bytes the rows have, each with a byte for its filter."""
        bits = CHANNELS[self._colour] * self._depth
        sizes = [(self.width, self.height)]
        if self._interlaced:
            sizes = [(-(-(self.width - x) // dx), -(-(self.height - y) // dy)) for x, y, dx, dy in ADAM7]
        return sum(height * (1 + -(-width * bits // 8)) for width, height in sizes if width > 0 and height > 0)

    def _held_bytes(self, most: int) -> int:
        """How many bytes the pixels unpack to, counted up to `most`."""
        unpacker, held = zlib.decompressobj(), 0
        for packed in self._pixels:
            while packed and held < most:
                held += len(unpacker.decompress(packed, 2**20))
                packed = unpacker.unconsumed_tail
        return held

    def _with_alpha(self, image: Image.Image) -> Image.Image:
        """The picture with the colour of tRNS transparent."""
        wide = self._depth == 16
        low = self._low_bytes() if wide and self._colour == RGB else None
        scale = 1 if wide else 255 // (2**self._depth - 1)
        alpha = np.empty((self.height, self.width), np.uint8)
        for top, bottom in strips(self.width, self.height):
            samples = np.asarray(rows_of(image, top, bottom)).reshape(bottom - top, self.width, -1)
            if self._depth == 1:
                samples = samples * np.uint8(255)  # of a picture in black and white, Pillow gives booleans
            if low is not None:
                samples = samples * np.uint16(256) + np.asarray(rows_of(low, top, bottom))
            alpha[top:bottom] = (
                ~(samples == np.multiply(self._transparent, scale).astype(samples.dtype)).all(axis=2) * 255
            )
        image = _high_bytes(image) if image.mode.startswith("I") else image
        image = image.convert("L") if image.mode == "1" else image
        image.putalpha(Image.fromarray(alpha))
        return image

    def _low_bytes(self) -> Image.Image:
        """Of samples of 16 bits, Pillow keeps the first byte. Told that they are little-endian, it keeps the second."""
        image = PngImageFile(io.BytesIO(self._bare))
        decoder, extents, offset, _ = image.tile[0]
        image.tile = [type(image.tile[0])(decoder, extents, offset, "RGB;16L")]
        image.load()
        return image


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each chunk's name, and the whole of it. Once there are pixels, another chunk that is cut off is not missed."""
    at, pixels = len(MARK), False
    while at < len(data):
        name, end = data[at + 4 : at + 8], at + 12 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            if pixels and name != b"IDAT":
                return
            raise ValueError("it ends before its pixels")
        yield name, data[at:end]
        if name == b"IEND":
            return
        pixels = pixels or name == b"IDAT"
        at = end


def strips(width: int, height: int, pixels: int = STRIP_PIXELS) -> Iterator[tuple[int, int]]:
    """(first row, the row after the last) of strips of so many pixels, so that a large picture is not copied whole."""
    rows = max(1, pixels // width)
    return ((top, min(top + rows, height)) for top in range(0, height, rows))


def rows_of(image: Image.Image, top: int, bottom: int) -> Image.Image:
    """A strip of the picture."""
    return image.crop((0, top, image.width, bottom))


def _high_bytes(image: Image.Image) -> Image.Image:
    """Gray of 16 bits, scaled to 8: Pillow's own conversion would clip it."""
    gray = np.empty((image.height, image.width), np.uint8)
    for top, bottom in strips(image.width, image.height):
        gray[top:bottom] = np.asarray(rows_of(image, top, bottom)).astype(np.uint16) >> 8
    return Image.fromarray(gray)

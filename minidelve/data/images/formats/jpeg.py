"""JPEG: segments up to the first scan, then scans (ITU-T T.81, annex B).

A segment is FF, a marker, and two bytes of length that count themselves. Those for applications (APP0 to APP15) and
comments hold EXIF, colour profiles, thumbnails. Two of them say what the pixels' numbers mean, and stay: JFIF (APP0)
and Adobe (APP14). Of an MPO, which is several JPEGs one after the other, the first is read.
"""

import io
import re
from collections.abc import Iterator

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

SCAN, COMMENT, APPLICATIONS = 0xDA, 0xFE, range(0xE0, 0xF0)
MEANINGS = {0xE0: (b"JFIF\0", 14), 0xEE: (b"Adobe", 12)}  # how the segment begins, and its least length
FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
# The fewest bits that a block of 8 x 8 takes, by frame: a Huffman code has at least one bit. Arithmetic coding has
# no such bound.
SEQUENTIAL = (0xC0, 0xC1)
LEAST_BITS = {0xC0: 2, 0xC1: 2, 0xC2: 1}
# Each scan visits the whole picture, however few bytes it has. Encoders write at most some twenty.
MOST_SCANS, MOST_SCANNED_PIXELS = 40, 2_000_000_000
EXIF = b"Exif\0\0"
MARKER = re.compile(rb"\xff[^\x00\xff]")
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xDA)}


class Jpeg:
    """A JPEG without its metadata."""

    name = "JPEG"

    @staticmethod
    def begins(data: bytes) -> bool:
        return data.startswith(b"\xff\xd8\xff")

    def __init__(self, data: bytes):
        self.exif = b""
        self._frame = components = begin = 0
        kept, kept_to = [], 0
        for marker, begin, end in _segments(data):
            if marker in FRAMES:
                self._frame, components = marker, data[begin + 9]
            elif marker in APPLICATIONS or marker == COMMENT:
                body = data[begin + 4 : end]
                if marker == 0xE1 and body.startswith(EXIF) and not self.exif:
                    self.exif = body[len(EXIF) :]
                begins, least = MEANINGS.get(marker, (b"", end))
                if len(body) < least or not body.startswith(begins):
                    kept.append(data[kept_to:begin])
                    kept_to = end
        self._scan_bytes = len(data) - begin
        in_one_scan = self._frame in SEQUENTIAL and data[begin + 4 : begin + 5] == bytes([components])
        self._scans = 1 if in_one_scan else data.count(bytes([0xFF, SCAN]), begin)
        self._image = JpegImageFile(io.BytesIO(b"".join([*kept, data[kept_to:]])))
        self.width, self.height = self._image.size

    def read(self) -> Image.Image:
        """The picture, in a mode of Pillow's."""
        blocks = -(-self.width // 8) * -(-self.height // 8)
        if 8 * self._scan_bytes < LEAST_BITS.get(self._frame, 0) * blocks:
            raise ValueError(f"{self._scan_bytes} bytes cannot hold {self.width} x {self.height} pixels")
        if self._scans > MOST_SCANS and self._scans * self.width * self.height > MOST_SCANNED_PIXELS:
            raise ValueError(f"it has {self._scans} scans")
        self._image.load()
        return self._image


def _segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Marker, begin and end of each segment before the scans, and of the first scan's; ValueError where that is not."""
    at = 2
    while found := MARKER.search(data, at):  # FFs that fill up before a marker, and strange bytes, are passed over
        begin, marker = found.start(), data[found.start() + 1]
        at = begin + 2
        if marker in WITHOUT_LENGTH:
            continue
        at += max(2, int.from_bytes(data[at : at + 2], "big"))
        if at > len(data):
            break
        yield marker, begin, at
        if marker == SCAN:
            return
    raise ValueError("it ends before its pixels")

"""The journal of a split while it is being packed: which of its images are on the disk for certain.

A block of images is written in two steps, each on the disk before the next:

    1. the pixels of the block are appended to train.pixels
    2. one line that vouches for them is appended to train.journal: number, height, width, CRC-32 of each image

A block counts once its line is there, ended by a newline. Whatever lies in the pixel file beyond the last such line
is cut off when packing goes on, so that the finished files are the same, byte for byte, however often it was
interrupted.

Each line has a checksum (records.py), and has as many images as lie between the line before it and the image that it
says is next. A line that was damaged, lost or doubled ends what counts: what follows is packed again.
"""

import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from minidelve.data.feeding.bad_images import Unreadable
from minidelve.disk.records import check, integer, list_of, record, sealed, text, unsealed

LINE = record(
    {
        "images": list_of(list_of(integer(0, 2**32 - 1), 4, 4)),
        "skipped": list_of(list_of(text, 2, 2)),
        "next": integer(1),
    }
)


class Packed(NamedTuple):
    """Image i, decoded and scaled: uint8 (H, W, 3)."""

    i: int
    pixels: np.ndarray
    crc32: int


class Written(NamedTuple):
    """What a journal vouches for.

    rows      number, height, width, CRC-32 of each image packed
    skipped   those left out
    begin     the image to go on with
    length    bytes of the journal that count
    damaged   whether a line after them is there and does not count
    """

    rows: list[list[int]]
    skipped: list[Unreadable]
    begin: int
    length: int
    damaged: bool

    @property
    def pixel_bytes(self) -> int:
        """How long the pixel file has to be."""
        return sum(3 * height * width for _, height, width, _ in self.rows)


def read_journal(path: Path) -> Written:
    """The journal as far as it is whole; nothing is written where there is none."""
    rows: list[list[int]] = []
    skipped: list[Unreadable] = []
    begin = length = 0
    content = path.read_bytes() if path.exists() else b""
    for written in content.split(b"\n")[:-1]:  # what follows the last newline was being written when it stopped
        try:
            line = unsealed(written)
            check(line, LINE)
            if line["next"] - begin != len(line["images"]) + len(line["skipped"]):
                raise ValueError("a line is missing before it")
        except ValueError:
            return Written(rows, skipped, begin, length, True)
        rows += line["images"]
        skipped += [Unreadable(*pair) for pair in line["skipped"]]
        begin, length = line["next"], length + len(written) + 1
    return Written(rows, skipped, begin, length, False)


def commit(block: list[Packed], skipped: list[Unreadable], after: int, pixels: BinaryIO, journal: BinaryIO) -> None:
    """Vouch for a block whose pixels have been written and for those left out of it; `after` is the image after it."""
    images = [[i, *image.shape[:2], crc32] for i, image, crc32 in block]
    to_disk(pixels)
    journal.write(sealed({"images": images, "skipped": skipped, "next": after}).encode() + b"\n")
    to_disk(journal)


def to_disk(file: BinaryIO) -> None:
    """Wait until the disk has what was written."""
    file.flush()
    os.fsync(file.fileno())

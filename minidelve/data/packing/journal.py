"""The journal of a split while it is being packed: which of its images are on the disk for certain.

A block of images is written in two steps, each on the disk before the next:

    1. the pixels of the block are appended to train.pixels
    2. one line that vouches for them is appended to train.journal: number, height, width, CRC-32 of each image

A block counts once its line is there, ended by a newline. Whatever lies in the pixel file beyond the last such line
is cut off when packing goes on, so that the finished files are the same, byte for byte, however often it was
interrupted.
"""

import json
import os
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from minidelve.data.door import door
from minidelve.data.feeding.bad_images import Unreadable


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
    """

    rows: list[list[int]]
    skipped: list[Unreadable]
    begin: int
    length: int

    @property
    def pixel_bytes(self) -> int:
        """How long the pixel file has to be."""
        return sum(3 * height * width for _, height, width, _ in self.rows)


def read_journal(path: Path) -> Written:
    """The journal; nothing is written where there is none. Raises DataError if it is damaged."""
    rows: list[list[int]] = []
    skipped: list[Unreadable] = []
    begin = length = 0
    content = path.read_bytes() if path.exists() else b""
    for text in content.splitlines(keepends=True):
        if not text.endswith(b"\n"):
            break  # stopped while this line was being written
        with door(str(path), "is damaged", ValueError, KeyError, TypeError, cure="give --overwrite to begin anew"):
            line = json.loads(text)
            rows.extend(line["images"])
            skipped.extend(Unreadable(*pair) for pair in line["skipped"])
            begin = line["next"]
        length += len(text)
    return Written(rows, skipped, begin, length)


def commit(block: list[Packed], skipped: list[Unreadable], begin: int, pixels: BinaryIO, journal: BinaryIO) -> None:
    """Vouch for a block whose pixels have been written and for those left out of it; `begin` is the image after it."""
    images = [[i, *image.shape[:2], crc32] for i, image, crc32 in block]
    to_disk(pixels)
    journal.write(json.dumps({"images": images, "skipped": skipped, "next": begin}).encode() + b"\n")
    to_disk(journal)


def to_disk(file: BinaryIO) -> None:
    """Wait until the disk has what was written."""
    file.flush()
    os.fsync(file.fileno())

"""A packed store: every image decoded and scaled once, its pixels read when they are asked for.

Decoding a JPEG costs far more than cropping it, and an epoch of ImageNet decodes 1.3 million of
them anew each time. A store keeps the pixels themselves:

    minidelve-store.json    format, classes, class names, shorter side, source; for each split the
                            number of images, bytes of pixels, CRC-32 of the index, images left out;
                            CRC-32 of all that (records.py)
    train.pixels            uint8, image after image, each (H, W, 3) in C order
    train.index.npy         for each image: offset in bytes, height, width, label, CRC-32 of its pixels
    val.pixels, val.index.npy

The operating system keeps what it has read while memory lasts, so from the second epoch on an image
is copied from there. Opening checks the header, the index and the size of the pixel file; an image is
compared with its checksum when it is read for the first time, and at any time by check_image.

The header says "finished": false until packing is complete. packing/ writes the files. A store of
version 1, whose header has no checksum, can still be read.
"""

import io
import os
import shlex
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.data.dataset import SPLITS, Dataset
from minidelve.data.door import door
from minidelve.data.steady import Steady, SteadyFile
from minidelve.disk import records
from minidelve.disk.files import read_file, write_whole
from minidelve.disk.npy import read_npy
from minidelve.disk.records import integer, list_of, one_of, record, switch, text
from minidelve.errors import DataError, MissingSplit

HEADER = "minidelve-store.json"
FORMAT, VERSION = "minidelve-store", 2
crc32 = integer(0, 2**32 - 1)
PLAN = {
    "format": one_of(FORMAT),
    "version": one_of(1, VERSION),
    "finished": switch,
    "classes": list_of(text, least=1),
    "class_names": list_of(text, least=1),
    "short_side": integer(1),
    "source": text,
    "on_bad_image": one_of("error", "skip"),
}
FACTS = record(
    {
        "images": integer(1),
        "pixel_bytes": integer(1),
        "index_crc32": crc32,
        "smaller": integer(0),
        "skipped": list_of(list_of(text, 2, 2)),
    }
)
SOURCE = record({"source_images": integer(0), "source_crc32": crc32})


def header_of(facts: records.Kind) -> records.Kind:
    """A header with these facts about each split."""
    splits = record({}, dict.fromkeys(SPLITS, facts))
    return record({**PLAN, "splits": splits})


FINISHED, UNFINISHED = header_of(FACTS), header_of(SOURCE)
# Little-endian by name, so that a store can be carried to any machine.
INDEX = np.dtype([("offset", "<i8"), ("height", "<i4"), ("width", "<i4"), ("label", "<i4"), ("crc32", "<u4")])
DAMAGED = OSError, ValueError  # what reading a damaged file raises
CURE = "copy the store again or pack it anew with --overwrite"


class StoreDataset(Dataset):
    """One split of a packed store. `image(i)` reads its pixels; none are kept here."""

    def __init__(self, path: str | os.PathLike[str], split: str = "train"):
        self.store = Path(path)
        self.header = read_header(self.store)
        if not self.header["finished"]:
            raise DataError(
                f"{path}: this packed store is unfinished",
                cure=f"to finish it give the command again: {pack_command(self.store, self.header)}",
            )
        if split not in self.header["splits"]:
            there = ", ".join(map(repr, self.header["splits"]))
            raise MissingSplit(
                f"{path}: this packed store has no split {split!r}", expected=there, cure="pack a source that has it"
            )
        self.facts = self.header["splits"][split]
        self.short_side: int = self.header["short_side"]
        self._index = _read_index(self.store / f"{split}.index.npy", self.facts, len(self.header["classes"]))
        self._pixels = _open(self.store / f"{split}.pixels", self.facts)
        self._compared = bytearray(len(self._index))  # images whose checksum was right
        # Python's integers: to take one out of an array of records is slow.
        self._offsets, self._heights, self._widths = (
            self._index[name].tolist() for name in ("offset", "height", "width")
        )
        super().__init__(
            name=Path(os.path.abspath(path)).name,
            kind="packed",
            split=split,
            classes=self.header["classes"],
            class_names=self.header["class_names"],
            labels=self._index["label"],
            cache_bytes=0,
        )

    def path(self, i: int) -> str:
        """The pixel file and the number of the image in it."""
        return f"{self.store / self.split}.pixels[{i}]"

    def image(self, i: int) -> np.ndarray:
        """Image i as uint8 (H, W, 3), read-only, compared with its checksum when it is read for the first time.

        Raises DataError if it is damaged, DataChanged if the file is another one since it was opened.
        """
        pixels = self._read(i)
        if not self._compared[i]:
            self._compare(i, pixels)
        return pixels

    def _read(self, i: int) -> np.ndarray:
        height, width = self._heights[i], self._widths[i]
        with door(self.path(i), "cannot be read", OSError, ValueError, cure=CURE):
            return self._pixels.read(self._offsets[i], height * width * 3).reshape(height, width, 3)

    def measure(self, i: int) -> tuple[int, int]:
        """(height, width) of image i, from the index."""
        return self._heights[i], self._widths[i]

    def check_image(self, i: int) -> None:
        """Raise DataError if the pixels of image i are not those that were packed."""
        self._compare(i, self._read(i))

    def _compare(self, i: int, pixels: np.ndarray) -> None:
        if zlib.crc32(pixels.data) != self._index["crc32"][i]:
            raise DataError(f"{self.path(i)}: is damaged (its checksum is wrong)", cure=CURE)
        self._compared[i] = 1

    def describe(self) -> str:
        """As for every data set, and how it was packed."""
        lines = [
            super().describe(),
            f"  packed   shorter side at most {self.header['short_side']}, "
            f"{self.facts['pixel_bytes'] / 1e6:,.1f} MB of pixels, from {self.header['source']}",
        ]
        if self.header["version"] == 1:
            lines.append("  checks   its header has no checksum (version 1); packed anew it has one")
        if self.facts["skipped"]:
            lines.append(
                f"  left out {len(self.facts['skipped'])} that could not be read: "
                + self.facts["skipped"][0][1]
                + ("; ..." if len(self.facts["skipped"]) > 1 else "")
            )
        return "\n".join(lines)


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether a packed store is at the path: finished or not, or with something else where its header should be."""
    return os.path.lexists(os.path.join(path, HEADER))


def read_header(store: Path) -> dict[str, Any]:
    """The header, as write_header was given it. Raises DataError if it is damaged or of another version."""
    path = store / HEADER
    with door(str(path), "is not the header of a packed store", *DAMAGED, cure=CURE):
        header = records.parse(read_file(path, records.MOST_BYTES))
        records.check(header, record({"format": one_of(FORMAT), "version": integer(1)}))
        if header["version"] > VERSION:
            found = f"{path}: is of version {header['version']}"
            raise DataError(found, expected=f"at most {VERSION}", cure="use the version of minidelve that packed it")
        if header["version"] > 1 or records.SEAL in header:
            header = records.without_seal(header)
        records.check(header, FINISHED if header.get("finished") is True else UNFINISHED)
        if len(header["class_names"]) != len(header["classes"]):
            raise ValueError(f"{len(header['classes'])} classes have {len(header['class_names'])} names")
        if len(set(header["classes"])) != len(header["classes"]):
            raise ValueError("a class is in it twice")
    return header


def _read_index(path: Path, facts: dict[str, Any], classes: int) -> np.ndarray:
    """The index of a split, compared with what the header says of it."""
    with door(str(path), "cannot be used", *DAMAGED, cure=CURE):
        size = Steady(path).size
        if size > facts["images"] * INDEX.itemsize + 2**16:
            raise ValueError(f"it is too long for {facts['images']} images")
        content = path.read_bytes()
        if zlib.crc32(content) != facts["index_crc32"]:
            raise ValueError("its checksum is wrong")
        index = read_npy(io.BytesIO(content), len(content), [INDEX], "an index of images")
        if index.shape != (facts["images"],):
            raise ValueError("it is not the index of this store")
        _check_index(index, facts, classes)
    return index


def _check_index(index: np.ndarray, facts: dict[str, Any], classes: int) -> None:
    """ValueError unless the images lie one after the other in the pixel file, each of one of the classes."""
    height, width, label = (index[name].astype(np.int64) for name in ("height", "width", "label"))
    wrong = (height < 1) | (width < 1) | (height * width > facts["pixel_bytes"]) | (label < 0) | (label >= classes)
    end = np.cumsum(np.where(wrong, 0, 3 * height * width))
    wrong |= index["offset"] != np.concatenate([[0], end[:-1]])
    if wrong.any():
        i = int(wrong.argmax())
        raise ValueError(f"what it says of image {i} cannot be: {index[i]} with {classes} classes")
    if end[-1] != facts["pixel_bytes"]:
        raise ValueError(f"its images have {end[-1]} bytes of pixels, not {facts['pixel_bytes']}")


def _open(path: Path, facts: dict[str, Any]) -> SteadyFile:
    """The pixels of a split, one image after the other, in the file."""
    with door(str(path), "cannot be read", *DAMAGED, cure=CURE):
        pixels = SteadyFile(path)
        if pixels.size != facts["pixel_bytes"]:
            raise DataError(f"{path}: has {pixels.size} bytes", expected=str(facts["pixel_bytes"]), cure=CURE)
        return pixels


def write_header(store: Path, header: dict[str, Any]) -> None:
    """Replace the header: at any moment there is the old one or the new one, never a part."""
    write_whole(store / HEADER, records.sealed(header, indent=1) + "\n")


def pack_command(store: Path, header: dict[str, Any]) -> str:
    """The command that packs, or goes on packing, the store."""
    words = ["minidelve", "data", "pack", header["source"], str(store), "--short-side", str(header["short_side"])]
    if header["on_bad_image"] != "error":
        words += ["--on-bad-image", header["on_bad_image"]]
    return shlex.join(words)

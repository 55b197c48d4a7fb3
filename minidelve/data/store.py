"""A packed store: every image decoded and scaled once, its pixels mapped into memory.

Decoding a JPEG costs far more than cropping it, and an epoch of ImageNet decodes 1.3 million of
them anew each time. A store keeps the pixels themselves:

    minidelve-store.json    format, classes, class names, shorter side, source; for each split the
                            number of images, bytes of pixels, CRC-32 of the index, images left out
    train.pixels            uint8, image after image, each (H, W, 3) in C order
    train.index.npy         for each image: offset in bytes, height, width, label, CRC-32 of its pixels
    val.pixels, val.index.npy

The operating system reads a page of the file when a pixel of it is asked for, and keeps it while
memory lasts; so an image is a view of the file, and a crop reads the rows it needs. Opening checks
the index and the size of the pixel file; the images are checked one by one by check_image, because
that reads everything.

The header says "finished": false until packing is complete. packing/ writes the files.
"""

import json
import os
import shlex
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minidelve.data.dataset import Dataset
from minidelve.data.door import door
from minidelve.errors import DataError, MissingSplit
from minidelve.files import write_whole

HEADER = "minidelve-store.json"
FORMAT, VERSION = "minidelve-store", 1
FIELDS = {
    "finished": bool,
    "classes": list,
    "class_names": list,
    "short_side": int,
    "source": str,
    "on_bad_image": str,
    "splits": dict,
}
FACTS = {"images", "pixel_bytes", "index_crc32", "smaller", "skipped"}  # of a split, when finished
# Little-endian by name, so that a store can be carried to any machine.
INDEX = np.dtype([("offset", "<i8"), ("height", "<i4"), ("width", "<i4"), ("label", "<i4"), ("crc32", "<u4")])
DAMAGED = OSError, ValueError, KeyError, TypeError, AttributeError  # what reading a damaged file raises
CURE = "copy the store again or pack it anew with --overwrite"


class StoreDataset(Dataset):
    """One split of a packed store. `image(i)` is a read-only view of the mapped file: nothing is copied."""

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
        self._index = _read_index(self.store / f"{split}.index.npy", self.facts)
        self._pixels = _map(self.store / f"{split}.pixels", self.facts)
        # Python's integers: reading one from an array of records costs more than the view itself.
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
        """Image i as uint8 (H, W, 3), a read-only view of the file."""
        start, height, width = self._offsets[i], self._heights[i], self._widths[i]
        return self._pixels[start : start + height * width * 3].reshape(height, width, 3)

    def measure(self, i: int) -> tuple[int, int]:
        """(height, width) of image i, from the index."""
        return self._heights[i], self._widths[i]

    def check_image(self, i: int) -> None:
        """Raise DataError if the pixels of image i are not those that were packed."""
        if zlib.crc32(self.image(i).data) != self._index["crc32"][i]:
            raise DataError(f"{self.path(i)}: is damaged (its checksum is wrong)", cure=CURE)

    def describe(self) -> str:
        """As for every data set, and how it was packed."""
        lines = [
            super().describe(),
            f"  packed   shorter side at most {self.header['short_side']}, "
            f"{self.facts['pixel_bytes'] / 1e6:,.1f} MB of pixels, from {self.header['source']}",
        ]
        if self.facts["skipped"]:
            lines.append(
                f"  left out {len(self.facts['skipped'])} that could not be read: "
                + self.facts["skipped"][0][1]
                + ("; ..." if len(self.facts["skipped"]) > 1 else "")
            )
        return "\n".join(lines)


def is_store(path: str | os.PathLike[str]) -> bool:
    """Whether a packed store, finished or not, is at the path."""
    return os.path.isfile(os.path.join(path, HEADER))


def read_header(store: Path) -> dict[str, Any]:
    """The header. Raises DataError if it is damaged or of another version."""
    path = store / HEADER
    with door(str(path), "is not the header of a packed store", *DAMAGED, cure=CURE):
        header = json.loads(path.read_text(encoding="utf-8"))
        if header["format"] != FORMAT:
            raise ValueError(f"format {header['format']!r}")
        if header["version"] != VERSION:
            raise DataError(
                f"{path}: is of version {header['version']}", expected=str(VERSION), cure="pack the images anew"
            )
        for key, kind in FIELDS.items():
            if not isinstance(header[key], kind):
                raise ValueError(f"{key} is {header[key]!r}")
        for facts in header["splits"].values() if header["finished"] else ():
            if missing := sorted(FACTS - facts.keys()):
                raise ValueError(f"a split is without {', '.join(missing)}")
    return header


def _read_index(path: Path, facts: dict[str, Any]) -> np.ndarray:
    """The index of a split, compared with what the header says of it."""
    with door(str(path), "cannot be used", *DAMAGED, cure=CURE):
        if zlib.crc32(path.read_bytes()) != facts["index_crc32"]:
            raise ValueError("its checksum is wrong")
        index = np.load(path, allow_pickle=False)
        if index.dtype != INDEX or index.shape != (facts["images"],):
            raise ValueError("it is not the index of this store")
    return index


def _map(path: Path, facts: dict[str, Any]) -> np.ndarray:
    """The pixels of a split: uint8, one after the other, in the file."""
    with door(str(path), "cannot be read", *DAMAGED, cure=CURE):
        size = path.stat().st_size
        if size != facts["pixel_bytes"]:
            raise DataError(f"{path}: has {size} bytes", expected=str(facts["pixel_bytes"]), cure=CURE)
        # As a plain array, which is faster to slice than a np.memmap.
        return np.memmap(path, np.uint8, "r").view(np.ndarray)


def write_header(store: Path, header: dict[str, Any]) -> None:
    """Replace the header: at any moment there is the old one or the new one, never a part."""
    write_whole(store / HEADER, json.dumps(header, indent=1) + "\n")


def pack_command(store: Path, header: dict[str, Any]) -> str:
    """The command that packs, or goes on packing, the store."""
    words = ["minidelve", "data", "pack", header["source"], str(store), "--short-side", str(header["short_side"])]
    if header["on_bad_image"] != "error":
        words += ["--on-bad-image", header["on_bad_image"]]
    return shlex.join(words)

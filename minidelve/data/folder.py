"""Data sets by path: a folder or a .zip of images, recognised by content, or the word "toy"."""

import os
from pathlib import Path

import numpy as np

from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.errors import DataError
from minidelve.data.images import decode
from minidelve.data.layouts import SPLITS, ImageNet, Layout, TinyImageNet
from minidelve.data.source import Source, open_source
from minidelve.data.toy import ToyDataset


class FolderDataset(Dataset):
    """One split of a data set in a folder or a .zip, in either layout of layouts.py."""

    def __init__(self, path: str | os.PathLike[str], split: str = "train",
                 cache_bytes: int = DEFAULT_CACHE_BYTES):
        self._source = open_source(path)
        layout = find_layout(self._source, split)
        self._members = layout.members
        super().__init__(name=Path(os.path.abspath(path)).stem, kind=layout.kind, split=split,
                         classes=layout.classes, class_names=layout.class_names,
                         labels=np.array(layout.labels), strays=layout.strays, cache_bytes=cache_bytes)

    def path(self, i: int) -> str:
        """The file of image i, or `archive.zip!member`."""
        return self._source.describe(self._members[i])

    def _load(self, i: int) -> np.ndarray:
        return decode(self._source.read(self._members[i]), self.path(i))


def find_layout(source: Source, split: str) -> Layout:
    """The layout of the source, at its top or in the only folder there."""
    top = source.entries()
    if not top.folders and not top.files:
        raise DataError(f"{source.describe()}: is empty; expected train/ and val/ in it; check the path")
    for root in ["", *top.folders] if len(top.folders) == 1 else [""]:
        folders, files = source.entries(root)
        if "wnids.txt" in files:
            return TinyImageNet(source, root, split)
        if "train" in folders or "val" in folders:
            return ImageNet(source, root, split)
    held = ", ".join([*(f"{name}/" for name in top.folders), *top.files][:4])
    raise DataError(f"{source.describe()}: holds neither train/ nor val/ but {held}; expected "
                    "train/<class>/* and val/<class>/*, or Tiny-ImageNet's wnids.txt, train/ and val/; "
                    "arrange the images so")


def open_dataset(path: str | os.PathLike[str], split: str = "train",
                 cache_bytes: int = DEFAULT_CACHE_BYTES) -> Dataset:
    """Open a split, "train" or "val", of the data set at `path`.

    `path` is a folder or a .zip, in Tiny-ImageNet's or ImageNet's layout, or the word "toy" for the
    built-in set (a folder of that name is "./toy"). Up to `cache_bytes` of decoded images stay in
    memory; see Dataset.

    Raises DataError, with a line for the user, if there is no such data set or something in its
    layout is wrong. The images themselves are looked at when they are asked for.
    """
    if split not in SPLITS:
        raise DataError(f"{os.fspath(path)}: has no split {split!r}; expected 'train' or 'val'")
    if path == "toy":
        return ToyDataset(split, cache_bytes=cache_bytes)
    return FolderDataset(path, split, cache_bytes)

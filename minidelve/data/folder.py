"""Data sets by path: a folder or archive of images or a packed store, by content, or the word "toy"."""

import os
from pathlib import Path

import numpy as np

from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.imagenet import ImageNet
from minidelve.data.images import decode
from minidelve.data.layouts import SPLITS, Layout, TinyImageNet
from minidelve.data.members import Entries
from minidelve.data.source import Source, open_source
from minidelve.data.store import StoreDataset, is_store
from minidelve.data.toy import ToyDataset
from minidelve.errors import DataError, MissingSplit

KAGGLE = "Data/CLS-LOC"  # where Kaggle's copy of ImageNet has train/ and val/


class FolderDataset(Dataset):
    """One split of a data set in a folder, a .zip or a .tar, in either layout of layouts.py."""

    def __init__(self, path: str | os.PathLike[str], split: str = "train", cache_bytes: int = DEFAULT_CACHE_BYTES):
        self._source = open_source(path)
        layout = find_layout(self._source, split)
        self._members = layout.members
        super().__init__(
            name=Path(os.path.abspath(path)).stem,
            kind=layout.kind,
            split=split,
            classes=layout.classes,
            class_names=layout.class_names,
            labels=np.array(layout.labels),
            strays=layout.strays,
            cache_bytes=cache_bytes,
        )

    def path(self, i: int) -> str:
        """The file of image i, or `archive.zip!member`."""
        return self._source.describe(self._members[i])

    def read(self, i: int) -> bytes:
        """The file of image i as it is. Raises DataError if it cannot be read."""
        return self._source.read(self._members[i])

    def _load(self, i: int) -> np.ndarray:
        return decode(self.read(i), self.path(i))


def _entries_of(source: Source, folder: str) -> Entries:
    """What a folder holds: nothing if it is not there."""
    if not folder:
        return source.entries()
    above, _, name = folder.rpartition("/")
    return source.entries(folder) if name in _entries_of(source, above).folders else Entries([], [])


def find_layout(source: Source, split: str) -> Layout:
    """The layout of the source, at its top, in the only folder there, or where Kaggle puts it."""
    top = source.entries()
    if not top.folders and not top.files:
        raise DataError(f"{source.describe()}: is empty; expected train/ and val/ in it; check the path")
    roots = ["", *top.folders] if len(top.folders) == 1 else [""]
    for root in [*roots, KAGGLE, f"ILSVRC/{KAGGLE}"]:
        folders, files = _entries_of(source, root)
        if "wnids.txt" in files:
            return TinyImageNet(source, root, split)
        names = {*folders, *(files if source.opens_tars else [])}
        if any(not names.isdisjoint(of_split) for of_split in ImageNet.split_names.values()):
            return ImageNet(source, root, split)
    held = ", ".join([*(f"{name}/" for name in top.folders), *top.files][:4])
    raise DataError(
        f"{source.describe()}: holds neither train/ nor val/ but {held}; expected "
        "train/<class>/* and val/<class>/*, or Tiny-ImageNet's wnids.txt, train/ and val/; "
        "arrange the images so"
    )


def open_dataset(path: str | os.PathLike[str], split: str = "train", cache_bytes: int = DEFAULT_CACHE_BYTES) -> Dataset:
    """Open a split, "train" or "val", of the data set at `path`.

    `path` is a folder, a .zip or a .tar, in Tiny-ImageNet's or ImageNet's layout, a packed store (see
    packing.py), or the word "toy" for the built-in set (a folder of that name is "./toy"). Up to
    `cache_bytes` of decoded images stay in memory; see Dataset.

    Raises DataError with a line for the user if there is no such data set or something in its layout is
    wrong; MissingSplit, a DataError too, if only the split is missing. The images themselves are
    looked at when they are asked for.
    """
    if split not in SPLITS:
        raise DataError(f"{os.fspath(path)}: has no split {split!r}; expected 'train' or 'val'")
    if path == "toy":
        return ToyDataset(split, cache_bytes=cache_bytes)
    if is_store(path):
        return StoreDataset(path, split)
    return FolderDataset(path, split, cache_bytes)


def open_splits(path: str | os.PathLike[str], cache_bytes: int = DEFAULT_CACHE_BYTES) -> list[Dataset]:
    """Every split that the data set has, train before val. Raises DataError if it has none."""
    found: list[Dataset] = []
    missing = None
    for split in SPLITS:
        try:
            found.append(open_dataset(path, split, cache_bytes))
        except MissingSplit as error:
            missing = error
    if missing and not found:
        raise missing
    return found

"""Data sets by path: a folder or archive of images or a packed store, by content, or the word "toy"."""

import os

from minidelve.data.dataset import DEFAULT_CACHE_BYTES, SPLITS, Dataset
from minidelve.data.fetching import DOWNLOADS
from minidelve.data.folder import FolderDataset
from minidelve.data.store import StoreDataset, is_store
from minidelve.data.toy.toy import ToyDataset
from minidelve.errors import DataError, MissingSplit


def open_dataset(path: str | os.PathLike[str], split: str = "train", cache_bytes: int = DEFAULT_CACHE_BYTES) -> Dataset:
    """Open a split, "train" or "val", of the data set at `path`.

    `path` is a folder, a .zip or a .tar, in Tiny-ImageNet's or ImageNet's layout, a packed store
    (store.py), or the word "toy" for the built-in set (a folder of that name is "./toy"). Up to
    `cache_bytes` of decoded images stay in memory; see Dataset.

    Raises DataError with a line for the user if there is no such data set or something in its layout is
    wrong; MissingSplit, a DataError too, if only the split is missing. The images themselves are
    looked at when they are asked for.
    """
    if split not in SPLITS:
        raise DataError(f"{os.fspath(path)}: has no split {split!r}; expected 'train' or 'val'")
    if path == "toy":
        return ToyDataset(split, cache_bytes=cache_bytes)
    if download := download_of(path):
        raise DataError(f"{os.fspath(path)}: does not exist", cure=f"to download it: minidelve data fetch {download}")
    if is_store(path):
        return StoreDataset(path, split)
    return FolderDataset(path, split, cache_bytes)


def download_of(path: str | os.PathLike[str]) -> str | None:
    """The name by which a set that is not there can be fetched, told by its own or by that of its file."""
    if os.path.exists(path):
        return None
    called = os.path.basename(path)
    files = {name: os.path.basename(remote.url) for name, remote in DOWNLOADS.items()}
    return next((name for name, file in files.items() if called in (name, file, os.path.splitext(file)[0])), None)


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

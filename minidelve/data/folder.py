"""A data set of image files, in a folder or an archive."""

import os
from pathlib import Path

import numpy as np

from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.images.decoding import decode, size_of
from minidelve.data.layouts.finding import find_layout
from minidelve.data.sources.source import open_source


class FolderDataset(Dataset):
    """One split of a data set in a folder, a .zip or a .tar, in one of the layouts/."""

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

    def measure(self, i: int) -> tuple[int, int]:
        """(height, width) of image i, from the header of its file."""
        return size_of(self.read(i), self.path(i))

    def _load(self, i: int) -> np.ndarray:
        return decode(self.read(i), self.path(i))

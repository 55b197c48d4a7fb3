"""Images, labels and batches. Start reading at dataset.py; loader.py is where training meets it."""

from minidelve.data.colour import ColourAlteration
from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.errors import DataError
from minidelve.data.folder import FolderDataset, open_dataset
from minidelve.data.images import decode
from minidelve.data.loader import Loader
from minidelve.data.statistics import Statistics, compute_statistics
from minidelve.data.toy import ToyDataset, write_toy
from minidelve.data.transforms import (
    CenterCrop,
    Compose,
    RandomCrop,
    RandomFlip,
    ResizeShorterSide,
    ScaleJitter,
    ShrinkShorterSide,
    Transform,
)

__all__ = [
    "DEFAULT_CACHE_BYTES",
    "CenterCrop",
    "ColourAlteration",
    "Compose",
    "DataError",
    "Dataset",
    "FolderDataset",
    "Loader",
    "RandomCrop",
    "RandomFlip",
    "ResizeShorterSide",
    "ScaleJitter",
    "ShrinkShorterSide",
    "Statistics",
    "ToyDataset",
    "Transform",
    "compute_statistics",
    "decode",
    "open_dataset",
    "write_toy",
]

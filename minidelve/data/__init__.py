"""Images, labels and batches. Start reading at dataset.py; loader.py is where training meets it."""

from minidelve.data.colour import ColourAlteration
from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.fetching import DOWNLOADS, Remote, fetch
from minidelve.data.folder import FolderDataset, open_dataset, open_splits
from minidelve.data.images import decode
from minidelve.data.loader import Loader
from minidelve.data.packing import pack
from minidelve.data.statistics import Statistics, compute_statistics
from minidelve.data.store import StoreDataset
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
from minidelve.errors import DataError, MissingSplit

__all__ = [
    "DEFAULT_CACHE_BYTES",
    "CenterCrop",
    "ColourAlteration",
    "Compose",
    "DOWNLOADS",
    "DataError",
    "Dataset",
    "FolderDataset",
    "Loader",
    "MissingSplit",
    "RandomCrop",
    "RandomFlip",
    "Remote",
    "ResizeShorterSide",
    "ScaleJitter",
    "ShrinkShorterSide",
    "Statistics",
    "StoreDataset",
    "ToyDataset",
    "Transform",
    "compute_statistics",
    "decode",
    "fetch",
    "open_dataset",
    "open_splits",
    "pack",
    "write_toy",
]

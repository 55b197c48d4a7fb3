"""Images, labels and batches: everything between a path on the disk and the arrays that a network is fed.

A set whose images are files in folders or an archive is a layout (layouts/); one that keeps its pixels otherwise is a
Dataset of its own beside store.py.

Not here: tensors and networks. Nothing of minidelve is imported but the ground (errors.py, progress.py, disk/, ...).
At the root of this room are the data sets (dataset.py is where to start) and opening.py, which finds the one that a
path means; feeding/loader.py is where training meets them.
"""

from minidelve.data.copying import split, subset
from minidelve.data.dataset import DEFAULT_CACHE_BYTES, Dataset
from minidelve.data.feeding.bad_images import ADVICE, BadImages, Unreadable
from minidelve.data.feeding.loader import Loader
from minidelve.data.feeding.sizes import smaller_than
from minidelve.data.feeding.statistics import Statistics, compute_statistics
from minidelve.data.feeding.stream import ImageStream, Picture
from minidelve.data.fetching import DOWNLOADS, Remote, fetch
from minidelve.data.folder import FolderDataset
from minidelve.data.images.colour import ColourAlteration
from minidelve.data.images.decoding import decode, from_pillow
from minidelve.data.images.transforms import (
    CenterCrop,
    Compose,
    RandomCrop,
    RandomFlip,
    ResizeShorterSide,
    ScaleJitter,
    ShrinkShorterSide,
    Transform,
)
from minidelve.data.opening import open_dataset, open_splits
from minidelve.data.packing.pack import pack
from minidelve.data.part import Part, hold_out, open_for_training, open_tested
from minidelve.data.store import StoreDataset
from minidelve.data.toy.toy import ToyDataset, write_toy
from minidelve.errors import DataError, MissingSplit

__all__ = [
    "ADVICE",
    "DEFAULT_CACHE_BYTES",
    "BadImages",
    "CenterCrop",
    "ColourAlteration",
    "Compose",
    "DOWNLOADS",
    "DataError",
    "Dataset",
    "FolderDataset",
    "ImageStream",
    "Loader",
    "MissingSplit",
    "Part",
    "Picture",
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
    "Unreadable",
    "compute_statistics",
    "decode",
    "fetch",
    "from_pillow",
    "hold_out",
    "open_dataset",
    "open_for_training",
    "open_splits",
    "open_tested",
    "pack",
    "smaller_than",
    "split",
    "subset",
    "write_toy",
]

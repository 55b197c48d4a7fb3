"""Which layout a source has, told by its content.

Tiny-ImageNet's has a wnids.txt. Either may lie one folder deeper, as it does when an archive was made from, or
unpacked into, a folder of its own.
"""

from minidelve.data.layouts.imagenet import ImageNet
from minidelve.data.layouts.layout import Layout
from minidelve.data.layouts.tiny_imagenet import TinyImageNet
from minidelve.data.sources.members import Entries
from minidelve.data.sources.source import Source
from minidelve.errors import DataError

KAGGLE = "Data/CLS-LOC"  # where Kaggle's copy of ImageNet has train/ and val/


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

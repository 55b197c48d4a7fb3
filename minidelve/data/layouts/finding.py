"""Which layout a source has, told by its content.

Tiny-ImageNet's has a wnids.txt, or a val_annotations.txt in val/. Either may lie one folder deeper, as it does when
an archive was made from, or unpacked into, a folder of its own.
"""

import difflib

from minidelve.data.layouts.imagenet import ClassFolders, ImageNet
from minidelve.data.layouts.layout import WITHIN, Layout, is_image
from minidelve.data.layouts.tiny_imagenet import ANNOTATIONS, TinyImageNet
from minidelve.data.sources.members import Entries, join
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
        raise DataError(f"{source.describe()}: is empty", expected="train/ and val/ in it", cure="check the path")
    roots = ["", *top.folders] if len(top.folders) == 1 else [""]
    for root in [*roots, KAGGLE, f"ILSVRC/{KAGGLE}"]:
        folders, files = _entries_of(source, root)
        if "wnids.txt" in files or ANNOTATIONS in _entries_of(source, join(root, "val")).files:
            return TinyImageNet(source, root, split)
        names = {*folders, *(files if source.opens_tars else [])}
        if any(not names.isdisjoint(of_split) for of_split in ImageNet.split_names.values()):
            return ImageNet(source, root, split)
    for root in roots:
        if _holds_classes(source, root):
            return ClassFolders(source, root, split)
    raise _unknown(source)


def _holds_classes(source: Source, root: str) -> bool:
    """Whether there are at least two folders in `root`, and images in each."""
    folders = _entries_of(source, root).folders
    return len(folders) > 1 and all(
        any(map(is_image, [*_entries_of(source, at).files, *_entries_of(source, join(at, WITHIN)).files]))
        for at in (join(root, folder) for folder in folders)
    )


def _unknown(source: Source) -> DataError:
    """The error for a source of neither layout: what it holds, and a name that may be misspelt."""
    top = source.entries()
    held = ", ".join([*(f"{name}/" for name in top.folders), *top.files][:4])
    near = [name for name in top.folders if difflib.get_close_matches(name.lower(), ("train", "val"), 1, 0.7)]
    return DataError(
        f"{source.describe()}: holds neither train/ nor val/ but {held}",
        expected="train/<class>/* and val/<class>/*, or Tiny-ImageNet's wnids.txt, train/ and val/",
        cure=f"rename {near[0]}/ or arrange the images so" if near else "arrange the images so",
    )

"""Which layout a source has, told by its content.

Tiny-ImageNet's has a wnids.txt, or a val_annotations.txt in val/. Either may lie one folder deeper, as it does when
an archive was made from, or unpacked into, a folder of its own.
"""

from minidelve.data.layouts.imagenet import ClassFolders, ImageNet
from minidelve.data.layouts.layout import WITHIN, Layout, is_image
from minidelve.data.layouts.tiny_imagenet import ANNOTATIONS, TinyImageNet
from minidelve.data.layouts.unknown import is_run, unknown
from minidelve.data.sources.members import Entries, join
from minidelve.data.sources.source import Source

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
    roots = ["", *top.folders] if len(top.folders) == 1 else [""]
    for root in [*roots, KAGGLE, f"ILSVRC/{KAGGLE}"]:
        if layout := _layout_of(source, root):
            return layout(source, root, split)
    for root in roots:
        if _holds_classes(source, root):
            return ClassFolders(source, root, split)
    raise unknown(source, lambda root: bool(_layout_of(source, root)) or _holds_classes(source, root))


def _layout_of(source: Source, root: str) -> type[Layout] | None:
    """The layout that names its splits in `root`, if there is one."""
    folders, files = _entries_of(source, root)
    if "wnids.txt" in files or ANNOTATIONS in _entries_of(source, join(root, "val")).files:
        return TinyImageNet
    names = {*folders, *(files if source.opens_tars else [])}
    is_split = any(not names.isdisjoint(of_split) for of_split in ImageNet.split_names.values())
    return ImageNet if is_split else None


def _holds_classes(source: Source, root: str) -> bool:
    """Whether there are at least two folders in `root`, and images in each, which are not the curves of a run."""
    folders = [join(root, folder) for folder in _entries_of(source, root).folders]
    return len(folders) > 1 and all(
        any(map(is_image, [*_entries_of(source, at).files, *_entries_of(source, join(at, WITHIN)).files]))
        and not is_run(_entries_of(source, at))
        for at in folders
    )

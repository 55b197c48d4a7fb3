"""A source of no layout: what it seems to be, and what to give in its place."""

import difflib
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from minidelve.data.dataset import SPLITS
from minidelve.data.layouts.layout import WITHIN, is_image
from minidelve.data.sources.members import Entries, join
from minidelve.data.sources.source import Source
from minidelve.data.store import HEADER
from minidelve.errors import DataError

ARCHIVES = (".zip", ".tar", ".tgz", ".gz", ".bz2", ".xz", ".zst", ".7z", ".rar")
RUN = {"last.npz", "best.npz"}
CHECKPOINT = {"mean.npy", "meta.npy"}
DEEPEST = 3  # folders below the top in which a data set is looked for,
MOST_FOLDERS = 200  # and how many of them
LAYOUTS = "train/<class>/* and val/<class>/*, or Tiny-ImageNet's wnids.txt, train/ and val/"


def unknown(source: Source, is_set: Callable[[str], bool]) -> DataError:
    """The error for it. `is_set` tells whether a data set is in a folder of the source."""
    top, name = source.entries(), source.describe()
    if not top.folders and not top.files:
        return DataError(f"{name}: is empty", expected="train/ and val/ in it", cure="check the path")
    if kind := kind_of(source, top):
        return DataError(f"{name}: is {kind[0]}", expected="a data set", cure=kind[1])
    if within := set_within(source, is_set):
        cure = f"give {source.describe(within)}" if source.opens_tars else f"unpack it, and give its {within}/"
        return DataError(f"{name}: holds a data set in {within}/", expected="one at the top", cure=cure)
    if archives := [file for file in top.files if file.lower().endswith(ARCHIVES)]:
        cure = f"give {source.describe(archives[0])}" if source.opens_tars and len(archives) == 1 else "unpack it there"
        found = f"{name}: holds another archive, {archives[0]}, which is not looked into"
        return DataError(found, expected=LAYOUTS, cure=cure)
    held = ", ".join([*(f"{folder}/" for folder in top.folders), *top.files][:4])
    near = [folder for folder in top.folders if difflib.get_close_matches(folder.lower(), SPLITS, 1, 0.7)]
    return DataError(
        f"{name}: holds neither train/ nor val/ but {held}",
        expected=LAYOUTS,
        cure=f"rename {near[0]}/ or arrange the images so" if near else "arrange the images so",
    )


def kind_of(source: Source, top: Entries) -> tuple[str, str] | None:
    """What the source is called, and what to do, if it is known by what lies at its top."""
    if is_run(top):
        return "the folder of a training run", "give the images that it was trained on, which its config.json names"
    if top.folders and all(is_run(source.entries(folder)) for folder in top.folders):
        return "a folder of training runs", "give the images that they were trained on"
    if CHECKPOINT.issubset(top.files):
        return "a checkpoint of a training run", "give the images that it was trained on"
    if HEADER in top.files:
        return "a packed store in an archive", "unpack it, and give its folder"
    if any(f"{split}.pixels" in top.files for split in SPLITS):
        return f"a packed store without its {HEADER}", "copy that too, or pack it anew"
    inside = source.entries(top.folders[0]).files if len(top.folders) == 1 else [] if top.folders else top.files
    if any(map(is_image, inside)):
        alone = bool(top.folders) and top.folders != [WITHIN]
        found = f"a set of one class alone, {top.folders[0]}/" if alone else "a folder of pictures, as of one class"
        return found, "add a second class" if alone else f"give {above(source)}"
    return None


def is_run(found: Entries) -> bool:
    """Whether a folder with this in it is that of a run."""
    return not RUN.isdisjoint(found.files)


def above(source: Source) -> str:
    """The folder that a class's folder may be meant to be in: where train/ and val/ are, if it is in one of them."""
    all_classes = "a folder for each class"
    if not source.opens_tars:
        return f"an archive with {all_classes}"
    folder = Path(os.path.abspath(source.path)).parent
    return f"a folder that has {all_classes}, perhaps {folder.parent if folder.name in SPLITS else folder}"


def set_within(source: Source, is_set: Callable[[str], bool]) -> str | None:
    """The first folder with a data set in it, as far as it is worth looking."""
    for folder in islice(folders_below(source), MOST_FOLDERS):
        with suppress(DataError):  # of a folder that cannot be listed
            if is_set(folder):
                return folder
    return None


def folders_below(source: Source) -> Iterator[str]:
    """The folders of a source, those at the top first."""
    level = [""]
    for _ in range(DEEPEST):
        below: list[str] = []
        for folder in level[:MOST_FOLDERS]:
            with suppress(DataError):
                below += [join(folder, name) for name in source.entries(folder).folders]
        yield from below
        level = below

"""A data set made from another: some classes of it, or its training images split in two; files are copied as they are.

What is written is ImageNet's layout, train/<class>/* and val/<class>/*, with the names of the classes in words.txt, in
a new folder or, where the destination ends in .zip, in an archive. Its images keep their order within a class, so
training on the copy sees the images in the order of the original.
"""

import os
import random
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from minidelve.data.dataset import Dataset
from minidelve.data.folder import FolderDataset
from minidelve.data.opening import open_dataset, open_splits
from minidelve.data.part import Part, hold_out
from minidelve.disk.files import disk_errors, writing_whole
from minidelve.disk.owning import check_links, new_folder, own_file
from minidelve.errors import DataError, MissingSplit
from minidelve.progress import Track, untracked

Write = Callable[[str, bytes], None]  # (path within the data set, content)
OLDEST = (1980, 1, 1, 0, 0, 0)  # of a zip's dates: one for all, so that the same images give the same archive


def choose_classes(classes: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` of the classes drawn by the seed, sorted; DataError if there are fewer."""
    if count > len(classes):
        raise DataError(f"--classes {count} is more than the data set has", expected=f"at most {len(classes)}")
    return sorted(random.Random(seed).sample(sorted(classes), count))


def subset(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    classes: int | Sequence[str],
    seed: int = 0,
    track: Track = untracked,
) -> dict[str, int]:
    """Copy the images of some classes, a number of them drawn by `seed` or those that are named; images a split.

    Raises DataError for a class that is not there, and for whatever stands in the way of reading or writing.
    """
    splits = [of_files(dataset) for dataset in open_splits(source, cache_bytes=0)]
    known = splits[0].classes
    chosen = choose_classes(known, classes, seed) if isinstance(classes, int) else list(classes)
    for wnid in chosen:
        if wnid not in known:
            raise DataError(
                f"{source}: has no class {wnid!r}",
                expected=f"one of its {len(known)}, such as {known[0]!r}",
                cure=f"minidelve data {source} --all-classes lists them",
            )
    wanted = {known.index(wnid) for wnid in chosen}
    parts = [
        Part(dataset, [i for i, label in enumerate(dataset.labels.tolist()) if label in wanted], dataset.split)
        for dataset in splits
    ]
    return copy(parts, destination, track)


def split(
    source: str | os.PathLike[str],
    destination: str | os.PathLike[str],
    val_fraction: float,
    seed: int = 0,
    track: Track = untracked,
) -> dict[str, int]:
    """Copy a set that has training images only into one with train/ and val/; the number of images in each.

    The images held out are those of `train --val-fraction` with the same seed. Raises DataError if the set has a val/
    already, and for whatever stands in the way of reading or writing.
    """
    dataset = of_files(open_dataset(source, "train", cache_bytes=0))
    try:
        open_dataset(source, "val", cache_bytes=0)
    except MissingSplit:
        return copy(hold_out(dataset, val_fraction, seed), destination, track)
    raise DataError(
        f"{source}: has validation images already",
        expected="a set with training images only",
        cure="train on it as it is, or give train --val-fraction to hold out others",
    )


def of_files(dataset: Dataset) -> FolderDataset:
    """The data set, if it is of image files. Raises DataError for a packed store and for the toy images."""
    if not isinstance(dataset, FolderDataset):
        cure = "write it by minidelve data --write-toy" if dataset.kind == "toy" else "give what it was packed from"
        raise DataError(f"{dataset.name}: holds no image files to copy", expected="a folder, .zip or .tar", cure=cure)
    return dataset


def copy(parts: Sequence[Part], destination: str | os.PathLike[str], track: Track = untracked) -> dict[str, int]:
    """Write the parts, one for each split; how many images each has."""
    place = Path(destination)
    used = {label for part in parts for label in part.labels.tolist()}
    with writing(place) as write:
        names = [(parts[0].classes[label], parts[0].class_names[label]) for label in sorted(used)]
        write("words.txt", "".join(f"{wnid}\t{' '.join(name.split())}\n" for wnid, name in names).encode())
        for part in parts:
            for i in track(range(len(part)), len(part), f"copying {part.split}"):
                file = part.path(i).replace("\\", "/").rpartition("/")[2]
                write(f"{part.split}/{part.classes[part.labels[i]]}/{file}", part.read(i))
    return {part.split: len(part) for part in parts}


@contextmanager
def writing(place: Path) -> Iterator[Write]:
    """A function that writes a file of a new data set; the set is there when the block ends, or nothing is.

    Raises DataError if something is there already or if it cannot be written.
    """
    what = f"{place}:"
    if place.suffix.lower() != ".zip":
        with new_folder(place, what, DataError) as root:

            def write(name: str, content: bytes) -> None:
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)

            yield write
        return
    check_links(place.parent, what, DataError)
    with disk_errors(what, error=DataError):
        place.absolute().parent.mkdir(parents=True, exist_ok=True)
    with own_file(place, what, DataError):
        if os.path.lexists(place):
            raise DataError(f"{what} already exists", cure="name a new one")
        with disk_errors(what, error=DataError), writing_whole(place) as file, zipfile.ZipFile(file, "w") as archive:
            # pictures hardly compress
            yield lambda name, content: archive.writestr(zipfile.ZipInfo(name, OLDEST), content)

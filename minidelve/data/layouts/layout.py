"""What every layout needs: where are the images of a split, and what are they?

A layout is a subclass that finds the classes and the images; finding.py tells from the content which one it is.

A label is the position of the class id in sorted order, whatever the order of wnids.txt or of the
disk. The classes of the training split hold for the validation split too.

Files with an image's suffix (decoding.py lists them), in any case, are images. The images of a class lie in its
folder, or in a folder images/ there as in Tiny-ImageNet. Anything else that has no place in the layout is kept in
`strays`, so that nothing is left aside without a word; hidden files (.DS_Store, ._x, Thumbs.db) alone are not
mentioned.
"""

import difflib
from collections.abc import Collection, Iterator

from minidelve.data.dataset import SPLITS
from minidelve.data.images.decoding import SUFFIXES
from minidelve.data.sources.members import join
from minidelve.data.sources.source import Source, read_lines
from minidelve.errors import DataError, MissingSplit

WITHIN = "images"  # the folder in a class's folder where its images may lie
HOLD_OUT = "hold out some training images: train with --val-fraction 0.1, or write a new set by minidelve data split"


class Layout:
    """One split: `classes` and `class_names`; `members` and their `labels`; `strays`.

    A subclass finds the classes and the images. Everything raises DataError for what is wrong.
    """

    kind: str
    split_names: dict[str, tuple[str, ...]] = {split: (split,) for split in SPLITS}  # what its folder may be called

    def __init__(self, source: Source, root: str, split: str):
        self.source, self.root, self.split = source, root, split
        self.members: list[str] = []
        self.labels: list[int] = []
        self.strays: list[str] = []
        self.folder_of = self._find_folders()
        self._list_top()
        if split not in self.folder_of:
            raise self._missing_split()
        self.folder = self.folder_of[split]
        self.classes = self._find_classes()
        self.class_names = self._find_names()
        self._find_images()

    def _missing_split(self) -> MissingSplit:
        """The error for a split without a folder; for val/, how to have one."""
        cure = f"use the split {next(iter(self.folder_of))!r} or add the folder" if self.folder_of else "add it"
        if self.split == "val":
            cure = f"add it, or {HOLD_OUT}"
        return MissingSplit(
            f"{self.source.describe(self._member(self.split))}: is missing",
            expected="the folder of that split",
            cure=cure,
        )

    def _find_folders(self) -> dict[str, str]:
        """The folder, or the .tar that stands for it, of each split that is there."""
        found = self.source.entries(self.root)
        names = {*found.folders, *(found.files if self.source.opens_tars else [])}
        return {
            split: next(name for name in of_split if name in names)
            for split, of_split in self.split_names.items()
            if not names.isdisjoint(of_split)
        }

    def _list_top(self) -> None:
        """Note what at the top belongs to no split."""
        self._list(folders=(*self.folder_of.values(), *SPLITS, "test"), files=self._top_files())

    def _top_files(self) -> list[str]:
        """The files that belong at the top."""
        return ["wnids.txt", "words.txt", *self.folder_of.values()]

    def _find_classes(self) -> list[str]:
        """The class ids, sorted."""
        raise NotImplementedError

    def _find_images(self) -> None:
        """Call _add for every image of the split."""
        raise NotImplementedError

    def _find_names(self) -> list[str]:
        """The classes in words; a class without an entry keeps its id."""
        names = dict(self._names())
        return [names.get(wnid) or wnid for wnid in self.classes]

    def _names(self) -> Iterator[tuple[str, str]]:
        """The id and name on each line of words.txt, if there is one."""
        there = "words.txt" in self.source.entries(self.root).files
        for line in self._lines(self._member("words.txt")) if there else []:
            wnid, tab, words = line.partition("\t")
            if not tab:
                raise self._error(
                    "words.txt",
                    f"has the line {line!r}",
                    expected="an id, a tab and a name",
                    cure="correct the line",
                )
            yield wnid.strip(), words.strip()

    # What both layouts need. Paths are given below the root, as in _list("train", wnid).

    def _member(self, *parts: str) -> str:
        return join(self.root, *parts)

    def _error(self, path: str, problem: str, expected: str = "", cure: str = "") -> DataError:
        return self._error_at(self._member(path), problem, expected, cure)

    def _error_at(self, member: str, problem: str, expected: str = "", cure: str = "") -> DataError:
        return DataError(f"{self.source.describe(member)}: {problem}", expected=expected, cure=cure)

    def _list(self, *parts: str, folders: Collection[str] | None = (), files: Collection[str] | None = ()):
        """The names of folders and of files in a folder. Those not expected become strays.

        `folders` and `files` are the names that are expected there; None stands for all.
        """
        found = self.source.entries(self._member(*parts))
        for names, expected, end in ((found.folders, folders, "/"), (found.files, files, "")):
            if expected is not None:
                self.strays += [self._member(*parts, name) + end for name in names if name not in expected]
        return found

    def _lines(self, member: str) -> list[str]:
        """The lines of a text file, without blank ones."""
        return read_lines(self.source, member)

    def _images_of_class(self, *parts: str, files: Collection[str] = ()) -> list[tuple[str, ...]]:
        """The images of a class, each as the parts of its path: in its folder or, if it has none, in images/ there.

        `files` are those that belong in its folder beside them.
        """
        inside = self._list(*parts, folders=None, files=None)
        if WITHIN in inside.folders and not any(map(is_image, inside.files)):
            self._list(*parts, folders=(WITHIN,), files=files)
            parts, files = (*parts, WITHIN), ()
        return [(*parts, name) for name in self._images(*parts, files=files)]

    def _images(self, *parts: str, folders: Collection[str] = (), files: Collection[str] = ()) -> list[str]:
        """The names of the images in a folder, at least one; `folders` and `files` belong there too."""
        found = self._list(*parts, folders=folders, files=None)
        images = [name for name in found.files if is_image(name)]
        others = [name for name in found.files if not is_image(name)]
        if not images:
            names = [*(f"{name}/" for name in found.folders), *others]
            raise self._error(
                "/".join(parts),
                f"holds no image ({'only ' + ', '.join(names[:3]) if names else 'no file at all'})",
                expected=f"files ending in {', '.join(SUFFIXES)}",
                cure="add some or remove the class",
            )
        self.strays += [self._member(*parts, name) for name in others if name not in files]
        return images

    def _add(self, label: int, *parts: str) -> None:
        self.members.append(self._member(*parts))
        self.labels.append(label)

    def _check_same(self, path: str, found: list[str], listed_in: str) -> None:
        """Raise DataError for a class folder that is not a class."""
        for name in sorted(set(found) - set(self.classes)):
            near = difflib.get_close_matches(name.lower(), [wnid.lower() for wnid in self.classes], 1, 0.8)
            like = next((wnid for wnid in self.classes if near and wnid.lower() == near[0]), self.classes[0])
            raise self._error(
                f"{path}/{name}",
                f"is not a class of {listed_in}",
                expected=f"one of its {len(self.classes)} classes, such as {like!r}",
                cure="add the class there or remove the folder",
            )


def is_image(file: str) -> bool:
    """Whether a file is an image by its suffix."""
    return file.lower().endswith(SUFFIXES)

"""What every layout needs: where are the images of a split, and what are they?

A layout is a subclass that finds the classes and the images; finding.py tells from the content which one it is.

A label is the position of the class id in sorted order, whatever the order of wnids.txt or of the
disk. The classes of the training split hold for the validation split too.

Files that end in .jpeg, .jpg or .png, in any case, are images. Anything else that has no place in
the layout is kept in `strays`, so that nothing is left aside without a word; hidden files
(.DS_Store, ._x, Thumbs.db) alone are not mentioned.
"""

from collections.abc import Collection, Iterator

from minidelve.data.dataset import SPLITS
from minidelve.data.images.decoding import SUFFIXES
from minidelve.data.sources.source import Source, read_lines
from minidelve.errors import DataError, MissingSplit


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
        self._list(folders=(*self.folder_of.values(), *SPLITS, "test"), files=self._top_files())
        if split not in self.folder_of:
            there = list(self.folder_of)
            raise MissingSplit(
                f"{source.describe(self._member(split))}: is missing",
                expected="the folder of that split",
                cure=f"use the split {there[0]!r} or add the folder" if there else "add it",
            )
        self.folder = self.folder_of[split]
        self.classes = self._find_classes()
        self.class_names = self._find_names()
        self._find_images()

    def _find_folders(self) -> dict[str, str]:
        """The folder, or the .tar that stands for it, of each split that is there."""
        found = self.source.entries(self.root)
        names = {*found.folders, *(found.files if self.source.opens_tars else [])}
        return {
            split: next(name for name in of_split if name in names)
            for split, of_split in self.split_names.items()
            if not names.isdisjoint(of_split)
        }

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
                    "words.txt", f"has the line {line!r}; expected an id, a tab and a name; correct the line"
                )
            yield wnid.strip(), words.strip()

    # What both layouts need. Paths are given below the root, as in _list("train", wnid).

    def _member(self, *parts: str) -> str:
        return "/".join(part for part in (self.root, *parts) if part)

    def _error(self, path: str, problem: str) -> DataError:
        return self._error_at(self._member(path), problem)

    def _error_at(self, member: str, problem: str) -> DataError:
        return DataError(f"{self.source.describe(member)}: {problem}")

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

    def _images(self, *parts: str) -> list[str]:
        """The names of the images in a folder, at least one."""
        found = self._list(*parts, files=None)
        images = [name for name in found.files if name.lower().endswith(SUFFIXES)]
        others = [name for name in found.files if not name.lower().endswith(SUFFIXES)]
        if not images:
            held = "only " + ", ".join(others[:3]) if others else "no file at all"
            raise self._error(
                "/".join(parts),
                f"holds no image ({held}); expected files ending in "
                f"{', '.join(SUFFIXES)}; add some or remove the class",
            )
        self.strays += [self._member(*parts, name) for name in others]
        return images

    def _add(self, label: int, *parts: str) -> None:
        self.members.append(self._member(*parts))
        self.labels.append(label)

    def _check_same(self, path: str, found: list[str], listed_in: str) -> None:
        """Raise DataError for a class folder that is not a class."""
        for name in sorted(set(found) - set(self.classes)):
            raise self._error(
                f"{path}/{name}",
                f"is not a class of {listed_in}; expected one of its "
                f"{len(self.classes)} classes, such as {self.classes[0]!r}; "
                "add the class there or remove the folder",
            )

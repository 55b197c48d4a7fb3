"""The two layouts that ImageNet comes in: where are the images of a split, and what are they?

This file has what both need, and Tiny-ImageNet's. imagenet.py has the other, with its archives.

    tiny-imagenet                              imagenet
      wnids.txt        a class id a line         words.txt          optional
      words.txt        id TAB name, optional     train/<class>/*
      train/<id>/images/*                        val/<class>/*
      val/images/*
      val/val_annotations.txt
                       file TAB id TAB box

The content shows which one it is: the first has a wnids.txt. Either may lie one folder deeper, as
it does when an archive was made from, or unpacked into, a folder of its own.

A label is the position of the class id in sorted order, whatever the order of wnids.txt or of the
disk. The classes of the training split hold for the validation split too.

Files that end in .jpeg, .jpg or .png, in any case, are images. Anything else that has no place in
the layout is kept in `strays`, so that nothing is left aside without a word; hidden files
(.DS_Store, ._x, Thumbs.db) alone are not mentioned.
"""

from collections.abc import Collection, Iterator

from minidelve.data.images import SUFFIXES
from minidelve.data.source import Source
from minidelve.errors import DataError, MissingSplit

SPLITS = ("train", "val")


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
                str(
                    self._error(
                        split,
                        "is missing; expected the folder of that split; "
                        + (f"use the split {there[0]!r} or add the folder" if there else "add it"),
                    )
                )
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
        """The classes in words; the id where there is no entry."""
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
        try:
            text = self.source.read(member).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise self._error_at(member, f"is no UTF-8 text ({error.reason}); save it as UTF-8") from error
        return [line for line in text.splitlines() if line.strip()]

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
        """Raise DataError for a class folder that is no class."""
        for name in sorted(set(found) - set(self.classes)):
            raise self._error(
                f"{path}/{name}",
                f"is no class of {listed_in}; expected one of its "
                f"{len(self.classes)} classes, such as {self.classes[0]!r}; "
                "add the class there or remove the folder",
            )


class TinyImageNet(Layout):
    """Class ids in wnids.txt; validation labels in a list of their own."""

    kind = "tiny-imagenet"

    def _find_classes(self):
        ids = [line.strip() for line in self._lines(self._member("wnids.txt"))]
        if not ids:
            raise self._error("wnids.txt", "is empty; expected a class id on each line; fetch it again")
        for wnid, following in zip(sorted(ids), sorted(ids)[1:], strict=False):
            if wnid == following:
                raise self._error("wnids.txt", f"names {wnid!r} twice; expected every class once; remove a line")
        return sorted(ids)

    def _find_images(self):
        if self.split == "train":
            self._find_training_images()
        else:
            self._find_validation_images()

    def _find_training_images(self):
        found = self._list("train", folders=None)
        self._check_same("train", found.folders, "wnids.txt")
        for label, wnid in enumerate(self.classes):
            if wnid not in found.folders:
                raise self._error(
                    f"train/{wnid}",
                    "is missing; expected a folder for each class that wnids.txt names; add it or remove the line",
                )
            # The boxes say where the object is: of no use to a classifier.
            inside = self._list("train", wnid, folders=("images",), files=(f"{wnid}_boxes.txt",))
            if "images" not in inside.folders:
                raise self._error(
                    f"train/{wnid}/images",
                    "is missing; expected the images of the class in this folder; move them there or remove wnids.txt",
                )
            for image in self._images("train", wnid, "images"):
                self._add(label, "train", wnid, "images", image)

    def _find_validation_images(self):
        self._list("val", folders=("images",), files=("val_annotations.txt",))
        label = {wnid: i for i, wnid in enumerate(self.classes)}
        annotated = self._annotations()
        images = self._images("val", "images")
        for name in sorted(annotated.keys() - set(images)):
            raise self._error(
                f"val/images/{name}",
                "is missing; expected the image that val_annotations.txt names; add it or remove the line",
            )
        for name in images:
            if name not in annotated:
                raise self._error(
                    f"val/images/{name}",
                    "has no label; expected a line for it in val_annotations.txt; add the line or remove the image",
                )
            if annotated[name] not in label:
                raise self._error(
                    "val/val_annotations.txt",
                    f"gives {name} the class {annotated[name]!r}; "
                    "expected one that wnids.txt names; correct the line or add the class",
                )
            self._add(label[annotated[name]], "val", "images", name)

    def _annotations(self) -> dict[str, str]:
        """The class id of each validation image, by the image's name."""
        path = "val/val_annotations.txt"
        annotated: dict[str, str] = {}
        for line in self._lines(self._member(path)):
            name, *rest = (part.strip() for part in line.split("\t"))
            if not rest or name in annotated:
                problem = "names an image twice" if rest else "has no second column"
                raise self._error(
                    path,
                    f"{problem} in the line {line!r}; expected image, tab, class id, "
                    "once for each image; correct the line",
                )
            annotated[name] = rest[0]
        return annotated

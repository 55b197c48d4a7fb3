"""ImageNet's layout: a folder for each class, or what image-net.org and Kaggle really hand out.

    <class>/*           where there is no train/: a set of training images only
    train/<class>/*  or  train/<class>.tar  or  ILSVRC2012_img_train.tar, a tar of class tars
    val/<class>/*    or  val/* and a list   or  ILSVRC2012_img_val.tar and a list

val/ may be called valid/ or validation/ too. A .tar stands for the folder of its name; where both are there the
folder is used and the .tar is listed as a stray. The list (see val_labels.py) lies in val/, beside it, or in a folder
above, as Kaggle's LOC_val_solution.csv does. Names of the classes come from words.txt or from Kaggle's
LOC_synset_mapping.txt ("n01440764 tench, Tinca tinca").
"""

from functools import partial

from minidelve.data.layouts.layout import Layout, is_image
from minidelve.data.layouts.val_labels import (
    agreed,
    is_bare,
    is_label_list,
    is_number,
    labels_by_name,
    labels_in_order,
    named_values,
)
from minidelve.data.sources.members import join

NAMES = "LOC_synset_mapping.txt"
IDS = "map_clsloc.txt"


class ImageNet(Layout):
    """A folder or a .tar for each class in each split, or a flat val/ with a list of labels."""

    kind = "imagenet"
    split_names = {
        split: (split, f"{split}.tar", f"ILSVRC2012_img_{split}", f"ILSVRC2012_img_{split}.tar", *others)
        for split, others in (("train", ("training",)), ("val", ("valid", "validation")))
    }

    def _top_files(self):
        return [
            *super()._top_files(),
            NAMES,
            IDS,
            *(name for name in self.source.entries(self.root).files if is_label_list(name)),
        ]

    def _class_folders(self, split: str) -> dict[str, str]:
        """Class -> the name of its folder or .tar in the split."""
        folders, files = self.source.entries(self._member(self.folder_of[split]))
        found = {name: name for name in folders}
        for name in files if self.source.opens_tars else []:
            if name.endswith(".tar"):
                found.setdefault(name.removesuffix(".tar"), name)
        return dict(sorted(found.items()))

    def _find_classes(self):
        # A set without training images is labelled by the classes it has: enough to evaluate on.
        split = "train" if "train" in self.folder_of else "val"
        classes = list(self._class_folders(split))
        if not classes and split == "val" and self._is_flat():
            classes = self._classes_of_the_list()
        if not classes:
            raise self._error(
                self.folder_of[split],
                "holds no class folder",
                expected="<class>/*.JPEG",
                cure="sort the images into a folder for each class",
            )
        return classes

    def _find_images(self):
        if self.split == "val" and self._is_flat():
            return self._find_flat_images()
        folders = self._class_folders(self.split)
        beside = () if self.folder else self._top_files()
        self._list(self.folder, folders=folders.values(), files=(*folders.values(), *beside))
        self._check_same(self.folder, list(folders), "train/")
        label = {name: i for i, name in enumerate(self.classes)}
        for name, folder in folders.items():
            for image in self._images_of_class(self.folder, folder):
                self._add(label[name], *image)

    def _find_names(self):
        path = self._beside(NAMES)
        names = dict(super()._names())
        for line in self._lines(path) if path and not names else []:
            wnid, _, words = line.strip().partition(" ")
            names[wnid] = words.strip()
        return [names.get(wnid) or wnid for wnid in self.classes]

    # A flat val/

    def _is_flat(self) -> bool:
        """Whether the images of val/ lie in it directly."""
        files = self.source.entries(self._member(self.folder_of["val"])).files
        return not self._class_folders("val") and any(map(is_image, files))

    def _find_flat_images(self):
        images = self._images(self.folder)
        path, labels = agreed(self._label_lists(), partial(self._labels_of, images), self._error_at)
        self.strays = [stray for stray in self.strays if stray != path and not stray.endswith("/" + IDS)]
        for name, label in zip(images, labels, strict=True):
            self._add(label, self.folder, name)

    def _labels_of(self, images: list[str], path: str) -> list[int]:
        """The labels that a list gives the images. Raises DataError if it does not fit them."""
        lines, fail = self._lines(path), partial(self._error_at, path)
        if is_bare(lines):
            return labels_in_order(images, lines, self.classes, self._ilsvrc_ids(), fail)
        return labels_by_name(images, named_values(lines, fail), self.classes, fail)

    def _classes_of_the_list(self) -> list[str]:
        """The classes of a flat val/ without training images, by the ids in its list or beside it."""
        path = self._label_lists()[0]
        lines = self._lines(path)
        if not is_bare(lines):
            ids = set(named_values(lines, partial(self._error_at, path)).values())
            if not all(map(is_number, ids)):
                return sorted(ids)
        elif self._beside(IDS):
            return sorted((self._ilsvrc_ids() or {}).values())
        names = self._beside(NAMES)
        if not names:
            raise self._error_at(
                path,
                "gives numbers, and there is no train/ to tell their classes",
                expected=f"{NAMES} with a class id on each line",
                cure="add it, or a list of class ids",
            )
        return sorted(line.split()[0] for line in self._lines(names))

    def _label_lists(self) -> list[str]:
        """The files that may be the list of labels: in val/, else at the root, else above; those with names first."""
        for place in self._places():
            found = [name for name in self.source.entries(place).files if is_label_list(name)]
            if found:
                found.sort(key=lambda name: ("ground_truth" in name, name))
                return [join(place, name) for name in found]
        raise self._error(
            self.folder_of["val"],
            "holds images but no class folders, and there is no list of their labels",
            expected="one such as val.txt with lines 'image class-id', or LOC_val_solution.csv",
            cure="add it there or beside it",
        )

    def _ilsvrc_ids(self) -> dict[str, str] | None:
        """ILSVRC2012_ID -> class id, from map_clsloc.txt; None if there is none."""
        path = self._beside(IDS)
        if path is None:
            return None
        rows = [line.split() for line in self._lines(path)]
        if any(len(row) < 2 or not is_number(row[1]) for row in rows):
            raise self._error_at(
                path,
                "has a line without a number in second place",
                expected="'n02119789 1 kit_fox'",
                cure="get the file again",
            )
        return {row[1]: row[0] for row in rows}

    def _places(self) -> list[str]:
        """val/, the root and the folders above it."""
        places, place = [self._member(self.folder_of["val"])] if "val" in self.folder_of else [], self.root
        while place:
            places.append(place)
            place = place.rpartition("/")[0]
        return [*places, ""]

    def _beside(self, file: str) -> str | None:
        """The member of this name in one of the places, None if there is none."""
        for place in self._places():
            if file in self.source.entries(place).files:
                return join(place, file)
        return None


class ClassFolders(ImageNet):
    """A folder for each class and nothing around them: all the images are of the training split."""

    def _find_folders(self):
        return {"train": ""}

    def _list_top(self):
        """The top is the folder of the training split, whose listing notes what belongs to none."""

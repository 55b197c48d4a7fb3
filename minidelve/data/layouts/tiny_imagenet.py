"""Tiny-ImageNet's layout: class ids in wnids.txt, validation labels in a list of their own.

    wnids.txt                  a class id a line; without it the folders of train/ are the classes
    words.txt                  id TAB name, optional
    train/<id>/images/*        or train/<id>/*
    val/images/*               or val/*
    val/val_annotations.txt    file TAB id TAB box

Many sort the validation images into a folder for each class, as other programs want them: val/<id>/images/* or
val/<id>/*. The folder then says the class, and a list that was left there is not read.
"""

from minidelve.data.layouts.layout import WITHIN, Layout, is_image

ANNOTATIONS = "val_annotations.txt"


class TinyImageNet(Layout):
    """Class ids in wnids.txt; validation labels in a list of their own, or class folders."""

    kind = "tiny-imagenet"

    def _find_classes(self):
        if "wnids.txt" not in self.source.entries(self.root).files:
            return self.source.entries(self._member("train")).folders
        ids = sorted(line.strip() for line in self._lines(self._member("wnids.txt")))
        if not ids:
            raise self._error("wnids.txt", "is empty", expected="a class id on each line", cure="fetch it again")
        for wnid, following in zip(ids, ids[1:], strict=False):
            if wnid == following:
                raise self._error(
                    "wnids.txt", f"names {wnid!r} twice", expected="every class once", cure="remove a line"
                )
        return ids

    def _find_images(self):
        if self.split == "train":
            self._find_images_in_class_folders("train", self._list("train", folders=None).folders)
        else:
            self._find_validation_images()

    def _find_images_in_class_folders(self, split: str, folders: list[str]):
        listed = "wnids.txt" in self.source.entries(self.root).files
        self._check_same(split, folders, "wnids.txt" if listed else "train/")
        for label, wnid in enumerate(self.classes):
            if wnid in folders:
                # The boxes say where the object is: of no use to a classifier.
                for image in self._images_of_class(split, wnid, files=(f"{wnid}_boxes.txt",)):
                    self._add(label, *image)
            elif split == "train":
                raise self._error(
                    f"train/{wnid}",
                    "is missing",
                    expected="a folder for each class that wnids.txt names",
                    cure="add it or remove the line",
                )

    def _find_validation_images(self):
        folders = self.source.entries(self._member("val")).folders
        sorted_into = [name for name in folders if name in self.classes]
        flat = ("val", WITHIN) if WITHIN in folders else ("val",)
        any_flat = any(map(is_image, self.source.entries(self._member(*flat)).files))
        if sorted_into and any_flat:
            raise self._error(
                "/".join(flat),
                f"holds images, and val/{sorted_into[0]}/ is a class folder",
                expected=f"all images of val/ in one folder with {ANNOTATIONS}, or all in class folders",
                cure="move them or remove one of the two",
            )
        if sorted_into:
            self._list("val", folders=sorted_into, files=(ANNOTATIONS,))
            self._find_images_in_class_folders("val", [name for name in folders if name != WITHIN])
        else:
            self._list("val", folders=flat[1:], files=None if len(flat) == 1 else (ANNOTATIONS,))
            self._find_annotated_images(flat)

    def _find_annotated_images(self, folder: tuple[str, ...]):
        label = {wnid: i for i, wnid in enumerate(self.classes)}
        annotated = self._annotations()
        images = self._images(*folder, files=(ANNOTATIONS,))
        path = "/".join(folder)
        for name in sorted(annotated.keys() - set(images)):
            raise self._error(
                f"{path}/{name}",
                "is missing",
                expected=f"the image that {ANNOTATIONS} names",
                cure="add it or remove the line",
            )
        for name in images:
            if name not in annotated:
                raise self._error(
                    f"{path}/{name}",
                    "has no label",
                    expected=f"a line for it in {ANNOTATIONS}",
                    cure="add the line or remove the image",
                )
            if annotated[name] not in label:
                raise self._error(
                    f"val/{ANNOTATIONS}",
                    f"gives {name} the class {annotated[name]!r}",
                    expected="one that wnids.txt names",
                    cure="correct the line or add the class",
                )
            self._add(label[annotated[name]], *folder, name)

    def _annotations(self) -> dict[str, str]:
        """The class id of each validation image, by the image's name."""
        path = f"val/{ANNOTATIONS}"
        if ANNOTATIONS not in self.source.entries(self._member("val")).files:
            raise self._error(
                path,
                "is missing",
                expected="the classes of the images in val/, or a folder for each class there",
                cure="fetch the set again or sort the images",
            )
        annotated: dict[str, str] = {}
        for line in self._lines(self._member(path)):
            name, *rest = (part.strip() for part in line.split("\t"))
            if not rest or name in annotated:
                problem = "names an image twice" if rest else "has no second column"
                raise self._error(
                    path,
                    f"{problem} in the line {line!r}",
                    expected="image, tab, class id, once for each image",
                    cure="correct the line",
                )
            annotated[name] = rest[0]
        return annotated

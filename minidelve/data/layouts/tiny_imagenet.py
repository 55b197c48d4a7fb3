"""Tiny-ImageNet's layout: class ids in wnids.txt, validation labels in a list of their own.

wnids.txt                  a class id a line
words.txt                  id TAB name, optional
train/<id>/images/*
val/images/*
val/val_annotations.txt    file TAB id TAB box
"""

from minidelve.data.layouts.layout import Layout


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

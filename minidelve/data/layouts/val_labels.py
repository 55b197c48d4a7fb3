"""The class of each validation image, where val/ is one flat folder of images and a list.

ImageNet's 50,000 validation images come without class folders. Lists that people have for them:

    ILSVRC2012_val_00000001.JPEG n01751748                 name and class id; also by tab or comma
    ILSVRC2012_val_00000001,n01751748 111 108 420 510      Kaggle's LOC_val_solution.csv, with boxes
    ILSVRC2012_val_00000001.JPEG 65                        caffe's val.txt: the class's position, from
                                                           0, among the sorted class ids
    490                                                    ILSVRC2012_validation_ground_truth.txt: a
                                                           number a line, images in sorted order

The trap is in the last one. Its numbers are ILSVRC2012_IDs, which follow meta.mat of the
development kit and not the sorted ids: 490 is n01751748, position 65. Taken for positions they
mislabel nearly every image, and a network only seems to have learned nothing. So such a list is used
together with the kit's map_clsloc.txt ("n02119789 1 kit_fox") and refused without it.
"""

import re
from collections.abc import Callable

from minidelve.data.images.decoding import SUFFIXES
from minidelve.errors import DataError

HEADERS = {"imageid", "image_id", "image", "filename", "file_name", "file", "fname", "name"}
Fail = Callable[[str], DataError]  # the error for a problem with the list, with its path


def is_label_list(file: str) -> bool:
    """Whether a file is named like a list of validation labels."""
    name = file.lower()
    return re.search("(?<![a-z])val", name) is not None and name.endswith((".txt", ".csv"))


def stem(name: str) -> str:
    """An image's name without folders and suffix: the lists differ in both."""
    name = name.rpartition("/")[2]
    return name.rpartition(".")[0] if name.lower().endswith(SUFFIXES) else name


def is_bare(lines: list[str]) -> bool:
    """Whether a list holds numbers only, without names of images."""
    return all(line.strip().isdecimal() for line in lines)


def named_values(lines: list[str], fail: Fail) -> dict[str, str]:
    """The second column of a list by the image's stem. Raises DataError for a line that has none."""
    values: dict[str, str] = {}
    for number, line in enumerate(lines):
        name, *rest = re.split(r"[\s,;]+", line.strip())
        if number == 0 and name.lower() in HEADERS:
            continue
        if not rest or stem(name) in values:
            problem = "names an image twice" if rest else "has no second column"
            raise fail(
                f"{problem} in the line {line!r}; expected image and class, once for each image; correct the line"
            )
        values[stem(name)] = rest[0]
    return values


def labels_by_name(images: list[str], values: dict[str, str], classes: list[str], fail: Fail) -> list[int]:
    """The label of each image from `named_values`, which are class ids or positions among the classes."""
    stems = [stem(name) for name in images]
    missing = sorted(values.keys() - set(stems))
    if missing:
        raise fail(f"names {missing[0]!r}, which is not there; expected the image; add it or remove the line")
    unlisted = sorted(set(stems) - values.keys())
    if unlisted or len(set(stems)) < len(stems):
        twice = unlisted or sorted(name for name in stems if stems.count(name) > 1)
        problem = "has no line" if unlisted else "stands for two images, of different suffix,"
        raise fail(f"{problem} for {twice[0]!r}; expected one for each image; correct the list or remove the image")
    label = {name: i for i, name in enumerate(classes)}
    if all(value.isdecimal() for value in values.values()) and not set(values.values()) <= label.keys():
        label = _positions(values, classes, fail)
    for name in stems:
        if values[name] not in label:
            raise fail(
                f"gives {name} the class {values[name]!r}; expected one of the {len(classes)} classes, "
                f"such as {classes[0]!r}; correct the line or add the class"
            )
    return [label[values[name]] for name in stems]


def _positions(values: dict[str, str], classes: list[str], fail: Fail) -> dict[str, int]:
    """Each number that occurs -> the label it stands for."""
    numbers = {value: int(value) for value in values.values()}
    if max(numbers.values()) >= len(classes):
        raise fail(
            f"holds the number {max(numbers.values())}; expected positions from 0 to {len(classes) - 1} "
            "among the sorted class ids; numbers from 1 are as a rule ILSVRC2012_IDs, another order: "
            "get a list with class ids"
        )
    return numbers


def labels_in_order(
    images: list[str], lines: list[str], classes: list[str], id_of: dict[str, str] | None, fail: Fail
) -> list[int]:
    """The label of each image from bare ILSVRC2012_IDs; `id_of` is their class id, by map_clsloc.txt."""
    if id_of is None:
        raise fail(
            "holds bare numbers: ILSVRC2012_IDs, which do not follow the order of the class ids, so as "
            "labels they would be wrong; expected map_clsloc.txt of the ILSVRC development kit beside "
            "this file, or a list of image names and class ids; add one of them"
        )
    if len(lines) != len(images):
        raise fail(f"has {len(lines)} lines for {len(images)} images; expected one for each; get all the images")
    label = {name: i for i, name in enumerate(classes)}
    for line in sorted({line.strip() for line in lines}):
        if id_of.get(line) not in label:
            raise fail(
                f"holds the number {line}, by map_clsloc.txt {id_of.get(line, 'no class')}; expected one of "
                f"the {len(classes)} classes of train/; correct one of the two"
            )
    return [label[id_of[line.strip()]] for line in lines]

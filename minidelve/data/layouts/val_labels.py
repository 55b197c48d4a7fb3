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

Files that are named like a list and are none lie beside it in the ILSVRC kit: its blacklist names images by number,
and where it has as many lines as there are images only its name tells. So when several files fit as lists, they must
agree.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from minidelve.data.layouts.layout import is_image
from minidelve.errors import DataError

MOST_DIGITS = 9  # of a class's number
HEADERS = {"imageid", "image_id", "image", "filename", "file_name", "file", "fname", "name"}
NO_LABELS = re.compile("black_?-?list|read_?-?me|licen[cs]e|checksum|md5|sha1|sha256")


class Fail(Protocol):
    """The error for a problem with a list, with its path."""

    def __call__(self, problem: str, expected: str, cure: str) -> DataError: ...


def is_label_list(file: str) -> bool:
    """Whether a file is named like a list of validation labels."""
    name = file.lower()
    named = re.search("(?<![a-z])val", name) is not None and name.endswith((".txt", ".csv"))
    return named and not NO_LABELS.search(name)


def stem(name: str) -> str:
    """An image's name without folders and suffix: the lists differ in both."""
    name = re.split(r"[/\\]", name)[-1]
    return name.rpartition(".")[0] if is_image(name) else name


def is_number(text: str) -> bool:
    """Whether a word is a number, short enough to be one of a class."""
    return text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS


def is_bare(lines: list[str]) -> bool:
    """Whether a list holds numbers only, without names of images."""
    return all(is_number(line.strip()) for line in lines)


def agreed(
    lists: list[str], labels_of: Callable[[str], list[int]], error_at: Callable[..., DataError]
) -> tuple[str, list[int]]:
    """The first of the lists that fits, and its labels; `labels_of` raises DataError for one that does not.

    Raises DataError if none fits (the first one's error), or if two fit and differ (`error_at` makes it).
    """
    fitting: dict[str, list[int]] = {}
    problem = None
    for path in lists:
        try:
            fitting[path] = labels_of(path)
        except DataError as error:
            problem = problem or error
    if not fitting:
        assert problem is not None
        raise problem
    first, labels = next(iter(fitting.items()))
    for other in fitting:
        if fitting[other] != labels:
            raise error_at(
                first,
                f"gives the validation images other classes than {other}",
                expected="one list of labels",
                cure="remove the wrong one",
            )
    return first, labels


def named_values(lines: list[str], fail: Fail) -> dict[str, str]:
    """The second column of a list by the image's stem. Raises DataError for a line that has none."""
    values: dict[str, str] = {}
    for number, line in enumerate(lines):
        name, *rest = re.split(r"[\s,;]+", line.strip())
        if number == 0 and name.lower() in HEADERS:
            continue
        if not rest or stem(name) in values:
            problem = "names an image twice" if rest else "has no second column"
            raise fail(f"{problem} in the line {line!r}", "image and class, once for each image", "correct the line")
        values[stem(name)] = rest[0]
    return values


def labels_by_name(images: list[str], values: dict[str, str], classes: list[str], fail: Fail) -> list[int]:
    """The label of each image from `named_values`, which are class ids or positions among the classes."""
    stems = [stem(name) for name in images]
    missing = sorted(values.keys() - set(stems))
    if missing:
        raise fail(f"names {missing[0]!r}, which is not there", "the image", "add it or remove the line")
    unlisted = sorted(set(stems) - values.keys())
    if unlisted:
        raise fail(f"has no line for {unlisted[0]!r}", "one for each image", "correct the list or remove the image")
    name, times = max(Counter(stems).items(), key=lambda pair: pair[1])
    if times > 1:
        raise fail(
            f"has a line for {name!r}, which stands for {times} images, of different suffix",
            "one for each image",
            "rename or remove an image",
        )
    label = {name: i for i, name in enumerate(classes)}
    # Where the classes themselves are called 1, 2, 3, a number is a class id and never a position.
    if all(map(is_number, values.values())) and not any(map(is_number, classes)):
        label = _positions(values, classes, fail)
    for name in stems:
        if values[name] not in label:
            raise fail(
                f"gives {name} the class {values[name]!r}",
                f"one of the {len(classes)} classes, such as {classes[0]!r}",
                "correct the line or add the class",
            )
    return [label[values[name]] for name in stems]


def _positions(values: dict[str, str], classes: list[str], fail: Fail) -> dict[str, int]:
    """Each number that occurs -> the label it stands for.

    Positions are counted from 0. A list in which 0 never occurs may count from 1, and no number in it can tell: read
    as it stands it would then shift every label by one.
    """
    numbers = {value: int(value) for value in values.values()}
    lowest, highest = min(numbers.values()), max(numbers.values())
    if lowest > 0 or highest >= len(classes):
        raise fail(
            f"holds the numbers {lowest} to {highest}" if lowest > 0 else f"holds the number {highest}",
            f"positions from 0 to {len(classes) - 1} among the sorted class ids; numbers from 1 are as a rule "
            "ILSVRC2012_IDs, another order, or are shifted by one",
            "get a list with class ids",
        )
    return numbers


def labels_in_order(
    images: list[str], lines: list[str], classes: list[str], id_of: dict[str, str] | None, fail: Fail
) -> list[int]:
    """The label of each image from bare ILSVRC2012_IDs; `id_of` is their class id, by map_clsloc.txt."""
    if id_of is None:
        raise fail(
            "holds bare numbers: ILSVRC2012_IDs, which do not follow the order of the class ids, so as "
            "labels they would be wrong",
            "map_clsloc.txt of the ILSVRC development kit beside this file, or a list of image names and class ids",
            "add one of them",
        )
    if len(lines) != len(images):
        raise fail(f"has {len(lines)} lines for {len(images)} images", "one for each", "get all the images")
    label = {name: i for i, name in enumerate(classes)}
    for line in sorted({line.strip() for line in lines}):
        if id_of.get(line) not in label:
            raise fail(
                f"holds the number {line}, by map_clsloc.txt {id_of.get(line, 'no class')}",
                f"one of the {len(classes)} classes of train/",
                "correct one of the two",
            )
    return [label[id_of[line.strip()]] for line in lines]

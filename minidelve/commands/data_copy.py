"""`minidelve data subset` and `data split`: a data set made from another, its image files copied as they are."""

from __future__ import annotations

import argparse
import errno
import os
from typing import Any

from minidelve import data
from minidelve.commands.arguments import add_command, at_least, data_path, some_path
from minidelve.data.layouts.val_labels import is_number
from minidelve.errors import DataError
from minidelve.models.option import share
from minidelve.progress import say, show_images

MOST_BYTES = 2**23  # of a list of classes, as of the lists in a data set
LAYOUT = """
The copy is in ImageNet's layout, train/<class>/* and val/<class>/*; a DST that ends in .zip becomes an archive.
"""
SUBSET = """
minidelve data subset tiny-imagenet-200.zip tiny-imagenet-20.zip --classes 20
minidelve data subset imagenet dogs --classes dogs.txt
minidelve train --data tiny-imagenet-20.zip --epochs 20 --out runs/tiny
"""
SPLIT = """
minidelve data split my-images my-set --val-fraction 0.1
minidelve train --data my-set --out runs/mine
"""


def add_to(subparsers: Any) -> None:
    """Declare both actions."""
    parser = add_command(subparsers, "data subset", "copy some classes of a data set", SUBSET, run_subset)
    parser.description += "\n" + LAYOUT
    add_places(parser)
    parser.add_argument(
        "--classes",
        required=True,
        metavar="N|FILE",
        help="how many, drawn by --seed; or a text file with a class id at the beginning of each line",
    )
    add_seed(parser)
    parser = add_command(subparsers, "data split", "hold out validation images of a set without any", SPLIT, run_split)
    parser.description += (
        "\n" + LAYOUT + "\ntrain --val-fraction holds out the same images, for the same seed, without a copy.\n"
    )
    add_places(parser)
    parser.add_argument(
        "--val-fraction", type=share, default=0.1, metavar="SHARE", help="of the images of each class (default 0.1)"
    )
    add_seed(parser)


def add_places(parser: argparse.ArgumentParser) -> None:
    """SRC and DST."""
    parser.add_argument("source", type=data_path, metavar="SRC", help="folder, .zip or .tar of images")
    parser.add_argument("destination", type=some_path, metavar="DST", help="a new folder or .zip")


def add_seed(parser: argparse.ArgumentParser) -> None:
    """--seed."""
    parser.add_argument("--seed", type=at_least(0), default=0, metavar="N", help="of what is drawn (default 0)")


def run_subset(args: argparse.Namespace) -> int:
    """Copy the classes."""
    return report(args, data.subset(args.source, args.destination, classes(args.classes), args.seed, show_images))


def run_split(args: argparse.Namespace) -> int:
    """Copy all images, some of them into val/."""
    return report(args, data.split(args.source, args.destination, args.val_fraction, args.seed, show_images))


def report(args: argparse.Namespace, images: dict[str, int]) -> int:
    """Say what was copied, and what to do with it."""
    counts = " and ".join(f"{count} images of {split}" for split, count in images.items())
    say(f"{counts} are in {args.destination}; train on them with --data {args.destination}")
    return 0


def classes(text: str) -> int | list[str]:
    """How many classes, or the class ids in the file of this name."""
    if is_number(text) and int(text) > 0:
        return int(text)
    try:
        with open(text, "rb") as file:  # a pipe may be one too, as in --classes <(choose-classes)
            content = file.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise OSError(errno.EFBIG, f"it is longer than {MOST_BYTES:,} bytes")
        lines = content.decode("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise DataError(
            f"--classes {text} cannot be read ({reason})",
            expected="a number of classes or a text file of class ids",
            cure="check the path" if not os.path.exists(text) else "save the ids as plain text",
        ) from error
    ids = list(dict.fromkeys(line.split()[0] for line in lines if line.strip() and not line.startswith("#")))
    if not ids:
        raise DataError(f"--classes {text} names no class", expected="a class id at the beginning of each line")
    return ids

"""`minidelve data`: what is in a data set; the toy set as files; a sheet of pictures.

Its actions, which have files of their own: data_pack.py, data_fetch.py, data_copy.py (`data subset`, `data split`).
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from minidelve import data
from minidelve.commands.arguments import add_command, at_least, data_path, some_path
from minidelve.commands.contact_sheet import contact_sheet
from minidelve.commands.new_file import NewFile, add_overwrite_option
from minidelve.data.dataset import SPLITS
from minidelve.errors import RunError
from minidelve.progress import progress, say, show_images

SAMPLE = 100  # images looked at for their sizes
FEW = 25  # classes shown without --all-classes
EXAMPLE = """
minidelve data
minidelve data tiny-imagenet-20.zip --check
minidelve data toy --split train --sheet toy.png
minidelve data --write-toy toy-images
minidelve data fetch tiny-imagenet --dir downloads
minidelve data subset tiny-imagenet-200.zip tiny-imagenet-20.zip --classes 20
minidelve data split my-images my-set --val-fraction 0.1
minidelve data pack ILSVRC imagenet-256 --short-side 256
minidelve data imagenet-256 --check --size 224
"""
MORE = """
Four actions have a --help of their own:
  minidelve data fetch NAME      download a data set by name
  minidelve data subset SRC DST  copy some of the classes
  minidelve data split SRC DST   hold out validation images of a set that has none
  minidelve data pack SRC DST    decode and scale every image once, into a store that is fast to read
(A folder that is called like an action is ./fetch and so on.)
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "data", "describe a data set, or write the toy set to disk", EXAMPLE, run)
    parser.description += "\n" + MORE
    parser.add_argument(
        "path",
        nargs="?",
        type=data_path,
        default="toy",
        metavar="PATH|toy",
        help="folder, .zip, .tar or packed store (default toy)",
    )
    parser.add_argument("--split", choices=SPLITS, help="only this one (default both)")
    parser.add_argument("--all-classes", action="store_true", help=f"list every class, not only the first {FEW}")
    parser.add_argument(
        "--check", action="store_true", help="decode every image, of a store compare its checksum, and name bad ones"
    )
    parser.add_argument(
        "--size", type=at_least(1), metavar="N", help="with --check: images smaller than a crop of N pixels are bad too"
    )
    parser.add_argument("--sheet", type=some_path, metavar="FILE.png", help="draw a sheet of pictures, a row per class")
    add_overwrite_option(parser)
    parser.add_argument(
        "--write-toy", type=some_path, metavar="DIR", help="write the toy set into a new folder, in ImageNet's layout"
    )


def run(args: argparse.Namespace) -> int:
    """Describe, and write what was asked for; exit code 1 if --check finds a bad image."""
    sheet = NewFile(f"--sheet {args.sheet}", args.sheet, args.overwrite, ("png",)) if args.sheet else None
    if args.write_toy:
        if args.sheet or args.check or args.size:
            raise RunError("--write-toy only writes; draw or check in a second command, with its folder as PATH")
        data.write_toy(args.write_toy, track=show_images)
        say(f"the toy set is in {args.write_toy}; train on it with --data {args.write_toy}")
        return 0
    if args.size and not args.check:
        raise RunError(f"--size {args.size} is for --check", cure="give --check too")
    if args.split:
        splits = [data.open_dataset(args.path, args.split, cache_bytes=0)]
    else:
        splits = data.open_splits(args.path, cache_bytes=0)
    for dataset in splits:
        say(dataset.describe())
        say(f"  sizes    {sizes(dataset)}\n")
    say(class_table(splits, len(splits[0].classes) if args.all_classes else FEW))
    if sheet:
        content, shown = contact_sheet(splits[0])
        sheet.write(content)
        less = f" (the first {shown} classes)" if shown < len(splits[0].classes) else ""
        say(f"\na sheet of the split {splits[0].split} is in {args.sheet}{less}")
    return check(splits, args.size) if args.check else 0


def sizes(dataset: data.Dataset) -> str:
    """The widths and heights of a sample, and how many of it are bad."""
    numbers, bad = dataset.sample(SAMPLE), data.BadImages(dataset, "skip")
    shapes = [image.shape[:2] for _, image in bad.images(numbers)]
    looked = f" ({len(numbers)} images looked at)"
    broken = f"; {len(bad.skipped)} of them cannot be read, --check names them" if bad.skipped else ""
    if not shapes:
        return f"unknown{looked}{broken}"
    if len(set(shapes)) == 1:
        return f"all {shapes[0][1]} x {shapes[0][0]} pixels{looked}{broken}"
    height, width = ([min(v), int(np.median(v)), max(v)] for v in zip(*shapes, strict=True))
    return f"width {_range(width)}, height {_range(height)} pixels{looked}{broken}"


def _range(values: list[int]) -> str:
    return f"{values[0]} to {values[2]}, median {values[1]}"


def class_table(splits: list[data.Dataset], most: int) -> str:
    """A line per class: its id, how many images each split has of it, and its name."""
    classes, names = splits[0].classes, splits[0].class_names
    counts = [np.bincount(dataset.labels, minlength=len(classes)) for dataset in splits]
    width = max(len("class"), *(len(wnid) for wnid in classes[:most]))
    lines = [f"{'class':<{width}}" + "".join(f"{dataset.split:>8}" for dataset in splits) + "  name"]
    for i, (wnid, name) in enumerate(zip(classes[:most], names, strict=False)):
        lines.append(f"{wnid:<{width}}" + "".join(f"{count[i]:>8}" for count in counts) + f"  {name}")
    if len(classes) > most:
        lines.append(f"... and {len(classes) - most} more; --all-classes lists them")
    return "\n".join(lines)


def check(splits: Sequence[data.Dataset], size: int | None = None) -> int:
    """Decode every image, or compare its checksum; 1 if some are bad. With `size`, those smaller are bad too."""
    found = 0
    say()
    for dataset in splits:
        bad, smallest = data.BadImages(dataset, "skip"), (math.inf, "")
        for i in progress(range(len(dataset)), len(dataset), f"checking {dataset.split}", unit="image"):
            problem = bad.check(i)
            if problem is None:
                height, width = dataset.measure(i)
                smallest = min(smallest, (min(height, width), f"{width} x {height} pixels ({dataset.path(i)})"))
            reasons = [problem.reason] if problem else [str(e) for _, e in data.smaller_than(dataset, size or 0, [i])]
            for reason in reasons:
                say(f"bad: {reason}")
            found += len(reasons)
        if smallest[1]:
            side, which = smallest
            say(f"the smallest of {dataset.split}: {which}; a --size above {side} needs --short-side, which enlarges")
    say(f"{sum(map(len, splits))} images checked, {found} bad")
    return 1 if found else 0

"""`minidelve predict`: the likeliest classes of pictures, as text and as a drawing."""

from __future__ import annotations

import argparse
import glob
import os
from collections.abc import Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from minidelve import data
from minidelve.commands.arguments import (
    add_command,
    add_device_options,
    add_precision_option,
    add_run_argument,
    at_least,
    data_path,
    some_path,
)
from minidelve.commands.meant import closest
from minidelve.commands.new_file import NewFile, add_overwrite_option
from minidelve.errors import RunError
from minidelve.evaluation.predict import describe, draw, first_name, predict, stand_ins_of
from minidelve.evaluation.runs import check_data_set
from minidelve.progress import say
from minidelve.training import checkpoint
from minidelve.training.device import check_device, within_device_memory
from minidelve.training.run_folder import find_checkpoint
from minidelve.training.views import views

MOST_DRAWN = 40
COUNT = 12  # pictures of a data set
EXAMPLE = """
minidelve predict runs/first picture.jpg
minidelve predict runs/tiny a.JPEG b.png --top 3 --out guesses.png
minidelve predict runs/first toy-images/val/*/0000?.png                     # the folders say the right classes
minidelve predict runs/tiny fish.jpg --truth goldfish                       # the right class is marked
minidelve predict runs/tiny --data tiny-imagenet-20.zip --count 12 --seed 1   # pictures of a data set
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "predict", "the likeliest classes of pictures, with probabilities", EXAMPLE, run)
    add_run_argument(parser)
    parser.add_argument(
        "images", metavar="IMAGE", nargs="*", help="a JPEG, PNG or WebP file; *, ? and [] stand for names"
    )
    parser.add_argument(
        "--truth",
        metavar="CLASS",
        help="the right class of the IMAGEs, an id or a name (default: that of their folder, if it is called so)",
    )
    parser.add_argument(
        "--data", type=data_path, metavar="PATH|toy", help="take pictures of this data set, in place of IMAGEs"
    )
    parser.add_argument("--split", choices=("val", "train"), help="of --data (default val)")
    parser.add_argument("--count", type=at_least(1), metavar="N", help=f"pictures of --data (default {COUNT})")
    parser.add_argument("--seed", type=at_least(0), metavar="N", help="which pictures of --data (default 0)")
    parser.add_argument("--top", type=at_least(1), default=5, metavar="N", help="classes to show (default 5)")
    parser.add_argument(
        "--out", type=some_path, metavar="FILE", help=".png, .pdf or .svg (default: the next free prediction.png)"
    )
    add_overwrite_option(parser)
    add_device_options(parser)
    add_precision_option(parser)


class Pictures(NamedTuple):
    """(path, uint8 (H, W, 3)) of each picture, and the name of its right class where that is known."""

    images: list[tuple[str, np.ndarray]]
    truths: list[str | None]


def run(args: argparse.Namespace) -> int:
    """Print the classes of each picture and draw them."""
    path = find_checkpoint(args.run_path)  # first: `predict picture.png` forgot the run, not the picture
    check_options(args)
    out = args.out or free_name()
    picture = NewFile(f"--out {out}", out, args.overwrite)
    check_device(args.device)
    saved = checkpoint.load(path, optimizer=False)
    network = checkpoint.trained_network(saved, path)
    pictures = of_data_set(args, saved.meta) if args.data else of_files(args, saved.meta)
    config = saved.meta["config"]
    with within_device_memory(less="--device cpu"):
        network.to(args.device)
        predictions = predict(
            network,
            pictures.images,
            saved.statistics,
            views(len(saved.mean), config.get("short_side"))[1],
            saved.meta["class_names"],
            args.top,
            args.device,
            pictures.truths,
        )
    for prediction in predictions:
        say(describe(prediction))
    drawn = predictions[:MOST_DRAWN]
    stand_ins = stand_ins_of(saved.meta["classes"], saved.meta["class_names"])
    content = draw(drawn, f"{config['model']} ({config['activation']}), {path}", picture.form, stand_ins)
    if content is not None:
        picture.write(content)
        less = f" (the first {MOST_DRAWN} pictures)" if len(drawn) < len(predictions) else ""
        say(f"drawn in {out}{less}")
    return 0


def check_options(args: argparse.Namespace) -> None:
    """RunError for options that do not go together."""
    if not args.images and not args.data:
        raise RunError("predict: no pictures; give IMAGE files, or --data with a data set to take some from")
    if args.images and args.data:
        raise RunError(f"--data takes its own pictures, so {args.images[0]} has no place; give one or the other")
    if args.truth is not None and args.data:
        raise RunError(f"--truth {args.truth}: the pictures of --data have their own right classes; leave it out")
    for name in ("split", "count", "seed"):
        if getattr(args, name) is not None and not args.data:
            raise RunError(f"--{name} chooses pictures of a data set; give one with --data, or leave it out")


def of_files(args: argparse.Namespace, meta: dict[str, Any]) -> Pictures:
    """The IMAGE files, all of the class --truth, or each of the class that its folder is called."""
    paths = list(expanded(args.images))
    if args.truth is None:
        numbers = [class_of_folder(path, meta) for path in paths]
    else:
        numbers = [class_number(args.truth, meta)] * len(paths)
    truths = [None if number is None else meta["class_names"][number] for number in numbers]
    return Pictures([(path, data.decode(path, upright=True)) for path in paths], truths)


def expanded(images: Sequence[str]) -> Iterator[str]:
    """The files, those for which a pattern stands in sorted order: Windows leaves patterns to the program.

    RunError for a pattern that no file matches, and for a folder.
    """
    for image in images:
        if os.path.isdir(image):
            raise RunError(f"{image} is a folder; expected pictures", cure=f"give its files, or --data {image}")
        if not glob.has_magic(image) or os.path.lexists(image):
            yield image
            continue
        found = sorted(glob.glob(image, recursive=True))
        if not found:
            raise RunError(f"{image}: no file has such a name", cure="check the pattern")
        yield from found


def class_of_folder(path: str, meta: dict[str, Any]) -> int | None:
    """The class after which the picture's folder is called, or the one above images/; None if it is none."""
    folders = Path(os.path.abspath(path)).parts[:-1]
    name = folders[-2] if folders[-1] == "images" and len(folders) > 1 else folders[-1]
    return known_class(name, meta)


def known_class(text: str, meta: dict[str, Any]) -> int | None:
    """The class with this id or name, or with this as the first of its names; None if there is none."""
    ids, names = meta["classes"], meta["class_names"]
    firsts: Sequence[str] = [first_name(name) for name in names]
    return next((known.index(text) for known in (ids, names, firsts) if text in known), None)


def class_number(text: str, meta: dict[str, Any]) -> int:
    """Like `known_class`; RunError if there is none."""
    number = known_class(text, meta)
    if number is not None:
        return number
    ids, firsts = meta["classes"], [first_name(name) for name in meta["class_names"]]
    few = ", ".join(firsts[:5]) + (", ..." if len(firsts) > 5 else "")
    meant = closest(text, [*firsts, *ids])
    raise RunError(
        f"--truth {text}: the run knows no such class",
        expected=f"one of its {len(ids)}: {few}",
        cure=f"did you mean {meant}?" if meant else "",
    )


def of_data_set(args: argparse.Namespace, meta: dict[str, Any]) -> Pictures:
    """--count pictures of --data drawn by --seed, with the classes that they have there."""
    dataset = data.open_dataset(args.data, args.split or "val")
    check_data_set(dataset, meta["classes"])
    wanted = min(args.count or COUNT, len(dataset))
    chosen = np.random.default_rng(args.seed or 0).choice(len(dataset), wanted, replace=False).tolist()
    images = [(near(dataset.path(i)), dataset.image(i)) for i in chosen]
    return Pictures(images, [meta["class_names"][dataset.labels[i]] for i in chosen])


def near(path: str) -> str:
    """The path from the current folder if it lies below it."""
    here = os.getcwd() + os.sep
    return path.removeprefix(here)


def free_name() -> Path:
    """prediction.png, or the first of prediction-2.png, prediction-3.png, ... that is free."""
    names = chain(["prediction.png"], (f"prediction-{i}.png" for i in count(2)))
    return next(path for path in map(Path, names) if not os.path.lexists(path))

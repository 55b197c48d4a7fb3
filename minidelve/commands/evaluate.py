"""`minidelve evaluate`: top-1 and top-5 error of trained runs, in the paper's ways of testing."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from typing import Any

from minidelve import data
from minidelve.commands.arguments import (
    add_command,
    add_compute_options,
    add_device_options,
    add_loader_options,
    add_precision_option,
    at_least,
    computing,
    data_path,
    some_path,
)
from minidelve.errors import RunError, shown
from minidelve.evaluation.report import ReportFolder, table, worst_classes
from minidelve.evaluation.runs import AS_TRAINED, Way, evaluate_runs
from minidelve.models.option import Kind, integers, is_count, is_list_of_counts
from minidelve.progress import say
from minidelve.training.computing import asked_for

EXAMPLE = """
minidelve evaluate runs/first
minidelve evaluate runs/tiny/last.npz --data tiny-imagenet-20.zip --split val
minidelve evaluate runs/tiny --protocol ten-view --confusions 5
minidelve evaluate runs/a --protocol dense --scales 256,384,480 --max-memory 2GB     # the paper's Table 4
minidelve evaluate runs/a runs/b runs/c --protocol dense --out ensemble              # scores averaged over runs
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(
        subparsers, "evaluate", "top-1 and top-5 error of trained runs: centre crop, ten views or dense windows",
        EXAMPLE, run,
    )  # fmt: skip
    parser.add_argument(
        "run_paths", metavar="RUN", type=some_path, nargs="+",
        help="a run folder (its best.npz) or an .npz file; the scores of several are averaged: an ensemble",
    )  # fmt: skip
    parser.add_argument(
        "--data", type=data_path, metavar="PATH|toy", help="default: the data the (first) run was trained on"
    )
    parser.add_argument("--split", choices=("val", "train"), default="val", help="default val")
    parser.add_argument(
        "--protocol", choices=("center", "ten-view", "dense"), default="center",
        help="center: one crop; ten-view: four corners and the centre of the whole image; dense: every window of the "
        "last conv map (default center)",
    )  # fmt: skip
    parser.add_argument(
        "--scales", type=scales, metavar="S,...",
        help="shorter sides to which each image is brought; scores are averaged over them (default: as trained)",
    )  # fmt: skip
    parser.add_argument(
        "--flip", action=argparse.BooleanOptionalAction, default=None,
        help="mirrored views too (default: no for center, yes for ten-view and dense)",
    )  # fmt: skip
    parser.add_argument(
        "--max-memory", type=memory_size, default="1GB", metavar="SIZE",
        help="for activations, beside weights and images waiting, such as 500MB or 4GB (default 1GB)",
    )  # fmt: skip
    parser.add_argument("--confusions", type=at_least(1), metavar="N", help="show the N worst classes")
    parser.add_argument("--out", type=some_path, metavar="DIR", help="write evaluation.json and classes.csv there")
    parser.add_argument("--overwrite", action="store_true", help="replace those files")
    add_loader_options(parser)
    add_device_options(parser)
    add_precision_option(parser)
    add_compute_options(parser)


scales = Kind(
    "a list of different shorter sides such as 256,384,480", integers,
    lambda sides: is_list_of_counts(sides) and len(set(sides)) == len(sides),
)  # fmt: skip


def size_in_bytes(text: str) -> int:
    """Bytes from 500MB, 4GB or 1.5GB.

    >>> size_in_bytes("1.5GB")
    1500000000
    """
    units = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
    unit = text[-2:].upper()
    if unit not in units:
        raise ValueError(f"{shown(unit)} is not a unit")
    return int(float(text[:-2]) * units[unit])


memory_size = Kind("a size in KB, MB, GB or TB such as 500MB or 4GB", size_in_bytes, is_count)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print a line, or a table where there are several runs or scales."""
    way = Way(
        args.protocol, args.scales, args.flip, args.max_memory, args.batch_size, args.device, args.workers,
        args.on_bad_image,
    )  # fmt: skip
    args.flip = way.mirrored
    if args.overwrite and not args.out:
        raise RunError("--overwrite replaces the files of --out; give --out too")
    with ReportFolder(args.out, args.overwrite) if args.out else nullcontext() as folder, computing(args):
        return evaluate(args, way, folder)


def evaluate(args: argparse.Namespace, way: Way, folder: ReportFolder | None) -> int:
    """Evaluate, print, and fill the folder of --out if there is one."""
    found = evaluate_runs(args.run_paths, args.data, args.split, way)
    rows, dataset = found.rows, found.dataset
    last = rows[-1].tally
    errors = last.errors()
    top5 = f"top-5 error {errors.top5:.2f}%, " if errors.top5 is not None else ""
    if len(rows) == 1:
        say(
            f"{dataset.name} {args.split}{unusual(args)}: top-1 error {errors.top1:.2f}%, "
            f"{top5}cross entropy {errors.loss:.4f} ({errors.images} images)"
        )
    else:
        say(f"{dataset.name} {args.split}: {described(args)} ({errors.images} images)\n{table(rows)}")
    if args.confusions:
        say(worst_classes(last, dataset.class_names, args.confusions))
    if dataset.strays:
        say(f"ignored {dataset.ignored()}")
    for reason in found.skipped.values():
        say(f"left out: {reason}")
    if folder:
        folder.write(options(args, dataset, found.skipped), rows, dataset.classes, dataset.class_names)
        say(f"evaluation.json and classes.csv are in {args.out}")
    return 0


def unusual(args: argparse.Namespace) -> str:
    """How the test was made, unless it is the plain centre crop."""
    scale = f" at scale {args.scales[0]}" if args.scales else ""
    plain = args.protocol == "center" and not args.flip
    return (", " + described(args) if not plain else "") + scale


def described(args: argparse.Namespace) -> str:
    """Such as: dense windows, mirrored too."""
    what = {"center": "centre crops", "ten-view": "corner and centre crops", "dense": "dense windows"}[args.protocol]
    return what + (", mirrored too" if args.flip else "")


def options(args: argparse.Namespace, dataset: data.Dataset, skipped: dict[str, str]) -> dict[str, Any]:
    """What evaluation.json says about how its figures came about."""
    return {
        "data": dataset.name, "split": args.split, "protocol": args.protocol, "flip": args.flip,
        "scales": args.scales or AS_TRAINED, "device": args.device, "precision": args.precision, **asked_for(),
        "runs": [str(path) for path in args.run_paths], "left_out": skipped,
    }  # fmt: skip

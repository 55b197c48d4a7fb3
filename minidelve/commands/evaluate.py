"""`minidelve evaluate`: top-1 and top-5 error of a trained run."""

from __future__ import annotations

import argparse
from typing import Any

from minidelve import checkpoint, data
from minidelve.commands.arguments import add_command, add_loader_options, add_run_argument, data_path
from minidelve.evaluate import evaluate
from minidelve.progress import progress
from minidelve.run_folder import find_checkpoint
from minidelve.train import check_device, views

EXAMPLE = """
minidelve evaluate runs/first
minidelve evaluate runs/tiny/last.npz --data tiny-imagenet-20.zip --split val
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "evaluate", "top-1 and top-5 error of a trained run, centre crops", EXAMPLE, run)
    add_run_argument(parser)
    parser.add_argument("--data", type=data_path, metavar="PATH|toy", help="default: the data the run was trained on")
    parser.add_argument("--split", choices=("val", "train"), default="val", help="default val")
    add_loader_options(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print one line."""
    path = find_checkpoint(args.run_path)
    saved = checkpoint.load(path)
    check_device(args.device)
    config = saved.meta["config"]
    try:
        dataset = data.open_dataset(args.data or config["data"], args.split)
    except data.DataError as error:
        hint = "" if args.data else " (the run was trained on it; if it has moved, give its new place with --data)"
        raise data.DataError(f"{error}{hint}") from error
    if dataset.classes != saved.meta["classes"]:
        raise data.DataError(
            f"{dataset.name} has {len(dataset.classes)} classes that are not the {len(saved.meta['classes'])} "
            f"the run was trained on; give that data set with --data"
        )
    network = checkpoint.restore_network(saved, path)
    network.to(args.device)
    loader = data.Loader(
        dataset,
        min(args.batch_size, len(dataset)),
        views(config["size"])[1],
        data.Statistics(saved.mean, saved.meta["std"]),
        shuffle=False,
        seed=0,
        workers=args.workers,
        on_bad_image=args.on_bad_image,
    )
    errors = evaluate(network, progress(loader.epoch(0), len(loader), "evaluating"), args.device)
    print(
        f"{dataset.name} {args.split}: top-1 error {errors.top1:.2f}%, top-5 error {errors.top5:.2f}%, "
        f"cross entropy {errors.loss:.4f} ({errors.images} images)"
    )
    for image, reason in loader.skipped.items():
        print(f"left out: {image}: {reason}")
    return 0

"""`minidelve data pack`: every image decoded and scaled once, into a store that is fast to read."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

from minidelve import data
from minidelve.commands.arguments import add_command, at_least, data_path, some_path
from minidelve.data.store import read_header
from minidelve.errors import RunError
from minidelve.progress import say, show_images

EXAMPLE = """
minidelve data pack ILSVRC imagenet-256 --short-side 256 --workers 8
minidelve data pack tiny-imagenet-200.zip tiny-packed --short-side 64
minidelve train --data tiny-packed --out runs/tiny-packed
"""
MORE = """
Training on the store is training on the same images, without decoding a JPEG each time one is seen.
An image whose shorter side is not longer than --short-side keeps its size, and what is scaled down
is gone: for scales of 256 to 512 in training, pack with --short-side 512 (four times the disk).
Stop whenever you like: the same command goes on where it was (leave --overwrite out then).
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "data pack", "decode and scale a data set once, into a packed store", EXAMPLE, run)
    parser.description += "\n" + MORE
    parser.add_argument("source", type=data_path, metavar="SRC", help="folder, .zip or .tar of images, or toy")
    parser.add_argument("destination", type=some_path, metavar="DST", help="a new folder for the store")
    parser.add_argument(
        "--short-side", type=at_least(1), default=256, metavar="N", help="scale the shorter side to N (default 256)"
    )
    parser.add_argument("--workers", type=at_least(1), default=2, metavar="N", help="threads that decode (default 2)")
    parser.add_argument(
        "--on-bad-image",
        choices=("error", "skip"),
        default="error",
        help="an unreadable image stops the work, or is left out and noted in the header",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a packed store that is at DST")


def run(args: argparse.Namespace) -> int:
    """Pack, or go on packing."""
    if args.source != "toy" and not os.path.exists(args.source):
        raise RunError(f"{args.source}: does not exist; expected the folder, .zip or .tar to pack; check the path")
    try:
        header = data.pack(
            args.source,
            args.destination,
            args.short_side,
            workers=args.workers,
            on_bad_image=args.on_bad_image,
            overwrite=args.overwrite,
            say=say,
            track=show_images,
        )
    except KeyboardInterrupt as stop:
        goes_on = "the same command, without --overwrite, goes on where it was"
        raise KeyboardInterrupt(goes_on if is_unfinished(args.destination) else "") from stop
    for split, facts in header["splits"].items():
        say(f"{split}: {facts['images']} images packed")
        if facts["smaller"]:
            say(f"  {facts['smaller']} of them are smaller than {args.short_side} and kept their size")
        for _, reason in facts["skipped"]:
            say(f"  left out: {reason}")
    use = "train on it" if "train" in header["splits"] else "evaluate a run on it"
    say(f"the store is in {args.destination}; {use} with --data {args.destination}")
    return 0


def is_unfinished(store: Path) -> bool:
    """Whether a store lies there with which packing can go on."""
    try:
        return not read_header(store)["finished"]
    except (data.DataError, OSError):
        return False

"""`minidelve predict`: the likeliest classes of pictures, as text and as a drawing."""

from __future__ import annotations

import argparse
import os
from itertools import chain, count
from pathlib import Path
from typing import Any

from minidelve import checkpoint, data
from minidelve.commands.arguments import add_command, add_run_argument, at_least
from minidelve.commands.picture_file import PictureFile, add_overwrite_option
from minidelve.predict import describe, draw, predict
from minidelve.run_folder import find_checkpoint
from minidelve.train import check_device, views

MOST_DRAWN = 40
EXAMPLE = """
minidelve predict runs/first picture.jpg
minidelve predict runs/tiny a.JPEG b.png --top 3 --out guesses.png
"""


def add_to(subparsers: Any) -> None:
    """Declare the subcommand."""
    parser = add_command(subparsers, "predict", "the likeliest classes of pictures, with probabilities", EXAMPLE, run)
    add_run_argument(parser)
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="a JPEG or PNG file")
    parser.add_argument("--top", type=at_least(1), default=5, metavar="N", help="classes to show (default 5)")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help=".png, .pdf or .svg (default: prediction.png, prediction-2.png, ...)"
    )
    add_overwrite_option(parser)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where to compute")


def run(args: argparse.Namespace) -> int:
    """Print the classes of each picture and draw them."""
    path = find_checkpoint(args.run_path)
    out = args.out or free_name()
    picture = PictureFile("--out", out, args.overwrite)
    check_device(args.device)
    saved = checkpoint.load(path)
    network = checkpoint.restore_network(saved, path)
    network.to(args.device)
    predictions = predict(
        network,
        [(image, data.decode(image, upright=True)) for image in args.images],
        data.Statistics(saved.mean, saved.meta["std"]),
        views(len(saved.mean))[1],
        saved.meta["class_names"],
        args.top,
        args.device,
    )
    for prediction in predictions:
        print(describe(prediction))
    drawn = predictions[:MOST_DRAWN]
    config = saved.meta["config"]
    picture.write(draw(drawn, f"{config['model']} ({config['activation']}), {path}", picture.form))
    less = f" (the first {MOST_DRAWN} pictures)" if len(drawn) < len(predictions) else ""
    print(f"drawn in {out}{less}")
    return 0


def free_name() -> Path:
    """prediction.png, or the first of prediction-2.png, prediction-3.png, ... that is free."""
    names = chain(["prediction.png"], (f"prediction-{i}.png" for i in count(2)))
    return next(path for path in map(Path, names) if not os.path.lexists(path))
